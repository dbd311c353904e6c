"""Signs of life of the sessions of jobs that run, looked at together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest

from gitfleet.base import clock
from gitfleet.base.names import SessionId
from gitfleet.clone import Clone
from gitfleet.jobs import outputs
from gitfleet.jobs.attempts import plan, start
from gitfleet.jobs.attempts.alive import SessionsAlive
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.words import JobStatus
from gitfleet.launching import keep_alive
from tests.workbench import PATIENCE

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Running:
    """Jobs whose agents do nothing."""

    def __init__(self, place: Path) -> None:
        self.store = JobStore(str(place / ".git/gitfleet/jobs"))
        self.place = place

    def begun(self) -> JobRecord:
        command = ["sh", "-c", "exec sleep 1000"]
        agent = Agent.model_validate(
            {"name": "tidy", "working_directory": str(self.place), "command": command}
        )
        made = self.store.create(JobRecord(job_ids.new(), "tidy", JobStatus.QUEUED))
        start.start(self.store, plan.take(self.store, made.id, agent).id, os.environ).close()
        return self.store.get(made.id)

    def end(self) -> None:
        for job in self.store.open_jobs():
            shepherd = control.Shepherd(self.store.attempt_folder(job.id, 1))
            shepherd.stop(grace=0)
            shepherd.wait(PATIENCE)
            shepherd.close()


@pytest.fixture
def running(lone_member: Path) -> Iterator[Running]:
    found = Running(lone_member)
    yield found
    found.end()


async def beside(function: Callable[_P, _T], *args: _P.args, **options: _P.kwargs) -> _T:
    return await asyncio.to_thread(function, *args, **options)


def test_sessions_are_renewed_in_time_by_one_look_if_something_happened(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    made = Clone.of

    def of(*args: Any, **more: Any) -> Clone:
        opened.append(args)
        return made(*args, **more)

    monkeypatch.setattr(Clone, "of", of)
    jobs = [running.begun() for _ in range(3)]
    sessions = sorted(SessionId(job.attempts[0].session) for job in jobs)
    begun = clock.now()

    async def main() -> None:
        alive = SessionsAlive(running.store, beside)

        def look(hours: int) -> list[SessionId]:
            monkeypatch.setattr(clock, "now", lambda: begun + 3600 * hours)
            opened.clear()
            found = sorted(alive.look())
            assert len(opened) == 1
            return found

        for job in jobs:
            alive.add(job.id)
        assert look(0) == []
        assert look(1) == sessions  # each has written that its agent was started
        assert look(2) == sessions  # what their trees were like before is not known
        assert look(3) == []
        Path(jobs[0].attempts[0].worktree, "new").write_text("x")
        with open(outputs.streams(running.store, jobs[1].id)[-1], "a", encoding="utf-8") as stream:
            stream.write("\n")
        assert look(4) == sorted(job.attempts[0].session for job in jobs[:2])
        alive.drop(jobs[0].id)
        Path(jobs[0].attempts[0].worktree, "more").write_text("x")
        assert jobs[0].attempts[0].session not in look(5)
        for job in jobs[1:]:
            alive.drop(job.id)
        assert alive.look() == []

    asyncio.run(main())


def test_look_comes_by_itself_as_long_as_jobs_run(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_alive, "EVERY", 0.01)
    job, begun = running.begun(), clock.now()
    monkeypatch.setattr(clock, "now", lambda: begun + 3600)

    async def main() -> None:
        looked = asyncio.Event()

        async def call(function: Callable[_P, _T], *args: _P.args, **options: _P.kwargs) -> _T:
            renewed = await beside(function, *args, **options)
            if renewed:
                looked.set()
            return renewed

        alive = SessionsAlive(running.store, call)
        alive.add(job_ids.new())  # one that is not there hinders no other
        alive.add(job.id)
        await looked.wait()

    asyncio.run(main())
