"""A running manager and what becomes of its jobs' work: it hears of what came back, from before its start, too."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gitfleet import FleetManager
from gitfleet.clone import Clone
from gitfleet.jobs.delivery import following
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.mergequeue import model, trials
from gitfleet.mergequeue.model import EntryEvidence, QueueEntry
from gitfleet.mergequeue.requests import Reject
from tests.workbench import PATIENCE, Git, Gitfleet

WORKS = "test -e runs.txt || test -e ../half || { touch ../half; FIRST; }; echo 1 >> runs.txt"


@pytest.fixture
def place(member: Path) -> Path:
    return member


def agent(place: Path, first: str = "true", more: str = "queue: {again: 1}\n") -> None:
    (place / "agents").mkdir()
    script = WORKS.replace("FIRST", first)
    (place / "agents/once.yaml").write_text(
        f"command: [sh, -c, '{script}']\nworking_directory: ..\nclaims: runs.txt\n{more}"
    )


def manager(place: Path) -> FleetManager:
    return FleetManager(config_path=str(place / "agents"))


def run_on(place: Path) -> list[JobRecord]:
    """All jobs, newest first, once a manager has nothing more to do."""

    async def main() -> list[JobRecord]:
        async with manager(place) as fleet:
            await fleet.until_idle()
            return fleet.get_jobs()

    return asyncio.run(main())


def entries(place: Path) -> list[QueueEntry]:
    with Clone.open(str(place)) as clone:
        return list(model.readable(clone.current().view))


def reject(place: Path) -> None:
    (entry,) = entries(place)
    with Clone.open(str(place)) as clone:
        body = Reject(entry.pin, EntryEvidence(words="it fails"))
        clone.ledger.request(trials.reject, clone.ledger.itself, body)


def test_run_until_idle_takes_up_what_came_back_before_it(place: Path, gitfleet: Gitfleet) -> None:
    agent(place)
    gitfleet(place, "trigger", "once", "--prompt", "Once").ok()
    (first,) = run_on(place)
    reject(place)
    second, _ = run_on(place)
    (entry,) = entries(place)
    assert (second.back.job, entry.head, entry.tries) == (first.id, second.attempts[-1].commit, 1)
    assert first.id in gitfleet(place, "job", "show", second.id).ok().stdout
    assert f"{second.id} goes on" in gitfleet(place, "job", "show", first.id).ok().stdout


def test_running_manager_hears_at_once_of_what_came_back(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "EVERY", 10 * PATIENCE)
    agent(place)

    async def main() -> None:
        ended: asyncio.Queue[Any] = asyncio.Queue()
        async with manager(place) as fleet:
            fleet.on("job:completed", ended.put_nowait)
            first = await fleet.trigger("once", prompt_override="Once")
            await asyncio.wait_for(ended.get(), PATIENCE)
            await asyncio.to_thread(reject, place)
            event = await asyncio.wait_for(ended.get(), PATIENCE)
            assert fleet.get_job(event.job_id).back.job == first.id

    asyncio.run(main())
    (entry,) = entries(place)
    assert (entry.state, entry.tries) == ("queued", 1)


def test_work_of_a_second_attempt_is_delivered_and_mended_on_the_branch_of_the_first(
    place: Path, gitfleet: Gitfleet, git: Git, hub: Path
) -> None:
    agent(place, "exit 3", "queue: {again: 1}\nretry: {attempts: 2, backoff: 1ms, outcomes: [failed]}\n")
    gitfleet(place, "trigger", "once", "--prompt", "Once").ok()
    (job,) = run_on(place)
    first, second = job.attempts
    assert (second.branch, second.delivery.pushed) == (first.branch, second.commit)
    reject(place)
    again, _ = run_on(place)
    (third,), (entry,) = again.attempts, entries(place)
    assert (third.worktree, third.branch, third.base) == (first.worktree, first.branch, second.commit)
    assert (entry.head, git(hub, "rev-parse", first.branch)) == (third.commit, third.commit)
