"""A manager and its leases: taken up by the next one, lost to others, and pools that make schedules wait. One clone, its own hub."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest

from gitfleet import FleetManager
from gitfleet.base import clock
from gitfleet.clone import OPERATIONS, Clone
from gitfleet.dispatch import model, rules
from gitfleet.dispatch.model import SharedJob
from gitfleet.dispatch.rules import LapsedLease, TakeJob
from gitfleet.jobs.definitions import configuration
from gitfleet.jobs.errors import InvalidStateError
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shared import keeper, pausing
from gitfleet.jobs.shared.desk import SharedDesk
from gitfleet.jobs.shared.keeper import SharedJobs
from gitfleet.jobs.words import AttemptOutcome, EndCause, JobStatus
from gitfleet.ledger import log
from gitfleet.ledger.ledger import Ledger
from tests.fleetbench import Fleets
from tests.workbench import Gitfleet


@pytest.fixture
def place(lone_member: Path) -> Path:
    repository = lone_member
    folder = repository / "agents"
    folder.mkdir()
    os.mkfifo(repository / ".git/said")
    os.mkfifo(repository / ".git/gate")
    (folder / "fleet.yaml").write_text("lease: 1h\n")
    (folder / "long.yaml").write_text(
        f"command: [sh, -c, 'echo up > {repository}/.git/said; read -r _ < {repository}/.git/gate; echo 1 >> runs.txt']\n"
        "working_directory: ..\nlimits: {grace: 1s}\nanywhere: true\npool: account\n"
    )
    return repository


def shared(place: Path, job_id: str) -> SharedJob:
    with Clone.open(str(place)) as clone:
        found = model.find(clone.current().view, job_id)
    assert found is not None
    return found


def renewed(place: Path, job_id: str) -> int:
    lease = shared(place, job_id).lease
    assert lease is not None
    return lease.renewed


def begun(place: Path, gitfleet: Gitfleet) -> str:
    """A job of a manager that was killed; its agent goes on."""
    job = str(gitfleet(place, "trigger", "long", "--json").ok().json()["data"]["job"]["id"])
    manager = gitfleet.start(place, "run")
    assert (place / ".git/said").read_text() == "up\n"
    manager.send(signal.SIGKILL)
    manager.ended()
    return job


def test_lease_of_a_manager_that_was_killed_is_renewed_by_the_next_one(
    place: Path, gitfleet: Gitfleet
) -> None:
    job = begun(place, gitfleet)
    before = renewed(place, job)

    async def main() -> None:
        async with FleetManager(config_path=str(place / "agents")) as fleet:
            assert renewed(place, job) == before + 1
            (place / ".git/gate").write_text("go\n")
            await fleet.until_idle()
            assert fleet.get_job(job).status is JobStatus.COMPLETED

    asyncio.run(main())
    end = shared(place, job).end
    assert end is not None
    assert (end.status, shared(place, job).takes) == ("completed", 1)


def test_job_that_another_node_has_taken_is_stopped_and_its_end_tells_nothing(
    place: Path, gitfleet: Gitfleet
) -> None:
    job = begun(place, gitfleet)
    lease = shared(place, job).lease
    assert lease is not None
    with Clone.open(str(place)) as clone:
        body = TakeJob(job, "elsewhere", LapsedLease(lease.fence, lease.renewed))
        clone.ledger.request(rules.take, clone.ledger.itself, body)

    async def main() -> None:
        async with FleetManager(config_path=str(place / "agents")) as fleet:
            await fleet.until_idle()
            shown = fleet.get_job(job)
            assert (shown.status, bool(shown.node)) == (JobStatus.RUNNING, True)

    asyncio.run(main())
    record = JobStore(str(place / ".git/gitfleet/jobs")).get(job)
    assert record.status is JobStatus.INTERRUPTED
    assert (record.attempts[0].why, record.attempts[0].outcome) == (
        EndCause.FENCED,
        AttemptOutcome.INTERRUPTED,
    )
    now = shared(place, job).lease
    assert now is not None
    assert now.place == "elsewhere"


def test_running_manager_hears_at_once_that_its_job_is_to_be_cancelled_or_its_pool_goes_on(
    place: Path, gitfleet: Gitfleet
) -> None:
    with Clone.open(str(place)) as clone:
        pausing.pause(clone.ledger, "account", 0, "wait")

    async def main() -> None:
        async with FleetManager(config_path=str(place / "agents")) as fleet:
            job = await fleet.trigger("long")
            await fleet.until_idle()
            assert fleet.get_job(job.id).status is JobStatus.QUEUED
            started, over = asyncio.Event(), asyncio.Event()
            fleet.on("agent:started", lambda _: started.set())
            fleet.on("job:cancelled", lambda _: over.set())
            with Clone.open(str(place)) as clone:
                pausing.resume(clone.ledger, "account")
            await started.wait()
            with Clone.open(str(place)) as clone:
                clone.ledger.request(rules.stop, clone.ledger.itself, rules.StopJob(job.id))
            await over.wait()

    asyncio.run(main())


def test_manager_runs_a_job_by_one_push_for_its_lease_and_cancels_one_that_nobody_runs(place: Path) -> None:
    (place / "agents/long.yaml").write_text("command: [sh, -c, ':']\nworking_directory: ..\nanywhere: true\n")

    async def main() -> None:
        async with FleetManager(config_path=str(place / "agents")) as fleet:
            job = await fleet.trigger("long")
            await fleet.until_idle()
            assert fleet.get_job(job.id).status is JobStatus.COMPLETED
        (place / "agents/long.yaml").write_text(
            "command: [sh, -c, ':']\nworking_directory: ..\npool: account\n"
        )
        with Clone.open(str(place)) as clone:
            pausing.pause(clone.ledger, "account", 0, "wait")
            done = [line.kind for line in log.lines(clone.ledger.objects, OPERATIONS, clone.current().tip)]
        assert [kind for kind in reversed(done) if kind.startswith("job.")] == [
            "job.offer",
            "job.take",
            "job.end",
        ]
        async with FleetManager(config_path=str(place / "agents")) as fleet:
            job = await fleet.trigger("long", anywhere=True)
            assert fleet.get_job(job.id).offered
            assert (await fleet.cancel_job(job.id)).status is JobStatus.CANCELLED
            with pytest.raises(InvalidStateError):
                await fleet.cancel_job(job.id)

    asyncio.run(main())


def test_schedule_whose_pool_is_paused_is_skipped_with_that_reason(place: Path) -> None:
    (place / "agents/long.yaml").write_text(
        "command: [sh, -c, ':']\nworking_directory: ..\npool: account\nschedules: {often: {interval: 1s}}\n"
    )
    with Clone.open(str(place)) as clone:
        pausing.pause(clone.ledger, "account", 0, "wait")

    async def main() -> None:
        async with FleetManager(config_path=str(place / "agents")) as fleet:
            said: asyncio.Queue[str] = asyncio.Queue()
            fleet.on("schedule:skipped", lambda event: said.put_nowait(event.reason))
            assert await said.get() == "pool_paused"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("told", "until"),
    [(None, 4600), (0, 4600), (1_000_000, 4600), (1_500_000, 1500), (1_010_000, 1060), (10**15, 3_025_000)],
)
def test_pool_is_paused_until_its_reset_and_for_an_hour_where_that_is_not_told(
    told: int | None, until: int
) -> None:
    assert pausing.until_reset(told, 1000) == until


@pytest.mark.parametrize(
    ("agent", "offered", "seconds"),
    [
        ("anywhere: true", False, keeper.POLL), ("anywhere: false", False, keeper.QUIET), ("", False, keeper.QUIET),
        ("", True, keeper.POLL),
    ],
)  # fmt: skip
def test_manager_asks_the_hub_as_often_as_jobs_of_others_may_come_and_never_where_this_clone_just_did(
    fleets: Fleets, monkeypatch: pytest.MonkeyPatch, agent: str, offered: bool, seconds: float
) -> None:
    ada = fleets.clone("ada")
    (ada / "agents").mkdir()
    (ada / "agents/plain.yaml").write_text(f"command: ['true']\n{agent}\n")
    known = configuration.load(str(ada / "agents"), environ={})
    asked: list[float] = []
    monkeypatch.setattr(Ledger, "refresh", lambda *_: asked.append(clock.elapsed()))
    with fleets.open("ada") as fleet:
        store = JobStore(str(ada / ".git/gitfleet/jobs"))
        jobs = SharedJobs(store, str(ada), lambda: known, logging.getLogger("keeper"))
        jobs._clone, jobs._desk = fleet, SharedDesk(fleet.ledger, store)
        jobs._step()
        assert len(asked) == 1  # at its start in any case
        if offered:
            jobs._shared = clock.elapsed()
        later = clock.elapsed() + seconds + 1
        monkeypatch.setattr(clock, "elapsed", lambda: later)
        for age, more in ((seconds - 1, 0), (seconds + 1, 1)):
            jobs._polled = later - seconds - 1
            monkeypatch.setattr(Ledger, "age", lambda _, age=age: age)
            jobs._step()
            assert len(asked) == 1 + more
        jobs._polled = later - seconds + 1
        jobs._step()
        assert len(asked) == 2
