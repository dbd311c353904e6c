"""Names and folders that would escape are refused before anything is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.codec import replace
from gitfleet.errors import BadName, BadPath, UsageError
from gitfleet.git.git_worktrees import Worktree
from gitfleet.worktrees import validity
from tests.workbench import Gitfleet
from tests.worktrees.yard import Yard, picture

HOSTILE = [
    "", "../../x", "-x", "a/b", "x" * 300, "a\nb", "a\x1b[31m", "a b", ".x", "x.lock", "x..y", "..", "é", "a\udcffb", "$(touch x)",
    "x;rm -rf ~", "%s", "HEAD@{0}", "a\\b", "refs/heads/main",
]  # fmt: skip
FOLDERS = [
    "", ".", "..", "../x", "a/../../x", "/", "/tmp/elsewhere", ".git", ".git/x", "a/.GIT/b", "-x", "a/-x", "a\nb", "a\x1b]0;x\x07",
    "x" * 300, "/".join(["long"] * 400),
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_session_or_agent_that_is_no_plain_name_is_refused(name: str) -> None:
    with pytest.raises(BadName):
        validity.check_name("a session", name)


@pytest.mark.parametrize("name", [*(n for n in HOSTILE if n not in {"a/b", "é", "a\udcffb", "%s", "refs/heads/main"}), "a//b", "a/.b", "a/", "/a", "x~1", "x:y", "@"])  # fmt: skip
def test_base_that_is_no_branch_name_is_refused(name: str) -> None:
    with pytest.raises(BadName):
        validity.check_branch(name)


@pytest.mark.parametrize("name", ["main", "release/1.2", "é", "a\udcffb", "$(touch)", "%s", "HEAD2"])
def test_base_that_git_allows_is_allowed(name: str) -> None:
    assert validity.check_branch(name) == name


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_that_escapes_is_refused_by_its_name_alone(folder: str, tmp_path: Path) -> None:
    with pytest.raises(BadPath):
        validity.relative(folder, str(tmp_path))


@pytest.mark.parametrize(
    ("folder", "plain"),
    [
        (".worktrees", ".worktrees"),
        ("./a//b/", "a/b"),
        (".worktrees/codex-auto-ci", ".worktrees/codex-auto-ci"),
        ("a b", "a b"),
    ],
)
def test_folder_below_the_top_is_told_plainly(folder: str, plain: str, tmp_path: Path) -> None:
    assert validity.relative(folder, str(tmp_path)) == plain
    assert validity.relative(str(tmp_path / plain), str(tmp_path)) == plain


def test_folder_through_a_symbolic_link_or_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    for folder in ("link", "link/x", "dangling", "file", "file/x"):
        with pytest.raises(BadPath):
            validity.check_folder(folder, str(tmp_path), [_worktree(tmp_path)], [])


def test_folder_in_another_worktree_or_tracked_is_refused(tmp_path: Path) -> None:
    everything = [_worktree(tmp_path), _worktree(tmp_path / "w" / "a")]
    for folder, tracked in (("w/a", []), ("w/a/b", []), ("src", ["src/x.py"])):
        with pytest.raises(BadPath):
            validity.check_folder(folder, str(tmp_path), everything, tracked)
    assert validity.check_folder("w", str(tmp_path), everything, []) == str(tmp_path / "w")


def test_top_of_a_bare_repository_is_the_folder_around_it_only_if_it_is_hidden_there(yard: Yard) -> None:
    with yard.open() as fleet:
        repository = fleet.repository
    bare = Worktree("/x/.bare", "/x/.bare", None, None, bare=True, locked=None, prunable=None)
    assert validity.top(replace(repository, common_dir="/x/.bare"), [bare]) == "/x"
    with pytest.raises(UsageError):
        validity.top(replace(repository, common_dir="/x/hub.git"), [bare])


REFUSED = [
    *[["--session", name] for name in ("../../x", "-x", "a/b", "x" * 300, "a\nb", "")],
    *[["--agent", name] for name in ("../../x", "a\x1bb")],
    *[["--base", name] for name in ("--upload-pack=x", "../x")],
    *[["--managed-dir", name] for name in ("../x", "/tmp/elsewhere", ".git/x", "src", "link")],
    ["--strategy", "octopus", "--reconcile"],
]


def test_ensure_with_a_hostile_argument_ends_with_2_and_touches_nothing(
    yard: Yard, gitfleet: Gitfleet
) -> None:
    (yard.top / "link").symlink_to(yard.fleets.root)
    (yard.fleets.root / "victim").mkdir()
    before = picture(yard.fleets.root), yard.git(yard.top, "for-each-ref", "refs/heads")
    for options in REFUSED:
        gitfleet(yard.top, "worktree", "ensure", *options).ended(2)
    assert (picture(yard.fleets.root), yard.git(yard.top, "for-each-ref", "refs/heads")) == before
    assert not (yard.top / ".worktrees").exists()


def _worktree(path: Path) -> Worktree:
    return Worktree(str(path), "", None, None, bare=False, locked=None, prunable=None)
