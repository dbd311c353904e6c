"""A clone without a hub whose target is checked out somewhere: worktrees follow what lands, and nothing of theirs is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitfleet.base import statefile
from gitfleet.mergequeue.checkouts import Following, FollowingNote
from tests.fleetbench import Fleets
from tests.queuebench import Queue
from tests.workbench import UNSEEN, Git, Gitfleet


@pytest.fixture
def alone(fleets: Fleets, git: Git, gitfleet: Gitfleet, tmp_path: Path) -> Queue:
    folder = tmp_path / "queue"
    folder.mkdir()
    made = Queue(fleets, git, gitfleet, "alone", folder)
    made.rules()
    return made


@pytest.fixture(params=["main worktree", "linked worktree"])
def place(request: pytest.FixtureRequest, alone: Queue, git: Git, tmp_path: Path) -> Path:
    """Where the target is checked out."""
    if request.param == "main worktree":
        return alone.clone
    git(alone.clone, *UNSEEN, "switch", "--quiet", "--create", "elsewhere")
    git(alone.clone, *UNSEEN, "worktree", "add", "--quiet", tmp_path / "linked", "main")
    return tmp_path / "linked"


def test_worktree_follows_what_lands_and_a_dirty_file_that_is_not_touched_stays(
    alone: Queue, place: Path, git: Git
) -> None:
    (place / "gitfleet.yaml").write_text("mine: 1\n")
    (place / "new.txt").write_text("mine\n")
    entry = alone.add("a", {"sub/a.txt": "a\n"})
    alone.process().ok()
    alone.sound(entry)
    assert (place / "sub/a.txt").read_text() == "a\n"
    assert (place / "gitfleet.yaml").read_text() == "mine: 1\n"
    assert git(place, "status", "--porcelain").split() == ["M", "gitfleet.yaml", "??", "new.txt"]


def test_file_that_was_only_touched_is_not_in_the_way(alone: Queue, place: Path) -> None:
    os.utime(place / "gitfleet.yaml", (1, 1))
    text = (place / "gitfleet.yaml").read_text()
    entry = alone.add("a", {"gitfleet.yaml": f"{text}\n"})
    alone.process().ok()
    alone.sound(entry)
    assert (place / "gitfleet.yaml").read_text() == f"{text}\n"


@pytest.mark.sample(2)
@pytest.mark.parametrize("kind", ["changed", "staged", "untracked"])
def test_file_that_is_changed_there_and_by_the_landing_keeps_it_back(
    alone: Queue, place: Path, git: Git, kind: str
) -> None:
    name = "a.txt" if kind == "untracked" else "gitfleet.yaml"
    entry = alone.add("a", {name: "theirs\n"})
    (place / name).write_text("mine\n")
    if kind == "staged":
        git(place, "add", name)
    before = alone.main
    done = alone.process().ended(11)
    assert (alone.main, alone.now(entry).state, alone.runs()) == (before, "queued", [])
    assert "is checked out in" in done.stdout
    assert name in done.stdout
    assert (place / name).read_text() == "mine\n"
    (place / name).unlink()
    if kind != "untracked":
        git(place, "reset", "--quiet", "--hard")
    alone.process().ok()
    alone.sound(entry)
    assert len(alone.tested()) == 1
    assert git(place, "status", "--porcelain") == ""


def test_crash_between_landing_and_checkout_is_mended_by_the_next_round(
    alone: Queue, place: Path, git: Git
) -> None:
    old, (first, second) = alone.main, [alone.add(name) for name in "ab"]
    alone.process().ok()
    git_dir = git(place, "rev-parse", "--absolute-git-dir")
    git(place, "read-tree", "-m", "-u", alone.main, old)  # as if the runner had died before it came to that
    assert git(place, "status", "--porcelain") != ""
    note = FollowingNote((Following(git_dir, str(place), old, alone.main),))
    statefile.save(str(alone.fleets.state("alone") / "queue-checkouts.json"), note)
    alone.process().ok()
    assert git(place, "status", "--porcelain") == ""
    assert not (alone.fleets.state("alone") / "queue-checkouts.json").exists()
    alone.sound(first, second)


def test_worktree_that_could_not_follow_does_so_later_and_keeps_back_what_lands_next(
    alone: Queue, place: Path, git: Git
) -> None:
    old, first = alone.main, alone.add("a")
    alone.process().ok()
    git_dir = git(place, "rev-parse", "--absolute-git-dir")
    git(place, "read-tree", "-m", "-u", alone.main, old)
    note = FollowingNote((Following(git_dir, str(place), old, alone.main),))
    statefile.save(str(alone.fleets.state("alone") / "queue-checkouts.json"), note)
    lock = Path(git_dir) / "index.lock"
    lock.touch()
    second = alone.add("b")
    done = alone.process().ended(11)
    assert "could not follow" in done.stderr
    assert alone.now(second).state == "queued"
    lock.unlink()
    alone.process().ok()
    alone.sound(first, second)
    assert git(place, "status", "--porcelain") == ""
    assert (place / "a.txt").read_text() == "a\n"
