"""Managers that are killed, at each step of a job: the next one ends the job, its agent runs once, and nothing is left."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet import FleetManager
from gitfleet.clone import Clone
from gitfleet.jobs.words import JobStatus
from gitfleet.sessions import session_records
from tests.jobs.dying import DIES_IN
from tests.workbench import ROOT, Gitfleet
from tests.workbench import run as run_program

DIES = (
    DIES_IN
    + """
import asyncio, sys
from gitfleet import FleetManager
from gitfleet.jobs.attempts import barrier, conclusion, plan, start
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control
from gitfleet.worktrees.service import Worktrees
dies_in({step})
async def main():
    async with FleetManager(config_path=sys.argv[1]) as fleet:
        await fleet.trigger("once")
        await fleet.until_idle()
asyncio.run(main())
"""
)

STEPS = [
    "plan, 'take'",
    "plan, 'take', after=True",
    "Worktrees, 'ensure', after=True",
    "start, '_shepherd'",
    "control, 'start', after=True",
    "start, '_register', after=True",
    "barrier, 'open_for', after=True",
    "conclusion, 'conclude'",
    "conclusion, '_committed', after=True",
    "conclusion, '_leave', after=True",
    "JobStore, '_file'",
]


@pytest.mark.sample(4)
@pytest.mark.parametrize("step", STEPS)
def test_job_of_a_manager_that_was_killed_ends_once(
    clone: Callable[[str], Path], gitfleet: Gitfleet, step: str
) -> None:
    place = clone("ada")
    gitfleet(place, "init").ok()
    (place / "agents").mkdir()
    (place / "agents/once.yaml").write_text(
        "command: [sh, -c, 'echo 1 >> runs.txt']\nworking_directory: ..\nclaims: runs.txt\n"
    )
    argv: list[str | Path] = [sys.executable, "-c", DIES.format(step=step), place / "agents"]
    run_program(argv, place, env={"PYTHONPATH": str(ROOT)}).ended(-signal.SIGKILL)

    async def main() -> None:
        fleet = FleetManager(config_path=str(place / "agents"))
        async with fleet:
            await fleet.until_idle()
        (job,) = fleet.get_jobs()
        assert (job.status, job.error) == (JobStatus.COMPLETED, "")
        (attempt,) = job.attempts
        assert Path(attempt.worktree, "runs.txt").read_text() == "1\n"
        assert attempt.commit not in {"", attempt.base}
        assert fleet.get_status().jobs["active"] == 0
        with Clone.open(str(place)) as there:
            assert attempt.session not in [one.id for one in session_records.readable(there.current().view)]

    asyncio.run(main())
    assert os.listdir(place / ".git/gitfleet/jobs/open") == []
