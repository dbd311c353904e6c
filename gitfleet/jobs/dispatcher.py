"""The loop of a running manager: it hears of what is new in the store, starts what limits admit, and tells how each job goes.

It owns no process of an agent and keeps nothing that is not in the store. Everything here is for one event loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from typing import ParamSpec, Protocol, TypeVar

from gitfleet.base import clock
from gitfleet.base.listening import Ear
from gitfleet.base.watching import Bell
from gitfleet.codec import Struct
from gitfleet.errors import FleetError, LocalStorage
from gitfleet.jobs import admission, asking, events, waiting
from gitfleet.jobs.admission import Bounds
from gitfleet.jobs.asking import Questions
from gitfleet.jobs.attempts import cancelling, plan, postponing
from gitfleet.jobs.attempts.alive import SessionsAlive
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.delivery.follower import Follower
from gitfleet.jobs.errors import InvalidStateError, JobNotFoundError
from gitfleet.jobs.events import Listeners
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import KEPT, JobStore
from gitfleet.jobs.shared.keeper import SharedJobs
from gitfleet.jobs.troubles import Troubles
from gitfleet.jobs.waiting import HeldBack, HeldNotice
from gitfleet.jobs.words import JobStatus, SkipReason
from gitfleet.jobs.work import JobWork

_P = ParamSpec("_P")
_T = TypeVar("_T")
_THREADS = 8
_LOOK_EVERY, _AGAIN = 60.0, 5.0


class Hold(Protocol):
    """A reason beyond the counts for which a job may have to wait: no memory, no quota, no money."""

    def refresh(self) -> None:
        """Read what `why` goes by. Called beside the event loop before each look, so it may block for a moment."""

    def why(self, job: JobRecord, agent: Agent) -> str:
        """Why this job may not start now, with figures; "" where it may. Quick, and reads nothing."""


class Dispatcher:
    """See the module. `configuration` answers with the one that holds now, whenever it is asked."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it works with
        self,
        store: JobStore,
        listeners: Listeners,
        log: logging.Logger,
        configuration: Callable[[], Configuration],
        bounds: Bounds,
        holds: Iterable[Hold] = (),
        shared: SharedJobs | None = None,
        ear: Ear | None = None,
    ) -> None:
        self._store, self._listeners, self._log = store, listeners, log
        self._ear = ear or Ear("jobs news")
        self._configuration, self._bounds, self._holds = configuration, bounds, tuple(holds)
        self._follower, self._shared = Follower(store, log), shared
        self._queued: dict[str, JobRecord] = {}
        self._agents: dict[str, str] = {}
        self._told: set[str] = set()
        self._done: dict[str, int] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._questions, self._troubles = Questions(), Troubles()
        self._notice, self._alive = HeldNotice(store), SessionsAlive(store, self.call)
        self._looked_at_all = -_LOOK_EVERY
        self._looking: asyncio.Task[None] | None = None
        self._home: asyncio.AbstractEventLoop | None = None
        self.running: dict[str, asyncio.Task[None]] = {}
        """The jobs that are looked after now, each by its task."""
        self.waits: dict[str, str] = {}
        """Why queued jobs that limits would admit do not start, by id."""
        self.idle = asyncio.Event()
        """Set while nothing runs, and nothing that could run waits."""
        self.open = False
        """Whether new attempts are started."""
        self._closed, self._ends = False, AsyncExitStack()
        self._unheard = False  # some job's attempt has ended since the store was last read

    async def start(self) -> None:
        """Take up what runs already, and dispatch what waits. Where that fails, or is cancelled, `close` ends what has begun."""
        self._ends = AsyncExitStack()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="jobs")
        self._ends.push_async_callback(asyncio.to_thread, self._pool.shutdown)
        self._loop, self._turn = asyncio.get_running_loop(), asyncio.Lock()
        if self._home is not self._loop:
            self._home, self.idle = self._loop, asyncio.Event()
        self._ends.push_async_callback(self._fall_silent)
        await self.call(self._store.mend)
        if self._shared is not None:
            self._ends.push_async_callback(self.call, self._shared.close)
            await self.call(self._shared.start, self.heard)
        self.open, self._closed = True, False
        self._follower.start(self.heard)
        self._ends.push_async_callback(self.call, self._follower.stop)
        await self.look()
        self._ear.add(self._hear_news)
        self._ends.push_async_callback(self.call, self._ear.drop, self._hear_news)

    async def close(self) -> None:
        """Hear of nothing any more. What still runs goes on without us. Harmless where nothing has begun."""
        self.open = False
        if self._alarm is not None:
            self._alarm.cancel()
        await self._ends.aclose()
        self.idle.set()  # nothing could run any more

    async def _fall_silent(self) -> None:
        async with self._turn:
            self._closed = True
        await self.call(self._notice.forget)

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
        """Hear of what is new in the store, and start what may start. What goes wrong is logged, and tried again."""
        try:
            await self._look()
        except Exception:  # noqa: BLE001 - a full disk, say: whoever asked has a job all the same
            self._log.exception("jobs could not be looked after; that is tried again")
            self._loop.call_later(_AGAIN, self.nudge)

    async def _look(self) -> None:
        async with self._turn:
            if asyncio.current_task() is self._looking:  # what comes from here on is news for the next one
                self._looking = None
            if self._closed:
                return
            self._unheard = False
            await self._hear()
            for hold in self._holds if self._queued or self._offers() else ():
                await self.call(hold.refresh)
            if self.open:
                admitted = self._admitted()
                await self._take_in([job for job in admitted if job.id not in self._queued])
                for job in admitted:
                    if job.id in self._queued:
                        await self._take(job)
            self._wake_in_time()
            self._admitted()
            await self._say_what_holds()
            waits = self._unheard or self._troubles.pressing or self._comes_due()
            busy = self.running or waits or not self._follower.looked
            if busy or self._admitted():  # asked again: what ran may have ended while that was written down
                self.idle.clear()
            else:
                self.idle.set()

    async def _say_what_holds(self) -> None:
        """For those who ask why a job waits. A full disk keeps nobody from work."""
        limits = {name: self.limit(name) for name in self._configuration().agents}
        with suppress(LocalStorage):
            said = HeldBack(None, limits, self._fleet_limit(), dict(self._agents), dict(self.waits))
            await self.call(self._notice.tell, said)

    async def offer(self, job: JobRecord, keep: Callable[[], str], *, queues: bool = False) -> str:
        """Have `keep` put a new job into the store where it would start at once (or `queues`); "", or why it would not.

        `keep` may have a reason of its own. `look` starts the job.
        """
        async with self._turn:
            await self._hear()
            for hold in () if queues else self._holds:
                await self.call(hold.refresh)
            if not queues and (not self.open or job not in self._admitted(job)):
                why = self.waits.pop(job.id, "")
                return SkipReason.POOL_PAUSED if self._is_paused(job) else why or SkipReason.CONCURRENCY_LIMIT
            return await self.call(keep)

    def nudge(self) -> None:
        """Look soon; one look serves all who ask before it begins. For the event loop's thread."""
        if self.open and (self._looking is None or self._looking.done()):
            self._looking = self._loop.create_task(self.look())

    def heard(self) -> None:
        """Look soon. For any thread."""
        with suppress(RuntimeError):  # the loop is gone
            self._loop.call_soon_threadsafe(self.nudge)

    def call(self, function: Callable[_P, _T], *args: _P.args, **options: _P.kwargs) -> Awaitable[_T]:
        """Do what blocks beside the event loop."""
        return self._loop.run_in_executor(self._pool, lambda: function(*args, **options))

    def load(self, agent_name: str) -> tuple[int, int]:
        """How many jobs run, or are about to, of how many that may: of the agent's, or of all where those are what keeps more back."""
        names = [
            *self._agents.values(),
            *(job.agent_name for job in self._admitted() if job.id in self._queued),
        ]
        running, limit, fleet = names.count(agent_name), self.limit(agent_name), self._fleet_limit()
        full = running < limit and fleet is not None and len(names) >= fleet
        return (len(names), fleet or 0) if full else (running, limit)

    def limit(self, agent_name: str) -> int:
        """How many jobs of an agent may run at once; 0 for one that is not known."""
        agent = self._configuration().agents.get(agent_name)
        return (agent.concurrency or self._bounds.per_agent or 1) if agent else 0

    async def _hear(self) -> None:
        before = dict(self._done)
        found = await self.call(self._store.open_jobs, self._unchanged())
        there = {job.id for job in found}
        self._troubles.keep(there)
        jobs = [job for job in found if not self._outdated(job)]
        for job_id in before.keys() - there:
            self._done.pop(job_id, None)
        for job_id in self._queued.keys() - there:
            with suppress(JobNotFoundError):  # it went away, or cannot be read
                self._over(await self.call(self._store.get, self._queued.pop(job_id).id))
        for job in jobs:
            if self._queued.get(job.id) is job:
                continue
            self._created(job)
            if job.id in self.running:
                continue  # also one whose attempt has ended just now: its task has yet to hear of that
            if job.status is JobStatus.QUEUED:
                self._queued[job.id] = job
            elif self.open and not self._troubles.rests(job.id):
                self._run(job)
        await self._ask(found)

    def _unchanged(self) -> frozenset[str]:
        """The jobs that wait for their turn alone: nobody else begins one. All are looked at again once a minute all the same."""
        now = clock.elapsed()
        if now - self._looked_at_all >= _LOOK_EVERY:
            self._looked_at_all = now
            return frozenset()
        return frozenset(one.id for one in self._queued.values() if not (one.not_before or one.fence))

    async def _ask(self, jobs: Iterable[JobRecord]) -> None:
        """Tell of agents that wait for a person."""
        jobs = [job for job in jobs if job.status is JobStatus.RUNNING]
        names = {job.id: job.agent_name for job in jobs}
        found = await self.call(asking.everything, self._store, jobs)
        for job_id, asked in self._questions.new(found).items():
            event = events.JobNeedsInput(job_id, names[job_id], asked.text, asked.since)
            self._tell("job:needs_input", event)

    def _outdated(self, job: JobRecord) -> bool:
        """Whether the attempt that it is at has ended since it was read."""
        return job.status is JobStatus.RUNNING and len(job.attempts) <= self._done.get(job.id, -1)

    def _comes_due(self) -> bool:
        """Whether one is waited for whose moment has yet to come."""
        return self._alarm is not None and any(
            job.not_before and postponing.pressing(job) for job in self._queued.values()
        )

    def _wake_in_time(self) -> None:
        """Look again when the first of those comes due that may not start before some moment."""
        if self._alarm is not None:
            self._alarm.cancel()
        now = clock.milliseconds()
        due = [job.not_before - now for job in self._queued.values() if job.not_before > now]
        self._alarm = self._loop.call_later(min(due) / 1000, self.nudge) if due and self.open else None

    def _admitted(self, *more: JobRecord) -> list[JobRecord]:
        self.waits = {}
        running, fleet = self._agents.values(), self._fleet_limit()
        return admission.admitted(
            [*self._queued.values(), *more, *self._offers()],
            running,
            limit_of=self.limit,
            fleet_limit=fleet,
            held=self._held,
        )

    def _fleet_limit(self) -> int | None:
        return self._configuration().fleet.concurrency or self._bounds.fleet_wide

    def _offers(self) -> list[JobRecord]:
        offers = self._shared.offers() if self._shared is not None else []
        return [job for job in offers if job.id not in self._queued and job.id not in self.running]

    def _held(self, job: JobRecord) -> bool:
        agent = self._configuration().agents[job.agent_name]
        own = waiting.again_at(job) or self._troubles.why(job.id)
        why = own or next(filter(None, (hold.why(job, agent) for hold in self._holds)), "")
        if why:
            self.waits[job.id] = why
        return bool(why)

    def _is_paused(self, job: JobRecord) -> bool:
        agent = self._configuration().agents.get(job.agent_name)
        return bool(agent and self._shared and self._shared.paused(agent.pool))

    async def _take_in(self, offers: list[JobRecord]) -> None:
        """Have jobs of the fleet, as far as others have not."""
        if offers and self._shared is not None:
            taken = await self.call(self._shared.take, offers)
            for job in taken:
                self._created(job)
                self._queued[job.id] = job
            if len(taken) < len(offers):
                self.nudge()  # others were faster, and there may be more

    async def _take(self, job: JobRecord) -> None:
        known = self._configuration()
        agent = known.agents.get(job.agent_name)
        if agent is None:  # other agent files hold since it was admitted
            return
        try:
            taken = await self.call(plan.take, self._store, job.id, agent, known.fleet)
        except (FleetError, OSError) as error:
            self._log.exception("%s could not be begun; that is tried again", job.id)
            self._loop.call_later(self._troubles.met(job.id, error), self.nudge)
            return
        self._troubles.over(job.id)
        if taken.status is JobStatus.RUNNING:
            del self._queued[job.id]
            self._run(taken)

    def _run(self, job: JobRecord) -> None:
        self._agents[job.id] = job.agent_name
        self.running[job.id] = self._loop.create_task(self._worked(job), name=job.id)

    async def _worked(self, job: JobRecord) -> None:
        done = len(job.attempts)
        try:
            work = JobWork(self._store, job, self.call, self._tell, self._listeners, self._alive)
            ended = await work.run()
            if ended.ended:
                self._over(ended)
            kept, own = self._configuration().fleet.history, self._bounds
            per_agent = own.kept_per_agent or kept.max_jobs_per_agent or KEPT
            await self.call(self._store.retain, per_agent, own.kept_total or kept.max_jobs_total)
        except Exception as error:  # noqa: BLE001 - the store still says that it runs
            self._log.exception("%s could not be looked after; that is tried again", job.id)
            self._loop.call_later(self._troubles.met(job.id, error), self.nudge)
            done -= 1
        finally:
            self._done[job.id] = done
            self._unheard = True
            del self.running[job.id], self._agents[job.id]
            self.nudge()

    def _created(self, job: JobRecord) -> None:
        if job.id not in self._told:
            self._told.add(job.id)
            self._tell("job:created", events.JobCreated(job))

    def _over(self, job: JobRecord) -> None:
        self._told.discard(job.id)
        if job.status is JobStatus.COMPLETED:
            self._tell("job:completed", events.JobCompleted(job.id, job.result))
        elif job.status is JobStatus.CANCELLED:
            self._tell("job:cancelled", events.JobCancelled(job.id))
        else:
            self._tell("job:failed", events.JobFailed(job.id, job.error or str(job.outcome)))

    def _hear_news(self, bell: Bell) -> float:
        bell.arm([os.path.join(self._store.folder, "open")])
        self.heard()
        return _LOOK_EVERY

    def _tell(self, name: str, event: Struct) -> None:
        if isinstance(event, events.AgentStarted) and self._questions.begun(event.job_id):
            self.nudge()
        if isinstance(event, events.AgentStopped):
            self._questions.over(event.job_id)
        self._listeners.tell(name, event)
