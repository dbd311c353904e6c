"""Managers that are killed, at each step of a job: the next one ends the job, its agent runs once, and nothing is left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from gitfleet import FleetManager
from gitfleet.clone import Clone
from gitfleet.codec import replace
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control, records
from gitfleet.jobs.words import JobStatus
from gitfleet.sessions import session_records
from tests.jobs.dying import DIES_IN
from tests.workbench import PATIENCE, ROOT, Git, overlaid
from tests.workbench import run as run_program

DIES = (
    DIES_IN
    + """
import asyncio, sys
from gitfleet import FleetManager
from gitfleet.jobs.attempts import barrier, conclusion, plan, preparation, start, successors
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control
from gitfleet.sessions.local import LocalSessions
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
    "preparation, 'planned', after=True",
    "control, 'start', after=True",
    "preparation, 'keep_units'",
    "LocalSessions, 'remember'",
    "start, '_register', after=True",
    "barrier, 'open_for', after=True",
    "conclusion, 'conclude'",
    "conclusion, '_committed', after=True",
    "conclusion, '_leave', after=True",
    "JobStore, '_file'",
]


RETRY_STEPS = [
    "successors, 'follows'",
    "successors, 'follows', after=True",
    "conclusion, 'conclude', after=True",
    "plan, 'take', turn=2",
    "plan, 'take', after=True, turn=2",
    "Worktrees, 'ensure', after=True, turn=2",
    "start, '_shepherd', turn=2",
    "control, 'start', after=True, turn=2",
    "barrier, 'open_for', after=True, turn=2",
    "conclusion, '_leave', after=True, turn=2",
    "JobStore, '_file'",
]


@pytest.fixture
def place(member: Path) -> Path:
    (member / "agents").mkdir()
    return member


def killed(place: Path, step: str) -> None:
    """Run a manager that is killed in this step."""
    argv: list[str | Path] = [sys.executable, "-c", DIES.format(step=step), place / "agents"]
    run_program(argv, place, env={"PYTHONPATH": str(ROOT)}).ended(-signal.SIGKILL)


def finished(place: Path) -> JobRecord:
    """The only job, after the next manager has done what there is to do; nothing of it is left open."""

    async def main() -> JobRecord:
        fleet = FleetManager(config_path=str(place / "agents"))
        ends: list[str] = []
        for name in ("job:completed", "job:failed", "job:cancelled"):
            fleet.on(name, lambda event: ends.append(event.job_id))
        async with fleet:
            await fleet.until_idle()
        (job,) = fleet.get_jobs()
        assert ends in ([], [job.id])
        assert fleet.get_status().jobs["active"] == 0
        return job

    job = asyncio.run(main())
    with Clone.open(str(place)) as there:
        sessions = {one.id for one in session_records.readable(there.current().view)}
    assert not sessions & {one.session for one in job.attempts}
    assert os.listdir(place / ".git/gitfleet/jobs/open") == []
    return job


@pytest.mark.sample(4)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.always
def test_job_of_a_manager_that_was_killed_ends_once(place: Path, step: str) -> None:
    (place / "agents/once.yaml").write_text(
        "command: [sh, -c, 'echo $GITFLEET_RES_PORT >> runs.txt']\nworking_directory: ..\nclaims: runs.txt\n"
        "setup: {command: [sh, -c, 'echo 1 >> setups.txt'], resources: res:port}\n"
    )
    killed(place, step)
    job = finished(place)
    assert (job.status, job.error) == (JobStatus.COMPLETED, "")
    (attempt,) = job.attempts
    assert Path(attempt.worktree, "runs.txt").read_text() == "0\n"
    assert Path(attempt.worktree, "setups.txt").read_text() == "1\n"
    assert attempt.commit not in {"", attempt.base}


@pytest.mark.sample(4)
@pytest.mark.parametrize("step", RETRY_STEPS)
def test_job_that_is_tried_again_loses_no_attempt_and_no_work_when_its_manager_is_killed(
    place: Path, git: Git, step: str
) -> None:
    script = "echo 1 >> runs.txt; test $(wc -l < runs.txt) -ge 2"
    (place / "agents/once.yaml").write_text(
        f"command: [sh, -c, {script!r}]\nworking_directory: ..\nclaims: runs.txt\n"
        "retry: {attempts: 2, backoff: 1ms, outcomes: [failed]}\n"
    )
    killed(place, step)
    job = finished(place)
    assert (job.status, job.error) == (JobStatus.COMPLETED, "")
    assert [one.outcome for one in job.attempts] == ["failed", "success"]
    assert git(place, "show", f"{job.attempts[1].branch}:runs.txt") == "1\n1"


@pytest.mark.parametrize("retry", ["", "retry: {attempts: 2, backoff: 1ms}\n"])
def test_job_that_a_reboot_ended_is_not_shown_running_and_loses_nothing(
    place: Path, git: Git, retry: str
) -> None:
    begun = place / ".git/begun"
    os.mkfifo(begun)
    script = f"echo 1 >> runs.txt; test -e {place}/.git/again && exit; echo go > {begun}; exec sleep 1000"
    (place / "agents/once.yaml").write_text(f"command: [sh, -c, {script!r}]\nworking_directory: ..\n{retry}")
    argv: list[str | Path] = [sys.executable, "-c", DIES.format(step="os, 'abort'"), place / "agents"]
    with subprocess.Popen(argv, env=overlaid({"PYTHONPATH": str(ROOT)})) as daemon:
        assert begun.read_text() == "go\n"
        store = JobStore(str(place / ".git/gitfleet/jobs"))
        (job,) = store.open_jobs()
        daemon.kill()
    turned_off(store.attempt_folder(job.id, 1))
    (place / ".git/again").touch()
    job = finished(place)
    first = job.attempts[0]
    assert (first.outcome, first.why, first.error) == ("interrupted", "rebooted", "the machine was restarted")
    if retry:
        assert (job.status, len(job.attempts)) == (JobStatus.COMPLETED, 2)
    else:
        assert (job.status, job.error) == (JobStatus.INTERRUPTED, "the machine was restarted")
    assert git(place, "show", f"{first.branch}:runs.txt") == ("1\n1" if retry else "1")


def turned_off(folder: str) -> None:
    """Have the attempt end as on a machine that loses its power, and what it wrote down be of an earlier boot."""
    state = control.state(folder)
    assert state is not None
    shepherd = control.Shepherd(folder)
    shepherd.fileno()
    os.kill(state.shepherd, signal.SIGKILL)
    with suppress(ProcessLookupError):  # it may have ended with its shepherd
        os.killpg(state.agent, signal.SIGKILL)
    shepherd.wait(PATIENCE)
    shepherd.close()
    records.save(folder, records.STATE, replace(state, boot="an-earlier-boot"))
