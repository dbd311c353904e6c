"""Tickers without agents: a desk that keeps jobs and starts none, a clock that stands where the test puts it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest

from gitfleet.base import clock
from gitfleet.base.names import NodeId
from gitfleet.codec import replace
from gitfleet.jobs.definitions import configuration
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.schedules.ticker import Ticker
from gitfleet.jobs.words import JobStatus
from gitfleet.ledger import own_node
from gitfleet.ledger.own_node import Node

_P = ParamSpec("_P")
_T = TypeVar("_T")
NINE = 1_780_304_400_000
"""Monday, 2026-06-01, 09:00 UTC."""
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class FakeDesk:
    """Keeps each job that is offered; unless there is a `reason` not to."""

    def __init__(self) -> None:
        self.reason = ""

    def call(self, function: Callable[_P, _T], *args: _P.args, **options: _P.kwargs) -> Awaitable[_T]:
        return asyncio.to_thread(function, *args, **options)

    async def offer(self, job: JobRecord, keep: Callable[[], str], *, queues: bool = False) -> str:
        del job
        return self.reason if self.reason and not queues else keep()

    async def look(self) -> None:
        """Start nothing."""

    def load(self, agent_name: str) -> tuple[int, int]:
        del agent_name
        return 1, 2


class Timeline:
    """A state directory with its agents, and a ticker that is asked to look at chosen moments."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        if not (folder / ".git/gitfleet/node.json").exists():
            (folder / ".git/gitfleet").mkdir(exist_ok=True)
            own_node.save(str(folder / ".git"), Node(NodeId("ada"), "", "main"))
        self.agents = folder / "agents"
        self.agents.mkdir(exist_ok=True)
        self.store = JobStore(str(folder / "state"))
        self.desk = FakeDesk()
        self.events: list[tuple[str, Any]] = []
        self._patch = monkeypatch
        self.now = NINE

    def agent(self, text: str, name: str = "tidy") -> None:
        (self.agents / f"{name}.yaml").write_text(f"command: [/bin/true]\nworking_directory: ..\n{text}\n")

    def schedule(self, text: str) -> None:
        self.agent(f"schedules: {{s: {text}}}")

    def configuration(self) -> Configuration:
        return configuration.load(str(self.agents), environ={})

    def ticker(self) -> Ticker:
        """Another one, as after a restart."""
        log = logging.getLogger("tests.schedules")
        made = Ticker(self.store, self.desk, self.configuration, self._tell, log)
        made.mend()
        return made

    def at(self, moment: int) -> list[int]:
        """Look at a moment (ms); the planned times that jobs were made for meanwhile."""
        self.now = moment
        self._patch.setattr(clock, "milliseconds", lambda: self.now)
        before = {job.id for job in self.jobs()}
        asyncio.run(self.ticker().turn())
        return sorted(job.planned_at for job in self.jobs() if job.id not in before)

    def jobs(self) -> list[JobRecord]:
        return self.store.find(JobFilter())

    def end_jobs(self) -> None:
        for job in self.jobs():
            self.store.update(job.id, lambda one: replace(one, status=JobStatus.COMPLETED))

    def reasons(self) -> list[str]:
        """Why times made no job, until now; from then on anew."""
        found = [event.reason for name, event in self.events if name == "schedule:skipped"]
        self.events.clear()
        return found

    def _tell(self, name: str, event: Any) -> None:
        self.events.append((name, event))
