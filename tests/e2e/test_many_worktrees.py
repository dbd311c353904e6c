"""Scenario 10: the trunk comes into fifty live worktrees, of which many may not be touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.fleetbench import Fleets
from tests.workbench import Git
from tests.worktrees.yard import Yard, index_of, picture

COUNT = 50
EACH = 4
"""Of each kind that may not be touched; the others are clean."""


def _dirty(git: Git, path: Path) -> None:
    (path / "src/api/b.py").write_text("mine\n")


def _untracked(git: Git, path: Path) -> None:
    (path / "from-others.txt").write_text("mine\n")


def _rebasing(git: Git, path: Path) -> None:
    git.commit(path, {"README.md": "# Mine\n"})
    assert git.ask(path, "rebase", "origin/main").returncode != 0


def _locked(git: Git, path: Path) -> None:
    Path(git(path, "rev-parse", "--absolute-git-dir"), "index.lock").touch()


def _elsewhere(git: Git, path: Path) -> None:
    git(path, "worktree", "add", "--quiet", "--force", path.with_name(f"{path.name}-too"), "HEAD")
    git(
        path.with_name(f"{path.name}-too"),
        "checkout",
        "--quiet",
        "--ignore-other-worktrees",
        git(path, "branch", "--show-current"),
    )


def _conflicting(git: Git, path: Path) -> None:
    git.commit(path, {"README.md": "# Mine\n"})


KINDS: Mapping[str, tuple[Callable[[Git, Path], None], str]] = {
    "dirty": (_dirty, "skipped"),
    "untracked": (_untracked, "skipped"),
    "rebasing": (_rebasing, "skipped"),
    "locked": (_locked, "failed"),
    "elsewhere": (_elsewhere, "skipped"),
    "conflicting": (_conflicting, "conflict"),
}


@pytest.mark.slow
def test_trunk_comes_into_the_clean_ones_and_all_others_stay_to_the_byte_with_a_reason(
    fleets: Fleets, git: Git
) -> None:
    yard = Yard(fleets, git)
    trees = {f"w{number}": yard.make(f"w{number}") for number in range(COUNT)}
    names = list(trees)
    spoilt = {name: kind for kind in KINDS for name in [names.pop() for _ in range(EACH)]}
    for name in names:
        git.commit(trees[name], {f"{name}.txt": "mine\n"}, "mine")
    (trees[names[0]] / "README.md").write_text("a stash\n")
    git(trees[names[0]], "stash", "--quiet")
    base = yard.advance({"README.md": "# Others\n", "src/api/b.py": "B = 3\n", "from-others.txt": "x\n"})
    git(yard.top, "fetch", "--quiet", "origin")
    for name, kind in spoilt.items():
        KINDS[kind][0](git, trees[name])
    before = {name: _state(git, trees[name]) for name in spoilt}
    stash = git(yard.top, "rev-parse", "refs/stash")
    found = {one.session: one for one in yard.reconcile().outcomes}
    assert {name: found[name].result for name in names} == dict.fromkeys(names, "merged")
    for name in names:
        mine, *others = git(trees[name], "rev-list", "--parents", "-n1", "HEAD").split()[1:]
        assert others == [base]
        assert git(trees[name], "log", "-1", "--format=%s", mine) == "mine"
        assert git(trees[name], "status", "--porcelain") == ""
    for name, kind in spoilt.items():
        assert found[name].result == KINDS[kind][1], found[name]
        assert found[name].reason, found[name]
        assert _state(git, trees[name]) == before[name], found[name]
    assert git(yard.top, "rev-parse", "refs/stash") == stash
    assert {
        tuple(found[name].facts["conflicts"]) for name, kind in spoilt.items() if kind == "conflicting"
    } == {("README.md",)}
    (one, *_) = (name for name, kind in spoilt.items() if kind == "conflicting")
    ref = found[one].facts["base_ref"]
    assert git(yard.top, "rev-parse", "--symbolic-full-name", ref) == ref
    assert git(yard.top, "rev-parse", ref) == base
    assert found[one].reason.endswith(f"to resolve it, run `git merge {ref}` there")
    assert git.ask(trees[one], "merge", ref).returncode == 1
    assert git(trees[one], "diff", "--name-only", "--diff-filter=U") == "README.md"


def _state(git: Git, path: Path) -> tuple[object, ...]:
    return picture(path), index_of(git, path), git(path, "rev-parse", "HEAD")
