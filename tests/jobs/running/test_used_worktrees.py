"""Worktrees of jobs go by themselves, once nobody needs them; what cannot be missed stays."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from gitfleet import FleetManager
from gitfleet.jobs import used_worktrees
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.worktrees.removable import CleanupTerms

WEEK = 7 * 86_400


@pytest.fixture
def place(member: Path) -> Path:
    (member / "agents").mkdir()
    (member / "agents/tidy.yaml").write_text("command: [sh, -c, echo two > two.txt]\nworking_directory: ..\n")
    return member


async def _ran(place: Path) -> JobRecord:
    async with FleetManager(config_path=str(place / "agents")) as fleet:
        job = await fleet.trigger("tidy")
        await fleet.until_idle()
        return fleet.get_job(job.id)


def _aged(note: Path) -> Path:
    """As if it had been written a week ago."""
    then = note.stat().st_mtime - WEEK
    os.utime(note, (then, then))
    return note


def test_worktree_of_a_job_is_cleaned_up_when_it_was_not_used_for_long(place: Path) -> None:
    job = asyncio.run(_ran(place))
    store, worktree = FleetManager(config_path=str(place / "agents")).store, job.attempts[0].worktree
    note = Path(store.folder, "worktrees", os.path.basename(worktree))
    assert used_worktrees.clean(store).looked_at == 0

    now = CleanupTerms(ttl=-1, prune_branches=False)
    (done,) = used_worktrees.clean(store, now).outcomes
    assert (done.result, done.session) == ("removed", note.name)
    assert not os.path.exists(worktree)
    assert not note.exists()
    assert used_worktrees.clean(store, now) == (0, [])


def test_worktree_that_has_to_stay_is_looked_at_again_another_day(place: Path) -> None:
    job = asyncio.run(_ran(place))
    store, worktree = FleetManager(config_path=str(place / "agents")).store, job.attempts[0].worktree
    note = Path(store.folder, "worktrees", os.path.basename(worktree))
    _aged(note)
    assert [one.result for one in used_worktrees.clean(store).outcomes] == ["kept"]
    assert used_worktrees.clean(store) == (0, [])
    assert os.path.isdir(worktree)


def test_notes_of_what_is_gone_harm_nobody(place: Path, tmp_path: Path) -> None:
    folder = Path(FleetManager(config_path=str(place / "agents")).store.folder, "worktrees")
    folder.mkdir(parents=True)
    (folder / "tidy-1").write_text(str(place))
    (folder / "tidy-2").write_text(str(tmp_path / "not-mounted"))
    for note in folder.iterdir():
        _aged(note)

    async def main() -> None:
        async with FleetManager(config_path=str(place / "agents")):
            pass

    asyncio.run(main())
    assert [one.name for one in folder.iterdir()] == ["tidy-2"]  # its clone may come back
