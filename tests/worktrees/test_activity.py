"""What counts as activity in a worktree, and what never does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base import clock
from gitfleet.git.program import Git as GitProgram
from gitfleet.worktrees import activity, capture, marker, notes
from gitfleet.worktrees.activity import Activity
from tests.workbench import Git
from tests.worktrees.attic import DAY, age, clean, git_dir, outcome
from tests.worktrees.yard import Yard


@pytest.fixture
def idle(yard: Yard, git: Git) -> Path:
    """A managed worktree in which nothing has happened for 25 hours."""
    return age(git, yard.make("s1"))


def last(git: Git, worktree: Path, *, renewed_at: int = 0) -> Activity:
    folder = str(git_dir(git, worktree))
    managed = marker.read(folder)
    assert managed is not None
    return activity.last(managed, capture.look(GitProgram(folder, cwd=str(worktree))), renewed_at=renewed_at)


def idle_for(git: Git, worktree: Path) -> int:
    return clock.now() - last(git, worktree).at


def _edit(git: Git, tree: Path) -> None:
    (tree / "src/api/a.py").write_text("A = 2\n", encoding="ascii")


def _add(git: Git, tree: Path) -> None:
    (tree / "src/new").write_text("x", encoding="ascii")


def _delete(git: Git, tree: Path) -> None:
    (tree / "src/api/a.py").unlink()


def _touch(git: Git, tree: Path) -> None:
    os.utime(tree / "README.md")


def _commit(git: Git, tree: Path) -> None:
    git(tree, "commit", "--quiet", "--no-verify", "--allow-empty", "-m", "x")


def _switch(git: Git, tree: Path) -> None:
    git(tree, "checkout", "--quiet", "--detach")


@pytest.mark.parametrize("act", [_edit, _add, _delete, _touch, _commit, _switch])
def test_what_people_do_counts(idle: Path, git: Git, act: Callable[[Git, Path], None]) -> None:
    act(git, idle)
    assert idle_for(git, idle) < 60


def test_renewal_of_the_session_counts(idle: Path, git: Git) -> None:
    assert last(git, idle, renewed_at=clock.now() - 7).what == "its session was renewed"


def test_nothing_leaves_it_idle(idle: Path, git: Git) -> None:
    assert DAY <= idle_for(git, idle) < DAY + 60


def test_looking_at_it_does_not_count(yard: Yard, idle: Path, git: Git) -> None:
    for _ in range(2):
        git(idle, "status")
        git(idle, "update-index", "-q", "--refresh")
        git(idle, "update-index", "--force-write-index")
        yard.status()
        clean(yard, dry_run=True)
        clean(yard, ttl=2 * DAY)
    assert DAY <= idle_for(git, idle) < DAY + 60


def test_ignored_files_do_not_count(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git.commit(worktree, {".gitignore": "*.log\n"})
    (worktree / "a.log").touch()
    age(git, worktree)
    (worktree / "a.log").write_text("a server that logs on\n", encoding="ascii")
    assert idle_for(git, worktree) >= DAY


def test_reconcile_is_no_activity_and_the_tree_expires_all_the_same(yard: Yard, idle: Path, git: Git) -> None:
    """What `maintain` does every five minutes to a tree that nobody uses."""
    for number in range(3):
        yard.advance({f"from-others-{number}": "x", "src/api/a.py": f"A = {number}\n"})
        found = yard.outcome("s1")
        assert found.result == "fast-forwarded", found
        assert (idle / f"from-others-{number}").exists()
        assert outcome(yard, "s1", dry_run=True).result == "would-remove"
    assert DAY <= idle_for(git, idle) < DAY + 60
    assert outcome(yard, "s1").result == "removed"


def test_merge_by_reconcile_is_no_activity(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git.commit(worktree, {"mine": "x"})
    age(git, worktree)
    yard.advance({"theirs": "x"})
    assert yard.outcome("s1").result == "merged"
    assert DAY <= idle_for(git, worktree) < DAY + 60
    assert outcome(yard, "s1").facts["kind"] == "unmerged"


def test_edit_after_reconcile_counts(yard: Yard, idle: Path, git: Git) -> None:
    yard.advance({"theirs": "x"})
    yard.outcome("s1")
    _edit(git, idle)
    assert outcome(yard, "s1").facts["kind"] == "fresh"


def test_time_in_the_future_counts_as_the_moment_it_was_met(idle: Path, git: Git, yard: Yard) -> None:
    ahead = time.time() + 10 * 365 * 86400
    os.utime(idle / "README.md", (ahead, ahead))
    assert outcome(yard, "s1").facts["kind"] == "fresh"
    note = git_dir(git, idle) / notes.FUTURE
    met = f'"met":{clock.now() - DAY}'
    text = note.read_text(encoding="ascii")
    start = text.index('"met":')
    note.write_text(text[:start] + met + text[text.index(",", start) :], encoding="ascii")
    assert outcome(yard, "s1", dry_run=True).result == "would-remove"
    os.utime(idle / "src/api/a.py", (ahead + 5, ahead + 5))
    assert outcome(yard, "s1").facts["kind"] == "fresh"


def test_dry_run_notes_nothing(idle: Path, git: Git, yard: Yard) -> None:
    ahead = time.time() + 86400
    os.utime(idle / "README.md", (ahead, ahead))
    before = sorted(os.listdir(git_dir(git, idle)))
    assert outcome(yard, "s1", dry_run=True).facts["kind"] == "fresh"
    assert sorted(os.listdir(git_dir(git, idle))) == before
