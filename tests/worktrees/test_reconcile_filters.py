"""A filter that git cannot do without, as for large files, and whose program is missing or fails: nothing is left half-way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.workbench import Git
from tests.worktrees.yard import Yard

STRATEGIES = ["merge", "rebase"]
WORKS = "tr a-z A-Z"
FAILS_ON_BAD = (
    """sh -c 'text=$(cat); case $text in *BAD*) exit 3;; esac; printf "%s\\n" "$text" | tr a-z A-Z'"""
)


def filters(git: Git, yard: Yard, program: str, *, how: str = "smudge", clean: str = "tr A-Z a-z") -> None:
    git(yard.top, "config", "filter.pack.clean", clean)
    git(yard.top, "config", f"filter.pack.{how}", program)
    git(yard.top, "config", "filter.pack.required", "true")


@pytest.fixture
def tree(yard: Yard, git: Git) -> Path:
    """A worktree with files that pass through the filter `pack`, which works so far."""
    filters(git, yard, WORKS)
    yard.advance(
        {".gitattributes": "*.bin filter=pack\n", "a.bin": "one\n", "dir/gone.bin": "old\n", "plain": "1\n"}
    )
    tree = yard.make("s1")
    assert (tree / "a.bin").read_text() == "ONE\n"
    return tree


def diverge(yard: Yard, git: Git, tree: Path) -> None:
    git.commit(tree, {"own": "1"})
    git.commit(tree, {"own.bin": "MINE\n"})


def settled(git: Git, tree: Path) -> None:
    """Let git take the files for unchanged without a look into them, which takes the filter."""
    for path in tree.rglob("*.bin"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    git(tree, "update-index", "-q", "--refresh")


def picture(git: Git, tree: Path) -> dict[str, object]:
    """Everything that has to be as it was: files, index, HEAD, and what git notes of an operation."""
    own = Path(git(tree, "rev-parse", "--absolute-git-dir"))
    return {
        "files": {
            str(path.relative_to(tree)): path.read_bytes()
            for path in sorted(tree.rglob("*"))
            if path.is_file() and path.name != ".git"
        },
        "index": (own / "index").read_bytes(),
        "HEAD": (own / "HEAD").read_bytes(),
        "commit": git(tree, "rev-parse", "HEAD"),
        "states": sorted(
            name
            for name in os.listdir(own)
            if name not in {"logs", "ORIG_HEAD", "gitfleet-upkeep.json"}
            and not name.startswith("COMMIT_EDITMSG")
        ),
    }


@pytest.mark.sample(3)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("how", ["smudge", "process"])
def test_missing_program_of_a_required_filter_is_found_out_before_anything_is_begun(
    yard: Yard, git: Git, tree: Path, strategy: str, how: str, *, apart: bool
) -> None:
    if apart:
        diverge(yard, git, tree)
    yard.advance({"a.bin": "two\n", "plain": "2\n"})
    settled(git, tree)
    git(yard.top, "config", f"filter.pack.{how}", "no-such-program-anywhere")
    before = picture(git, tree)
    for dry_run in (True, False):
        found = yard.outcome("s1", strategy=strategy, dry_run=dry_run)
        assert (found.result, found.facts["kind"]) == ("failed", "filter")
        assert "'pack'" in found.reason
        assert "a.bin" in found.reason
        assert "nothing was touched" in found.reason
    assert picture(git, tree) == before
    if how == "process":
        git(yard.top, "config", "--unset", "filter.pack.process")
    filters(git, yard, WORKS)
    assert yard.outcome("s1", strategy=strategy).result in {"merged", "rebased", "fast-forwarded"}
    assert (tree / "a.bin").read_text() == "TWO\n"


@pytest.mark.sample(2)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("apart", [False, True])
def test_required_filter_that_fails_half_way_is_taken_back_to_the_byte(
    yard: Yard, git: Git, tree: Path, strategy: str, *, apart: bool
) -> None:
    """The smallest file passes, a larger one does not: that cannot be foreseen."""
    if apart:
        diverge(yard, git, tree)
    yard.advance({"a.bin": "two\n", "b.bin": "new\n", "plain": "2\n", "z.bin": "BAD" * 500 + "\n"})
    filters(git, yard, FAILS_ON_BAD)
    before = picture(git, tree)
    found = yard.outcome("s1", strategy=strategy)
    assert found.result == "failed", found
    assert "pack" in found.reason
    assert "could not be undone" not in found.reason
    assert picture(git, tree) == before
    assert git(tree, "status", "--porcelain") == ""
    filters(git, yard, WORKS)
    assert yard.outcome("s1", strategy=strategy).result in {"merged", "rebased", "fast-forwarded"}
    assert (tree / "a.bin").read_text() == "TWO\n"
    assert (tree / "dir/gone.bin").read_text() == "OLD\n"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_filter_that_has_failed_for_every_file_by_then_is_taken_back_from_what_was_kept(
    yard: Yard, git: Git, tree: Path, tmp_path: Path, strategy: str
) -> None:
    """It works when it is tried, and never again: git cannot write the old files either."""
    once = tmp_path / "once"
    script = f"sh -c 'mkdir {once} 2>/dev/null && exec tr a-z A-Z'"
    diverge(yard, git, tree)
    yard.advance({"a.bin": "two\n", "plain": "2\n"})
    filters(git, yard, script)
    before = picture(git, tree)
    found = yard.outcome("s1", strategy=strategy)
    assert found.result == "failed", found
    assert "could not be undone" not in found.reason
    assert picture(git, tree) == before
    filters(git, yard, WORKS)
    assert git(tree, "status", "--porcelain") == ""
    assert yard.outcome("s1", strategy=strategy).result in {"merged", "rebased"}
    assert (tree / "a.bin").read_text() == "TWO\n"


def test_filter_that_the_base_brings_with_it_is_tried_too(yard: Yard, git: Git) -> None:
    yard.advance({"c.dat": "one\n"})
    tree = yard.make("s1")
    yard.advance({".gitattributes": "*.dat filter=pack\n", "c.dat": "two\n"})
    filters(git, yard, "no-such-program-anywhere")
    before = picture(git, tree)
    found = yard.outcome("s1")
    assert (found.result, found.facts["kind"], found.facts["filter"]) == ("failed", "filter", "pack")
    assert picture(git, tree) == before


def test_missing_program_that_git_needs_to_look_at_the_files_is_named(
    yard: Yard, git: Git, tree: Path
) -> None:
    yard.advance({"a.bin": "two\n"})
    filters(git, yard, WORKS, clean="no-such-program-anywhere")
    os.utime(tree / "a.bin")
    before = picture(git, tree)
    found = yard.outcome("s1")
    assert (found.result, found.facts["kind"]) == ("failed", "unreadable")
    assert "clean filter 'pack' failed" in found.reason
    assert picture(git, tree) == before


def test_missing_program_of_a_filter_that_is_not_required_is_no_obstacle(
    yard: Yard, git: Git, tree: Path
) -> None:
    yard.advance({"a.bin": "two\n"})
    filters(git, yard, "no-such-program-anywhere")
    git(yard.top, "config", "filter.pack.required", "false")
    assert yard.outcome("s1").result == "fast-forwarded"
    assert (tree / "a.bin").read_text() == "two\n"


def test_missing_program_that_no_change_needs_is_no_obstacle(yard: Yard, git: Git, tree: Path) -> None:
    yard.advance({"plain": "2\n"})
    filters(git, yard, "no-such-program-anywhere")
    assert yard.outcome("s1").result == "fast-forwarded"
