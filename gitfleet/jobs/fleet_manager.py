"""`FleetManager`: jobs of the agents in a folder of files, run one after the other or side by side, as far as limits admit.

It owns no process of an agent and no state of its own: jobs are in the store, each attempt has its shepherd. So it may be
killed at any moment, and the next one goes on; and what other processes ask of the store (a new job, one cancelled) it hears of
by the system's news of the folder `open`. Queries need no event loop, and answer the same whether it runs or not.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Self, TypeVar

from gitfleet.base import clock
from gitfleet.base.locks import NodeLock
from gitfleet.base.watching import Bell
from gitfleet.codec import replace
from gitfleet.git.repository import discover
from gitfleet.jobs import admission, events, outputs, submission
from gitfleet.jobs.attempts import cancelling, plan
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.durations import milliseconds
from gitfleet.jobs.errors import InvalidStateError
from gitfleet.jobs.events import Listener, Listeners
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import KEPT, JobFilter, JobStore
from gitfleet.jobs.standing import AgentInfo, FleetState, agent_info, fleet_state
from gitfleet.jobs.words import JobStatus
from gitfleet.jobs.work import JobWork

_T = TypeVar("_T")
UNINITIALIZED, INITIALIZED, RUNNING, STOPPING, STOPPED = (
    "uninitialized", "initialized", "running", "stopping", "stopped",
)  # fmt: skip
_THREADS = 8
_LOOK_EVERY = 60.0
WAIT = 30_000
"""Milliseconds that `stop` waits for jobs, unless told otherwise."""


def state_folder(path: str = ".") -> str:
    """Where the jobs of the repository at `path` are kept: in git's own folder, shared by all its worktrees. Raises NoRepository."""
    return os.path.join(discover(path).common_dir, "gitfleet", "jobs")


class FleetManager:
    """See the module. For one event loop; use it as an async context manager, or `initialize`, `start` and `stop` it.

    `config_path` is a folder of agent files, or one file. Limits that the files do not have: `per_agent` (1) and `fleet_wide`.
    """

    def __init__(
        self,
        *,
        config_path: str = "agents",
        state_dir: str | None = None,
        logger: logging.Logger | None = None,
        per_agent: int | None = None,
        fleet_wide: int | None = None,
        max_jobs_per_agent: int | None = None,
        max_jobs_total: int | None = None,
    ) -> None:
        self._config_path = os.path.abspath(config_path)
        self.store = JobStore(state_dir or state_folder(_nearest(self._config_path)))
        self._log = logger or logging.getLogger("gitfleet.jobs")
        self._per_agent, self._fleet_wide = per_agent, fleet_wide
        self._kept = (max_jobs_per_agent, max_jobs_total)
        self._listeners = Listeners(self._log)
        self._state, self._since = UNINITIALIZED, 0.0
        self._configuration: Configuration | None = None
        self._lock = NodeLock(os.path.join(self.store.folder, "lock"))
        self._queued: dict[str, JobRecord] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._agents: dict[str, str] = {}
        self._told: set[str] = set()
        self._done: set[str] = set()
        self._idle = asyncio.Event()

    @property
    def state(self) -> str:
        """`uninitialized`, `initialized`, `running`, `stopping` or `stopped`."""
        return self._state

    # Life.

    async def initialize(self) -> None:
        """Read the agent files, and prepare the state directory. Raises ConfigurationError, InvalidStateError, LocalStorage."""
        self._expect("initialize", UNINITIALIZED, STOPPED)
        self._configuration = submission.load(self._config_path)
        with self.store.lock.held(_LOOK_EVERY):
            os.makedirs(os.path.join(self.store.folder, "open"), exist_ok=True)
        self._state = INITIALIZED

    async def start(self) -> None:
        """Begin: take up what runs already, and dispatch what waits. Raises InvalidStateError, also where another one runs here."""
        self._expect("start", INITIALIZED)
        if not self._lock.acquire():
            raise InvalidStateError(
                f"The jobs in {self.store.folder} are run by {self._lock.holder()}.",
                hint="Stop that one first, or name another state directory.",
                current_state="taken", expected_state="free", operation="start",
            )  # fmt: skip
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="jobs")
        self._loop, self._turn = asyncio.get_running_loop(), asyncio.Lock()
        self._state, self._since = RUNNING, clock.elapsed()
        self._bell = Bell()
        await self.call(self.store.mend)
        self._tell("started", events.ManagerStarted(clock.milliseconds()))
        await self.look()
        self._ear = threading.Thread(target=self._listen, name="jobs news", daemon=True)
        self._ear.start()

    async def stop(
        self,
        *,
        wait_for_jobs: bool = True,
        timeout: int | str | None = WAIT,
        on_progress: Callable[[int], object] | None = None,
        reason: str = "",
    ) -> None:
        """Start nothing more; wait for the jobs that run, at most `timeout` (None: for ever), then cancel them. What waits stays.

        `on_progress` hears how many still run, whenever that changes. Harmless where it is stopped already.
        """
        if self._state == STOPPED:
            return
        self._expect("stop", RUNNING)
        self._state = STOPPING
        limit = None if timeout is None else milliseconds(timeout, least=0) / 1000
        until = None if limit is None else clock.elapsed() + limit
        while wait_for_jobs and self._running and (until is None or clock.elapsed() < until):
            if on_progress is not None:
                on_progress(len(self._running))
            left = None if until is None else max(0.0, until - clock.elapsed())
            await asyncio.wait(self._running.values(), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        await self.cancel_all()
        self._bell.ring()
        await self.call(self._ear.join)
        self._bell.close()
        self._pool.shutdown()
        self._lock.release()
        self._state = STOPPED
        self._tell("stopped", events.ManagerStopped(clock.milliseconds(), reason))

    async def __aenter__(self) -> Self:
        await self.initialize()
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def until_idle(self) -> None:
        """Wait until nothing runs, and nothing that could run waits."""
        await self._idle.wait()

    # Who listens.

    def on(self, event: str, listener: Listener) -> None:
        """Call `listener` with each event of that name (`events.NAMES`), in the event loop. Raises ValueError."""
        self._listeners.add(event, listener)

    def off(self, event: str, listener: Listener) -> None:
        """Do not any more."""
        self._listeners.remove(event, listener)

    # Queries.

    def get_status(self) -> FleetState:
        """How it all stands. Raises InvalidStateError before `initialize`."""
        uptime = int((clock.elapsed() - self._since) * 1000) if self._state in {RUNNING, STOPPING} else 0
        return fleet_state(self.store, self._known("get_status"), self._state, uptime)

    def get_agents(self) -> list[AgentInfo]:
        """Every agent with what it is at. Raises InvalidStateError."""
        known, jobs = self._known("get_agents"), self.store.open_jobs()
        return [
            agent_info(self.store, agent, jobs, self._limit(agent.name)) for agent in known.agents.values()
        ]

    def get_agent(self, name: str) -> AgentInfo:
        """One of them. Raises AgentNotFoundError, InvalidStateError."""
        agent = submission.agent_of(self._known("get_agent"), name)
        return agent_info(self.store, agent, self.store.open_jobs(), self._limit(name))

    def get_jobs(
        self,
        *,
        agent_name: str = "",
        status: str | Collection[str] = (),
        since: int = 0,
        until: int = 0,
        limit: int = 0,
    ) -> list[JobRecord]:
        """The jobs that are asked for, newest first; times in milliseconds since 1970."""
        statuses = (status,) if isinstance(status, str) else tuple(status)
        return self.store.find(JobFilter(agent_name, statuses, since, until, limit))

    def get_job(self, job_id: str) -> JobRecord:
        """The job, with what its agent wrote as `output`. Raises JobNotFoundError."""
        return replace(self.store.get(job_id), output=outputs.whole(self.store, job_id))

    def stream_job_output(self, job_id: str) -> AsyncIterator[str]:
        """What the job's agent writes, from the beginning until the job ends; of one that has ended, all of it. Raises JobNotFoundError."""
        self.store.get(job_id)
        return outputs.follow(self.store, job_id)

    # Actions.

    async def trigger(
        self, agent_name: str, schedule_name: str | None = None, *, prompt_override: str | None = None, priority: int | None = None
    ) -> JobRecord:  # fmt: skip
        """A new job of an agent, which runs as soon as limits admit. Raises AgentNotFoundError, ScheduleNotFoundError."""
        self._expect("trigger", RUNNING)
        agent = submission.agent_of(self._known("trigger"), agent_name)
        job = await self.call(
            lambda: submission.submit(
                self.store, agent, schedule=schedule_name or "", prompt=prompt_override, priority=priority
            )
        )
        await self.look()
        return job

    async def cancel_job(self, job_id: str) -> JobRecord:
        """Cancel a job; it comes back when nothing of it runs any more. Raises JobNotFoundError, InvalidStateError."""
        self._expect("cancel_job", RUNNING)
        await self.call(cancelling.ask, self.store, job_id)
        if job_id in self._running:
            await asyncio.wait([self._running[job_id]])
        await self.look()
        return self.store.get(job_id)

    async def cancel_all(self) -> None:
        """Cancel every job that runs; it comes back when nothing of them does any more."""
        while self._running:
            for job_id in list(self._running):
                with suppress(InvalidStateError):
                    await self.call(cancelling.ask, self.store, job_id)
            if left := list(self._running.values()):
                await asyncio.wait(left)

    # Dispatch.

    async def look(self) -> None:
        """Hear of what is new in the store, and start what may start."""
        async with self._turn:
            await self._hear()
            if self._state == RUNNING:
                for job in self._admitted():
                    await self._take(job)
            if not self._running and not self._admitted():
                self._idle.set()
            else:
                self._idle.clear()

    async def _hear(self) -> None:
        before = set(self._done)
        found = await self.call(self.store.open_jobs)
        there = {job.id for job in found}
        jobs = [job for job in found if job.id not in self._done]  # some may have ended since they were read
        self._done -= before - there
        for job_id in self._queued.keys() - there:
            self._over(await self.call(self.store.get, self._queued.pop(job_id).id))
        for job in jobs:
            if job.id not in self._told:
                self._told.add(job.id)
                self._tell("job:created", events.JobCreated(job))
            if job.status is JobStatus.QUEUED:
                self._queued[job.id] = job
            elif job.id not in self._running and self._state == RUNNING:
                self._run(job)

    def _admitted(self) -> list[JobRecord]:
        fleet = self._known("dispatch").fleet.concurrency or self._fleet_wide
        running = self._agents.values()
        return admission.admitted(self._queued.values(), running, limit_of=self._limit, fleet_limit=fleet)

    async def _take(self, job: JobRecord) -> None:
        agent = self._known("dispatch").agents[job.agent_name]
        taken = await self.call(plan.take, self.store, job.id, agent)
        if taken.status is JobStatus.RUNNING:
            del self._queued[job.id]
            self._run(taken)

    def _run(self, job: JobRecord) -> None:
        self._agents[job.id] = job.agent_name
        self._running[job.id] = self._loop.create_task(self._worked(job), name=job.id)

    async def _worked(self, job: JobRecord) -> None:
        try:
            ended = await JobWork(self.store, job, self.call, self._tell, self._listeners).run()
            self._over(ended)
            kept = self._known("retain").fleet.history
            per_agent = self._kept[0] or kept.max_jobs_per_agent or KEPT
            await self.call(self.store.retain, per_agent, self._kept[1] or kept.max_jobs_total)
        except Exception:  # noqa: BLE001 - the store still says that it runs, and the next start looks after it
            self._log.exception("%s could not be looked after", job.id)
        finally:
            self._done.add(job.id)
            del self._running[job.id], self._agents[job.id]
            self._nudge()

    def _over(self, job: JobRecord) -> None:
        self._told.discard(job.id)
        if job.status is JobStatus.COMPLETED:
            self._tell("job:completed", events.JobCompleted(job.id, job.result))
        elif job.status is JobStatus.CANCELLED:
            self._tell("job:cancelled", events.JobCancelled(job.id))
        else:
            self._tell("job:failed", events.JobFailed(job.id, job.error or str(job.outcome)))

    def _listen(self) -> None:
        folder = os.path.join(self.store.folder, "open")
        while not self._bell.rung:
            self._bell.arm([folder])
            with suppress(RuntimeError):  # the loop is gone
                self._loop.call_soon_threadsafe(self._nudge)
            self._bell.wait(_LOOK_EVERY)

    def _nudge(self) -> None:
        if self._state == RUNNING:
            self._looking = self._loop.create_task(self.look())

    def call(self, function: Callable[..., _T], *args: Any) -> Awaitable[_T]:
        """Do what blocks beside the event loop."""
        return self._loop.run_in_executor(self._pool, lambda: function(*args))

    def _limit(self, agent_name: str) -> int:
        agent = self._known("dispatch").agents.get(agent_name)
        return (agent.concurrency or self._per_agent or 1) if agent else 0

    def _tell(self, name: str, event: Any) -> None:
        self._listeners.tell(name, event)

    def _known(self, operation: str) -> Configuration:
        if self._configuration is None:
            self._expect(operation, INITIALIZED, RUNNING)
        assert self._configuration is not None
        return self._configuration

    def _expect(self, operation: str, *states: str) -> None:
        if self._state not in states:
            wanted = " or ".join(states)
            raise InvalidStateError(
                f"The manager is {self._state}, and must be {wanted} for `{operation}`.",
                current_state=self._state, expected_state=wanted, operation=operation,
            )  # fmt: skip


def _nearest(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path
