"""Events of the FleetManager: what each tells, and who listens. Times are in milliseconds since 1970.

For each job: `job:created`, `agent:started`, `job:output`…, `agent:stopped`, and exactly one of `job:completed`, `job:failed`
(which an interrupted one is, too) and `job:cancelled`. `agent:started` and `agent:stopped` come with each of its attempts. A job that
ended and is retried by hand begins with `job:created` once more.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from gitfleet.codec import Struct
from gitfleet.jobs.errors import ArgumentError
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord

Listener = Callable[[Any], object]
"""Called with each event. One that answers with something to be awaited (`async def`) is awaited beside the loop's other work."""
_PATIENCE = 5.0
"""Seconds that listeners at work get at most when all has stopped."""


class ManagerStarted(Struct):
    """`started`."""

    timestamp: int


class ManagerStopped(Struct):
    """`stopped`."""

    timestamp: int
    reason: str = ""


class ConfigReloaded(Struct):
    """`config:reloaded`: other agent files hold from now on; `changes` as `definitions.changes` has them."""

    changes: tuple[str, ...]


class AgentStarted(Struct):
    """`agent:started`: an attempt's agent runs."""

    agent_name: str
    job_id: str


class AgentStopped(Struct):
    """`agent:stopped`: an attempt of it is over; `reason` is its outcome."""

    agent_name: str
    job_id: str
    reason: str


class JobCreated(Struct):
    """`job:created`."""

    job: JobRecord


class JobOutput(Struct):
    """`job:output`: what the agent wrote, as it wrote it: not made safe for a terminal."""

    job_id: str
    chunk: str


class JobNeedsInput(Struct):
    """`job:needs_input`: its agent waits for a person. What it asks is not made safe for a terminal; `since` when."""

    job_id: str
    agent_name: str
    text: str
    since: int


class JobCompleted(Struct):
    """`job:completed`."""

    job_id: str
    result: AttemptRecord | None


class JobFailed(Struct):
    """`job:failed`, in words."""

    job_id: str
    error: str


class JobCancelled(Struct):
    """`job:cancelled`: nothing of it runs any more."""

    job_id: str


class ScheduleTriggered(Struct):
    """`schedule:triggered`: the job is there; `job:created` comes next."""

    agent_name: str
    schedule_name: str
    job_id: str


class ScheduleSkipped(Struct):
    """`schedule:skipped`: a planned time passes without a job.

    `reason` is `concurrency_limit`, `overlap` (its last job has not ended), `missed` (nothing ran then),
    `no_work` (its work source has none), or in words why no job
    may start now. With the first, `running` jobs of `limit`: the agent's, or all where their number is what keeps more back.
    """

    agent_name: str
    schedule_name: str
    reason: str
    running: int = 0
    limit: int = 0


class StopProgress(Struct):
    """What `stop` tells of while it waits: how many jobs still run."""

    pending_jobs: int


NAMES = (
    "started", "stopped", "config:reloaded", "agent:started", "agent:stopped", "job:created", "job:output", "job:completed",
    "job:failed", "job:cancelled", "job:needs_input", "schedule:triggered", "schedule:skipped",
)  # fmt: skip


class Listeners:
    """Who listens to what. One that raises is logged, and harms nobody. What one answers with is awaited, in a task of its own."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._by_name: dict[str, list[Listener]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, name: str, listener: Listener) -> None:
        """Tell this one of each event of that name. Raises ArgumentError for a name that no event has."""
        if name not in NAMES:
            raise ArgumentError(
                f"There is no event {name!a:.80}.", hint=f"There are: {', '.join(NAMES)}.", argument="event"
            )
        if not callable(listener):
            raise ArgumentError("A listener has to be a function.", argument="listener")
        self._by_name.setdefault(name, []).append(listener)

    def remove(self, name: str, listener: Listener) -> None:
        """Do not any more. Harmless where it did not."""
        found = self._by_name.get(name, [])
        if listener in found:
            self._by_name[name] = [one for one in found if one != listener]

    def any(self, name: str) -> bool:
        """Whether anybody listens."""
        return bool(self._by_name.get(name))

    def tell(self, name: str, event: Struct) -> None:
        """Tell all of them, in the order in which they came. For the event loop's thread."""
        for listener in list(self._by_name.get(name, ())):
            self.call(name, listener, event)

    def call(self, name: str, listener: Listener, event: Struct) -> None:
        """Tell this one alone, under the same rules. For the event loop's thread."""
        try:
            answer = listener(event)
        except Exception:  # noqa: BLE001 - whatever a listener does is its own affair
            self._log.exception("a listener to %s failed", name)
            return
        if inspect.isawaitable(answer):
            task = asyncio.get_running_loop().create_task(self._awaited(name, answer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait for the asynchronous ones that are at work, a while at most; not for who waits here itself."""
        if left := self._tasks - {asyncio.current_task()}:
            await asyncio.wait(left, timeout=_PATIENCE)

    async def _awaited(self, name: str, answer: Awaitable[object]) -> None:
        try:
            await answer
        except Exception:  # noqa: BLE001 - as above
            self._log.exception("a listener to %s failed", name)
