"""Managers that are killed at each step of what they do with the fleet: the next one goes on, and no job runs twice or is lost."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from gitfleet import FleetManager
from gitfleet.clone import Clone
from gitfleet.dispatch import model, pools
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.shared import pausing
from gitfleet.jobs.words import JobStatus
from tests.jobs.dying import DIES_IN
from tests.workbench import ROOT
from tests.workbench import run as run_program

DIES = (
    DIES_IN
    + """
import asyncio, sys
from gitfleet import FleetManager
from gitfleet.jobs.attempts import conclusion, plan
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shared import pausing
from gitfleet.jobs.shared.desk import SharedDesk
dies_in({step})
async def main():
    async with FleetManager(config_path=sys.argv[1]) as fleet:
        await fleet.trigger("once")
        await fleet.until_idle()
asyncio.run(main())
"""
)
STEPS = [
    "SharedDesk, 'offer', after=True",
    "SharedDesk, 'take'",
    "SharedDesk, 'take_in'",
    "JobStore, 'take_in', after=True",
    "SharedDesk, '_note', after=True",
    "plan, 'take', after=True",
    "JobStore, '_file'",
    "JobStore, '_file', after=True",
    "SharedDesk, '_tell_ends', after=True",
]
QUOTA_STEPS = ["pausing, 'ran_out'", "pausing, 'ran_out', after=True", "conclusion, 'conclude', after=True"]


def killed(repository: Path, script: str, more: str, step: str) -> Path:
    """The agent files of a manager that was killed there."""
    agents = repository / "agents"
    agents.mkdir()
    (agents / "fleet.yaml").write_text("lease: 1h\n")
    (agents / "once.sh").write_text(f"{script}\n")
    (agents / "once.yaml").write_text(f"command: [sh, {agents}/once.sh]\nworking_directory: ..\n{more}")
    argv: list[str | Path] = [sys.executable, "-c", DIES.format(step=step), agents]
    run_program(argv, repository, env={"PYTHONPATH": str(ROOT)}).ended(-signal.SIGKILL)
    return agents


def gone_on(agents: Path) -> JobRecord:
    """The job, once the next manager has nothing more to do."""

    async def main() -> JobRecord:
        async with FleetManager(config_path=str(agents)) as fleet:
            await fleet.until_idle()
        (job,) = fleet.get_jobs()
        return job

    return asyncio.run(main())


@pytest.mark.sample(3)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.always
def test_shared_job_of_a_manager_that_was_killed_runs_once(lone_member: Path, step: str) -> None:
    agents = killed(lone_member, "echo 1 >> runs.txt", "anywhere: true\n", step)
    job = gone_on(agents)
    assert (job.status, job.error) == (JobStatus.COMPLETED, "")
    (attempt,) = job.attempts
    assert Path(attempt.worktree, "runs.txt").read_text() == "1\n"
    with Clone.open(str(lone_member)) as clone:
        shared = model.find(clone.current().view, job.id)
    assert shared is not None
    assert shared.end is not None
    assert (shared.end.status, shared.takes) == ("completed", 1)


@pytest.mark.sample(1)
@pytest.mark.parametrize("step", QUOTA_STEPS)
def test_job_that_ran_out_of_quota_waits_for_its_pool_whenever_its_manager_is_killed(
    lone_member: Path, step: str
) -> None:
    said = '{"type":"turn.failed","error":{"message":"You have hit your usage limit"}}'
    agents = killed(lone_member, f"echo '{said}'; exit 1", "runtime: codex\npool: account\n", step)
    job = gone_on(agents)
    assert (job.status, len(job.attempts)) == (JobStatus.QUEUED, 1)
    with Clone.open(str(lone_member)) as clone:
        assert pools.find(clone.current().view, "account")
        pausing.resume(clone.ledger, "account")
    (agents / "once.yaml").write_text(
        "command: [sh, -c, 'echo 1 > runs.txt']\nworking_directory: ..\npool: account\n"
    )
    assert gone_on(agents).status is JobStatus.COMPLETED
