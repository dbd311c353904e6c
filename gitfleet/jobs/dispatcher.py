"""The loop of a running manager: it hears of what is new in the store, starts what limits admit, and tells how each job goes.

It owns no process of an agent and keeps nothing that is not in the store. Everything here is for one event loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from gitfleet.base.watching import Bell
from gitfleet.codec import Struct
from gitfleet.errors import LocalStorage
from gitfleet.jobs import admission, events
from gitfleet.jobs.attempts import cancelling, plan
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.errors import InvalidStateError
from gitfleet.jobs.events import Listeners
from gitfleet.jobs.records import waiting
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import KEPT, JobStore
from gitfleet.jobs.words import JobStatus
from gitfleet.jobs.work import JobWork

_T = TypeVar("_T")
_THREADS = 8
_LOOK_EVERY = 60.0
_GONE = "its agent is not in the agent files"


class Hold(Protocol):
    """A reason beyond the counts for which a job may have to wait: no memory, no quota, no money."""

    def refresh(self) -> None:
        """Read what `why` goes by. Called beside the event loop before each look, so it may block for a moment."""

    def why(self, job: JobRecord, agent: Agent) -> str:
        """Why this job may not start now, with figures; "" where it may. Quick, and reads nothing."""


class Bounds(Struct):
    """What the manager was given, for what the files do not say: jobs at once, and how many ended ones are kept."""

    per_agent: int | None = None
    fleet_wide: int | None = None
    kept_per_agent: int | None = None
    kept_total: int | None = None


class Dispatcher:
    """See the module. `configuration` answers with the one that holds now, whenever it is asked."""

    def __init__(
        self,
        store: JobStore,
        listeners: Listeners,
        log: logging.Logger,
        configuration: Callable[[], Configuration],
        bounds: Bounds,
        holds: Iterable[Hold] = (),
    ) -> None:
        self._store, self._listeners, self._log = store, listeners, log
        self._configuration, self._bounds, self._holds = configuration, bounds, tuple(holds)
        self._queued: dict[str, JobRecord] = {}
        self._agents: dict[str, str] = {}
        self._told: set[str] = set()
        self._done: set[str] = set()
        self.running: dict[str, asyncio.Task[None]] = {}
        """The jobs that are looked after now, each by its task."""
        self.waits: dict[str, str] = {}
        """Why queued jobs that limits would admit do not start, by id."""
        self.idle = asyncio.Event()
        """Set while nothing runs, and nothing that could run waits."""
        self.open = False
        """Whether new attempts are started."""

    async def start(self) -> None:
        """Take up what runs already, and dispatch what waits."""
        self._told_waits: dict[str, str] | None = None
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="jobs")
        self._loop, self._turn = asyncio.get_running_loop(), asyncio.Lock()
        self._bell = Bell()
        await self.call(self._store.mend)
        self.open = True
        await self.look()
        self._ear = threading.Thread(target=self._listen, name="jobs news", daemon=True)
        self._ear.start()

    async def close(self) -> None:
        """Hear of nothing any more. What still runs goes on without us."""
        self.open = False
        self._bell.ring()
        await self.call(self._ear.join)
        self._bell.close()
        with suppress(LocalStorage):
            await self.call(waiting.remove, self._store.folder)
        await asyncio.to_thread(self._pool.shutdown)

    async def shut(self) -> None:
        """Start nothing more."""
        async with self._turn:
            self.open = False

    async def leave(self) -> None:
        """Look after none of the jobs that run any more: they go on, and the next manager takes them up."""
        left = list(self.running.values())
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    async def cancel_all(self) -> None:
        """Cancel every job that runs; it comes back when nothing of them does any more."""
        while self.running:
            for job_id in list(self.running):
                with suppress(InvalidStateError):
                    await self.call(cancelling.ask, self._store, job_id)
            if left := list(self.running.values()):
                await asyncio.wait(left)

    async def look(self) -> None:
        """Hear of what is new in the store, and start what may start."""
        async with self._turn:
            await self._hear()
            for hold in self._holds if self._queued else ():
                await self.call(hold.refresh)
            if self.open:
                for job in self._admitted():
                    await self._take(job)
            if not self.running and not self._admitted():
                self.idle.set()
            else:
                self.idle.clear()
            if self.open and self.waits != self._told_waits:
                self._told_waits = dict(self.waits)
                with suppress(LocalStorage):
                    await self.call(waiting.save, self._store.folder, self._told_waits)

    def nudge(self) -> None:
        """Look soon. For the event loop's thread."""
        if self.open:
            self._looking = self._loop.create_task(self.look())

    def call(self, function: Callable[..., _T], *args: Any) -> Awaitable[_T]:
        """Do what blocks beside the event loop."""
        return self._loop.run_in_executor(self._pool, lambda: function(*args))

    def limit(self, agent_name: str) -> int:
        """How many jobs of an agent may run at once; 0 for one that is not known."""
        agent = self._configuration().agents.get(agent_name)
        return (agent.concurrency or self._bounds.per_agent or 1) if agent else 0

    async def _hear(self) -> None:
        before = set(self._done)
        found = await self.call(self._store.open_jobs)
        there = {job.id for job in found}
        jobs = [job for job in found if job.id not in self._done]  # some may have ended since they were read
        self._done -= before - there
        for job_id in self._queued.keys() - there:
            self._over(await self.call(self._store.get, self._queued.pop(job_id).id))
        for job in jobs:
            if job.id not in self._told:
                self._told.add(job.id)
                self._tell("job:created", events.JobCreated(job))
            if job.status is JobStatus.QUEUED:
                self._queued[job.id] = job
            elif job.id not in self.running and self.open:
                self._run(job)

    def _admitted(self) -> list[JobRecord]:
        known = self._configuration().agents
        self.waits = {job.id: _GONE for job in self._queued.values() if job.agent_name not in known}
        fleet = self._configuration().fleet.concurrency or self._bounds.fleet_wide
        running = self._agents.values()
        return admission.admitted(
            self._queued.values(), running, limit_of=self.limit, fleet_limit=fleet, held=self._held
        )

    def _held(self, job: JobRecord) -> bool:
        agent = self._configuration().agents[job.agent_name]
        why = next(filter(None, (hold.why(job, agent) for hold in self._holds)), "")
        if why:
            self.waits[job.id] = why
        return bool(why)

    async def _take(self, job: JobRecord) -> None:
        agent = self._configuration().agents.get(job.agent_name)
        if agent is None:  # other agent files hold since it was admitted
            return
        taken = await self.call(plan.take, self._store, job.id, agent)
        if taken.status is JobStatus.RUNNING:
            del self._queued[job.id]
            self._run(taken)

    def _run(self, job: JobRecord) -> None:
        self._agents[job.id] = job.agent_name
        self.running[job.id] = self._loop.create_task(self._worked(job), name=job.id)

    async def _worked(self, job: JobRecord) -> None:
        try:
            ended = await JobWork(self._store, job, self.call, self._tell, self._listeners).run()
            self._over(ended)
            kept, own = self._configuration().fleet.history, self._bounds
            per_agent = own.kept_per_agent or kept.max_jobs_per_agent or KEPT
            await self.call(self._store.retain, per_agent, own.kept_total or kept.max_jobs_total)
        except Exception:  # noqa: BLE001 - the store still says that it runs, and the next start looks after it
            self._log.exception("%s could not be looked after", job.id)
        finally:
            self._done.add(job.id)
            del self.running[job.id], self._agents[job.id]
            self.nudge()

    def _over(self, job: JobRecord) -> None:
        self._told.discard(job.id)
        if job.status is JobStatus.COMPLETED:
            self._tell("job:completed", events.JobCompleted(job.id, job.result))
        elif job.status is JobStatus.CANCELLED:
            self._tell("job:cancelled", events.JobCancelled(job.id))
        else:
            self._tell("job:failed", events.JobFailed(job.id, job.error or str(job.outcome)))

    def _listen(self) -> None:
        folder = os.path.join(self._store.folder, "open")
        while not self._bell.rung:
            self._bell.arm([folder])
            with suppress(RuntimeError):  # the loop is gone
                self._loop.call_soon_threadsafe(self.nudge)
            self._bell.wait(_LOOK_EVERY)

    def _tell(self, name: str, event: Any) -> None:
        self._listeners.tell(name, event)
