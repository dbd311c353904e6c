"""Managers that are killed while they deliver, and while they follow what came back: all of it is done once, by the next."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from gitfleet import FleetManager
from gitfleet.clone import Clone
from gitfleet.jobs.delivery.following import WorkFollowing
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus
from gitfleet.mergequeue import model, trials
from gitfleet.mergequeue.model import EntryEvidence, QueueEntry
from gitfleet.mergequeue.requests import Reject
from tests.jobs.dying import DIES_IN
from tests.workbench import ROOT, Git, Gitfleet
from tests.workbench import run as run_program

DELIVERS = (
    DIES_IN
    + """
import asyncio, sys
from gitfleet import FleetManager
from gitfleet.jobs.attempts import conclusion, plan
from gitfleet.jobs.delivery import delivering
from gitfleet.jobs.records.store import JobStore
from gitfleet.mergequeue.service import MergeQueue
dies_in({step})
async def main():
    async with FleetManager(config_path=sys.argv[1]) as fleet:
        await fleet.trigger("once", prompt_override="Once")
        await fleet.until_idle()
asyncio.run(main())
"""
)
FOLLOWS = (
    DIES_IN
    + """
import sys
from gitfleet.jobs.delivery import following
from gitfleet.jobs.records.store import JobStore
dies_in({step})
following.WorkFollowing(JobStore(sys.argv[1])).look()
"""
)


@pytest.fixture
def place(member: Path) -> Path:
    (member / "agents").mkdir()
    (member / "agents/once.yaml").write_text(
        "command: [sh, -c, 'echo 1 >> runs.txt']\nworking_directory: ..\nclaims: runs.txt\nqueue: {again: 3}\n"
    )
    return member


def killed(place: Path, program: str, step: str, argument: Path) -> None:
    argv: list[str | Path] = [sys.executable, "-c", program.format(step=step), argument]
    run_program(argv, place, env={"PYTHONPATH": str(ROOT)}).ended(-signal.SIGKILL)


def run_on(place: Path) -> list[JobRecord]:
    """What a manager makes of it that comes after."""

    async def main() -> list[JobRecord]:
        async with FleetManager(config_path=str(place / "agents")) as fleet:
            await fleet.until_idle()
            return fleet.get_jobs()

    return asyncio.run(main())


def store(place: Path) -> JobStore:
    return JobStore(str(place / ".git/gitfleet/jobs"))


def entries(place: Path) -> list[QueueEntry]:
    with Clone.open(str(place)) as clone:
        return list(model.readable(clone.current().view))


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "step",
    [
        "delivering, '_push'",
        "delivering, '_push', after=True",
        "MergeQueue, 'add', after=True",
        "conclusion, '_leave', after=True",
        "JobStore, 'expect'",
        "JobStore, 'expect', after=True",
    ],
)
@pytest.mark.always
def test_work_of_a_manager_that_was_killed_is_delivered_once(
    place: Path, git: Git, hub: Path, step: str
) -> None:
    killed(place, DELIVERS, step, place / "agents")
    (job,) = run_on(place)
    (attempt,), (entry,) = job.attempts, entries(place)
    assert (job.status, attempt.delivery.entry, attempt.delivery.pushed) == (
        JobStatus.COMPLETED,
        entry.id,
        attempt.commit,
    )
    assert (entry.head, entry.tries) == (attempt.commit, 0)
    assert Path(attempt.worktree, "runs.txt").read_text() == "1\n"
    assert git(hub, "rev-parse", attempt.branch) == attempt.commit
    assert store(place).expected() == [job.id]


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "step",
    [
        "JobStore, 'amend'",
        "JobStore, 'amend', after=True",
        "JobStore, 'create'",
        "JobStore, 'create', after=True",
        "JobStore, 'settle'",
    ],
)
def test_entry_that_came_back_starts_one_job_whoever_is_killed(
    place: Path, gitfleet: Gitfleet, step: str
) -> None:
    gitfleet(place, "trigger", "once", "--prompt", "Once").ok()
    (first,) = run_on(place)
    (entry,) = entries(place)
    with Clone.open(str(place)) as clone:
        body = Reject(entry.pin, EntryEvidence(words="it fails"))
        clone.ledger.request(trials.reject, clone.ledger.itself, body)
    killed(place, FOLLOWS, step, place / ".git/gitfleet/jobs")
    for _ in range(2):
        WorkFollowing(store(place)).look()
    jobs = run_on(place)
    again = [job for job in jobs if job.id != first.id]
    assert [job.back.job for job in again] == [first.id]
    delivery = store(place).get(first.id).attempts[-1].delivery
    assert (delivery.again, delivery.became) == (again[0].id, "came back: rejected: it fails")
    (entry,) = entries(place)
    assert (entry.state, entry.head, entry.tries) == ("queued", again[0].attempts[-1].commit, 1)
    assert store(place).expected() == [again[0].id]
