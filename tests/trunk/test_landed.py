"""Whether commits count as safe on the hub: each proof, and all that only looks like one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gitfleet.git.program import Git as GitProgram
from gitfleet.trunk.landed import Landed, judge
from tests.workbench import Git

LINES = [f"line {number}\n" for number in range(30)]


@pytest.fixture
def here(repository: Path, git: Git) -> Path:
    """A repository with a file of many lines; `main` stands for the hub's, `work` is checked out."""
    git.commit(repository, {"long.txt": "".join(LINES)}, "long")
    git(repository, "checkout", "--quiet", "-b", "work")
    return repository


def edited(*changes: tuple[int, str]) -> str:
    lines = list(LINES)
    for number, text in changes:
        lines[number] = text + "\n"
    return "".join(lines)


def judged(here: Path, git: Git, *tips: str, base: str | None = "main", head: str = "work") -> Landed:
    commit = git(here, "rev-parse", base) if base else None
    common = GitProgram(str(here / ".git"))
    return judge(
        common, git(here, "rev-parse", head), commit, "main", [git(here, "rev-parse", tip) for tip in tips]
    )


def on_main(here: Path, git: Git, files: dict[str, str], message: str = "on main") -> None:
    git(here, "checkout", "--quiet", "main")
    git.commit(here, files, message)
    git(here, "checkout", "--quiet", "work")


def squash(here: Path, git: Git) -> None:
    """Bring `work` to main as one commit, as a hub does."""
    git(here, "checkout", "--quiet", "main")
    git(here, "merge", "--quiet", "--squash", "work")
    git(here, "commit", "--quiet", "-m", "squashed")
    git(here, "checkout", "--quiet", "work")


def test_ancestor_is_merged(here: Path, git: Git) -> None:
    git.commit(here, {"x": "1"})
    git(here, "branch", "--force", "main", "work")
    assert judged(here, git).word == "merged"
    git(here, "checkout", "--quiet", "main")
    git.commit(here, {"y": "1"})
    assert judged(here, git).word == "merged"


def test_commits_nowhere_else_are_unmerged(here: Path, git: Git) -> None:
    git.commit(here, {"x": "1"})
    git.commit(here, {"y": "1"})
    found = judged(here, git)
    assert (found.word, found.safe, found.commits) == ("unmerged", False, 2)


def test_base_that_is_not_known_is_unknown(here: Path, git: Git) -> None:
    assert judged(here, git, base=None) == Landed("unknown", "where mainis on the hub is not known")


def test_branch_of_the_hub_at_the_commit_is_pushed(here: Path, git: Git) -> None:
    git.commit(here, {"x": "1"})
    assert judged(here, git, "work").word == "pushed"


def test_branch_of_the_hub_that_went_on_from_the_commit_is_pushed(here: Path, git: Git) -> None:
    git.commit(here, {"x": "1"})
    git(here, "branch", "old", "work")
    git.commit(here, {"y": "1"})
    found = judged(here, git, "work", "main", head="old")
    assert (found.word, found.exact) == ("pushed", True)


def test_branch_of_the_hub_that_lacks_the_commit_proves_nothing(here: Path, git: Git) -> None:
    git(here, "branch", "pushed")
    git.commit(here, {"x": "1"})
    assert judged(here, git, "pushed").word == "unmerged"


def test_tips_that_are_not_here_or_no_ids_prove_nothing(here: Path, git: Git) -> None:
    head = git.commit(here, {"x": "1"})
    common, base = GitProgram(str(here / ".git")), git(here, "rev-parse", "main")
    assert judge(common, head, base, "main", ["f" * 40, "--all", "HEAD", ""]).word == "unmerged"


def test_rebased_is_recognised_although_the_base_went_on(here: Path, git: Git) -> None:
    git.commit(here, {"long.txt": edited((3, "a"))}, "one")
    git.commit(here, {"long.txt": edited((3, "a"), (20, "b"))}, "two")
    on_main(here, git, {"other": "1"})
    git(here, "checkout", "--quiet", "main")
    git(here, "cherry-pick", "main..work")
    git.commit(here, {"long.txt": edited((3, "changed since"), (20, "b"))}, "goes on")
    git(here, "checkout", "--quiet", "work")
    found = judged(here, git)
    assert (found.word, found.exact) == ("rebased", False)


def test_rebased_in_part_is_unmerged(here: Path, git: Git) -> None:
    git.commit(here, {"long.txt": edited((3, "a"))}, "one")
    git.commit(here, {"rest": "1"}, "two")
    git(here, "checkout", "--quiet", "main")
    git(here, "cherry-pick", "work~1")
    assert judged(here, git).word == "unmerged"


def test_squashed_is_recognised(here: Path, git: Git) -> None:
    for number in (3, 20):
        git.commit(here, {"long.txt": edited((3, "a"), (20, str(number))), f"{number}": "x"})
    squash(here, git)
    assert judged(here, git).word == "squashed"


def test_squashed_is_recognised_after_the_base_changed_the_same_lines(here: Path, git: Git) -> None:
    for number in (1, 2):
        git.commit(here, {"long.txt": edited((3, "a"), (10, str(number)))})
    squash(here, git)
    on_main(here, git, {"long.txt": edited((3, "anew"), (10, "anew"))})
    assert judged(here, git).word == "squashed"


def test_squashed_is_recognised_after_the_base_was_merged_into_it(here: Path, git: Git) -> None:
    """What reconcile does, every five minutes."""
    git.commit(here, {"long.txt": edited((3, "a"))})
    git.commit(here, {"x": "1"})
    squash(here, git)
    on_main(here, git, {"other": "1"})
    git(here, "merge", "--quiet", "--no-edit", "main")
    assert judged(here, git).word == "squashed"


def test_squash_that_was_reverted_is_unmerged(here: Path, git: Git) -> None:
    for number in (1, 2):
        git.commit(here, {"long.txt": edited((3, "a"), (10, str(number)))})
    git(here, "checkout", "--quiet", "main")
    on_main(here, git, {"long.txt": edited((3, "b"))})
    assert judged(here, git).word == "unmerged"


def test_squash_with_one_commit_more_is_unmerged(here: Path, git: Git) -> None:
    git.commit(here, {"long.txt": edited((3, "a"))})
    squash(here, git)
    git.commit(here, {"long.txt": edited((3, "a"), (25, "after"))})
    assert judged(here, git).word == "unmerged"


def test_merge_that_adds_something_of_its_own_is_unmerged(here: Path, git: Git) -> None:
    git.commit(here, {"long.txt": edited((3, "a"))})
    on_main(here, git, {"other": "1"})
    git(here, "merge", "--quiet", "--no-commit", "main")
    (here / "evil").write_text("added in the merge", encoding="ascii")
    git(here, "add", "evil")
    git(here, "commit", "--quiet", "--no-edit")
    git(here, "checkout", "--quiet", "main")
    git(here, "cherry-pick", "work^1")
    assert judged(here, git).word == "unmerged"


def test_binary_file_that_differs_is_unmerged(here: Path, git: Git) -> None:
    (here / "image").write_bytes(b"\0one")
    git(here, "add", "image")
    git(here, "commit", "--quiet", "-m", "image")
    git(here, "checkout", "--quiet", "main")
    (here / "image").write_bytes(b"\0two")
    git(here, "add", "image")
    git(here, "commit", "--quiet", "-m", "image")
    assert judged(here, git).word == "unmerged"


@pytest.mark.parametrize("attributes", ["* merge=mine\n", "* merge=union\n", "* -merge\n"])
@pytest.mark.parametrize("place", [".gitattributes", ".git/info/attributes"])
def test_merge_driver_that_keeps_one_side_does_not_make_it_landed(
    here: Path, git: Git, attributes: str, place: str
) -> None:
    git(here, "config", "merge.mine.driver", "true")
    git(here, "config", "merge.default", "mine")
    (here / ".git/info").mkdir(exist_ok=True)
    (here / place).write_text(attributes, encoding="ascii")
    on_main(here, git, {"long.txt": edited((3, "theirs"))})
    git.commit(here, {"long.txt": edited((3, "ours"))})
    assert judged(here, git).word == "unmerged"


def test_shallow_history_is_unknown_unless_the_commit_itself_is_there(
    here: Path, git: Git, tmp_path: Path
) -> None:
    git.commit(here, {"x": "1"})
    on_main(here, git, {"y": "1"})
    git(tmp_path, "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{here}", "shallow")
    shallow = tmp_path / "shallow"
    git(shallow, "branch", "--force", "main", "origin/main")
    found = judged(shallow, git, head="origin/work")
    assert (found.word, "shallow" in found.reason) == ("unknown", True)
    assert judged(shallow, git, "origin/work", head="origin/work").word == "pushed"


def test_grafts_and_replacements_prove_nothing(here: Path, git: Git) -> None:
    git.commit(here, {"x": "1"})
    on_main(here, git, {"y": "1"})
    main, work = git(here, "rev-parse", "main"), git(here, "rev-parse", "work")
    git(here, "replace", "--graft", main, work)
    assert judged(here, git).word == "unmerged"
    git(here, "replace", "-d", main)
    (here / ".git/info").mkdir(exist_ok=True)
    (here / ".git/info/grafts").write_text(f"{main} {work}\n", encoding="ascii")
    assert judged(here, git).word == "unknown"


def test_unrelated_history_is_unmerged(here: Path, git: Git) -> None:
    git(here, "checkout", "--quiet", "--orphan", "alone")
    git.commit(here, {"x": "1"})
    git(here, "commit", "--quiet", "--allow-empty", "-m", "x")
    assert judged(here, git, head="alone").word == "unmerged"


def test_history_that_is_missing_is_unknown(here: Path, git: Git) -> None:
    parent = git.commit(here, {"x": "1"})
    git.commit(here, {"y": "1"})
    (here / ".git/objects" / parent[:2] / parent[2:]).unlink()
    found = judged(here, git)
    assert not found.safe, found
    shutil.rmtree(here)


def test_merges_that_bring_nothing_are_no_commits_that_the_hub_lacks(here: Path, git: Git) -> None:
    """What upkeep adds to a branch. It is archived all the same: the hub does not have it."""
    git.commit(here, {"x": "1"})
    git(here, "branch", "pushed")
    on_main(here, git, {"y": "1"})
    git(here, "merge", "--quiet", "--no-edit", "main")
    found = judged(here, git, "pushed")
    assert (found.word, found.safe, found.exact) == ("pushed", True, False)
    git.commit(here, {"z": "1"})
    on_main(here, git, {"y": "2"})
    git(here, "merge", "--quiet", "--no-edit", "main")
    assert judged(here, git, "pushed").reason == "1 commit is not on the hub"
    assert judged(here, git).reason == "2 commits are not on the hub"


def test_merge_with_an_edit_of_its_own_is_a_commit_that_the_hub_lacks(here: Path, git: Git) -> None:
    git.commit(here, {"x": "1"})
    git(here, "branch", "pushed")
    on_main(here, git, {"y": "1"})
    git(here, "merge", "--quiet", "--no-commit", "main")
    (here / "x").write_text("resolved")
    git(here, "commit", "--quiet", "--all", "--message", "merged")
    found = judged(here, git, "pushed")
    assert (found.word, found.reason) == ("unmerged", "1 commit is not on the hub")


def test_merge_of_what_only_lies_here_brings_that(here: Path, git: Git) -> None:
    git.commit(here, {"x": "1"})
    git(here, "branch", "pushed")
    git(here, "checkout", "--quiet", "-b", "side", "main")
    git.commit(here, {"s": "1"})
    git(here, "checkout", "--quiet", "work")
    git(here, "merge", "--quiet", "--no-edit", "side")
    assert judged(here, git, "pushed").reason == "1 commit is not on the hub"
