"""The files of one commit in a place for gates, whatever the last gate did to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitfleet.gates import checkout, slots
from gitfleet.gates.checkout import NoCheckout
from gitfleet.git.repository import Repository, discover
from tests.workbench import Git, run


class Place:
    """One place, and the commits that are laid out in it."""

    def __init__(self, repository: Path, git: Git, top: Path) -> None:
        self._git, self.repository, self._top = git, repository, top
        self.head = git(repository, "rev-parse", "HEAD").strip()

    @property
    def found(self) -> Repository:
        return discover(str(self.repository))

    def lay_out(self, commit: str | None = None) -> Path:
        commit = commit or self.head
        tree = self._git(self.repository, "rev-parse", f"{commit}^{{tree}}").strip()
        with slots.taken(str(self._top)) as slot:
            return Path(checkout.lay_out(self.found, slot, commit, tree))

    def files(self, path: Path) -> dict[str, str]:
        return {
            str(one.relative_to(path)): one.read_text()
            for one in path.rglob("*")
            if one.is_file() and ".git" not in one.relative_to(path).parts
        }

    def wanted(self, commit: str | None = None) -> dict[str, str]:
        names = self._git(self.repository, "ls-tree", "-r", "--name-only", "-z", commit or self.head).split(
            "\0"
        )
        at = commit or self.head
        shown = {name: run(["git", "show", f"{at}:{name}"], self.repository) for name in names if name}
        return {name: one.ok().stdout for name, one in shown.items()}


@pytest.fixture
def place(repository: Path, git: Git, tmp_path: Path) -> Place:
    return Place(repository, git, tmp_path / "places")


SPOILS = {
    "edits": "echo spoilt > src/api/a.py",
    "an edit of the same size and time": "touch -r src/api/a.py t; printf 'B = 1\\n' > src/api/a.py; touch -r t src/api/a.py; rm t",
    "staged edits": "echo spoilt > src/api/a.py; git add -A; echo more > new; git add new",
    "untracked and ignored files": "mkdir build; echo x > build/o; echo build > .gitignore; mkdir empty",
    "deleted files": "rm -rf src README.md",
    "a branch with commits": "git checkout -q -b of-the-gate; echo x > x; git add x; git commit -qm x",
    "an index that looks away": "git update-index --assume-unchanged src/api/a.py --skip-worktree README.md; echo spoilt > src/api/a.py; echo y > README.md",
    "a broken index": "echo broken > $(git rev-parse --git-dir)/index",
    "no index": "rm $(git rev-parse --git-dir)/index",
    "a lock": "touch $(git rev-parse --git-dir)/index.lock $(git rev-parse --git-dir)/HEAD.lock",
    "a merge in the middle": "git checkout -q -b one; echo 1 > README.md; git commit -qam 1; git checkout -q --detach HEAD~1; echo 2 > README.md; git commit -qam 2; git merge -q one; :",
    "a repository inside": "git init -q inside; echo x > inside/x; git -C inside add x; git -C inside commit -qm x",
    "no permission": "mkdir closed; echo x > closed/x; chmod 0 closed; chmod 500 src/api",
    "no .git": "rm .git",
    "another .git": "rm .git; git init -q .",
    "a link for a folder": "rm -rf src; ln -s /etc src",
    "a folder for a file": "rm README.md; mkdir README.md; echo x > README.md/x",
    "a sparse checkout": "git sparse-checkout set docs 2>/dev/null; :",
    "modes": "chmod +x README.md",
}


@pytest.mark.parametrize("script", SPOILS.values(), ids=SPOILS.keys())
def test_files_are_those_of_the_commit_whatever_a_gate_has_done(place: Place, git: Git, script: str) -> None:
    before = git(place.repository, "for-each-ref")
    path = place.lay_out()
    wanted = place.wanted()
    assert place.files(path) == wanted
    run(["sh", "-c", script], path).ok()
    later = git(place.repository, "for-each-ref")
    again = place.lay_out()
    assert place.files(again) == wanted
    assert run(["git", "status", "--porcelain", "--ignored"], again).ok().stdout == ""
    assert run(["git", "rev-parse", "--abbrev-ref", "HEAD"], again).ok().stdout == "HEAD\n"
    assert not os.access(again / "README.md", os.X_OK)
    assert sorted(one.name for one in again.iterdir()) == [".git", "README.md", "docs", "src"]
    assert git(place.repository, "for-each-ref") == later, "no branch moves because of us"
    assert before == later or "branch" in script or "checkout" in script
    for folder in again.parent.iterdir():
        run(["chmod", "-R", "u+rwx", str(folder)], again)


def test_place_follows_from_commit_to_commit_and_writes_what_differs(place: Place, git: Git) -> None:
    path = place.lay_out()
    same = (path / "README.md").stat().st_ino
    second = git.commit(place.repository, {"src/api/a.py": "A = 2\n", "new/deep/x": "x\n"})
    assert place.lay_out(second) == path
    assert place.files(path) == place.wanted(second)
    assert (path / "README.md").stat().st_ino == same
    assert place.lay_out() == path
    assert place.files(path) == place.wanted()
    assert not (path / "new").exists()


def test_two_at_once_get_two_places(place: Place, tmp_path: Path) -> None:
    with slots.taken(str(tmp_path / "places")) as first, slots.taken(str(tmp_path / "places")) as second:
        assert first.folder != second.folder
    with slots.taken(str(tmp_path / "places")) as third:
        assert third.folder == first.folder


def test_place_that_was_deleted_is_made_anew(place: Place) -> None:
    path = place.lay_out()
    run(["rm", "-rf", str(path.parent)], place.repository).ok()
    assert place.files(place.lay_out()) == place.wanted()


def test_commit_that_is_not_here_cannot_be_laid_out(place: Place, tmp_path: Path) -> None:
    with slots.taken(str(tmp_path / "places")) as slot, pytest.raises(NoCheckout):
        checkout.lay_out(place.found, slot, "b" * 40, "c" * 40)
    assert place.files(place.lay_out()) == place.wanted()


def test_tree_that_is_not_that_of_the_commit_is_told(place: Place, git: Git, tmp_path: Path) -> None:
    other = git(place.repository, "rev-parse", "HEAD:src").strip()
    with slots.taken(str(tmp_path / "places")) as slot, pytest.raises(NoCheckout, match="came to the tree"):
        checkout.lay_out(place.found, slot, place.head, other)


def test_filter_that_is_required_and_fails_is_told_in_gits_words(place: Place, git: Git) -> None:
    git(place.repository, "config", "filter.big.smudge", "sed s/small/large/")
    git(place.repository, "config", "filter.big.clean", "sed s/large/small/")
    git(place.repository, "config", "filter.big.required", "true")
    commit = git.commit(place.repository, {".gitattributes": "*.bin filter=big\n", "a.bin": "small\n"})
    assert (place.lay_out(commit) / "a.bin").read_text() == "large\n"
    place.lay_out()
    git(place.repository, "config", "filter.big.smudge", "no-such-program")
    with pytest.raises(NoCheckout, match="filter"):
        place.lay_out(commit)
    assert place.files(place.lay_out()) == place.wanted()


def test_submodules_that_the_clone_uses_come_anew_each_time(place: Place, git: Git, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "part")
    git.commit(tmp_path / "part", {"lib.py": "L = 1\n"})
    git(tmp_path, "config", "--global", "protocol.file.allow", "always")
    git(place.repository, "submodule", "--quiet", "add", f"file://{tmp_path}/part", "vendor/part")
    git(place.repository, "commit", "--quiet", "-m", "part")
    commit = git(place.repository, "rev-parse", "HEAD").strip()
    path = place.lay_out(commit)
    assert (path / "vendor/part/lib.py").read_text() == "L = 1\n"
    run(["sh", "-c", "cd vendor/part; echo spoilt > lib.py; echo x > new; git add -A"], path).ok()
    run(["mv", str(tmp_path / "part"), str(tmp_path / "away")], path).ok()
    assert place.lay_out(commit) == path
    assert (path / "vendor/part/lib.py").read_text() == "L = 1\n"
    assert not (path / "vendor/part/new").exists()
    place.lay_out(place.head)
    assert not (path / "vendor").exists()


def test_places_are_taken_away_with_what_git_knows_of_them(place: Place, git: Git, tmp_path: Path) -> None:
    place.lay_out()
    assert checkout.remove(place.found, str(tmp_path / "places")) == []
    assert not (tmp_path / "places").exists()
    assert git(place.repository, "worktree", "list", "--porcelain").count("worktree ") == 1
