"""Schedules fire: what sleeps until the next planned time, and makes its job, or says why there is none.

Everything that it knows is in files (`plans`), so another one goes on after a crash; and it goes by the configuration and the
switches that hold when a time comes. A job is made only where it can start at once; nothing here waits for one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from gitfleet.base import clock, files
from gitfleet.base.listening import Ear
from gitfleet.base.watching import Bell
from gitfleet.codec import Struct, replace
from gitfleet.errors import FleetError
from gitfleet.jobs import submission
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import WorkSourceRules
from gitfleet.jobs.errors import JobNotFoundError
from gitfleet.jobs.events import ScheduleSkipped, ScheduleTriggered
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.schedules import fleetwide, known, plans, self_schedules, switches, times
from gitfleet.jobs.schedules.known import KnownSchedule
from gitfleet.jobs.schedules.plans import SchedulePlan
from gitfleet.jobs.sources import known_sources
from gitfleet.jobs.sources.looking import Looked, SourceLooks
from gitfleet.jobs.sources.task_desk import FreeTask, TaskDesk
from gitfleet.jobs.words import SkipReason

_P = ParamSpec("_P")
_T = TypeVar("_T")
CHECK_INTERVAL = 60_000
"""Milliseconds between two looks at most: the clock may have been moved."""
_AGAIN = 5_000
"""Milliseconds until what failed, such as for a full disk, is looked after again, well before its time counts as missed; doubled each time."""
_DAY = 86_400.0
_KEPT = 30 * 86_400_000
"""Milliseconds that the plan of a schedule that is no more is kept."""


class Desk(Protocol):
    """What starts jobs: the dispatcher, of which this is all that schedules need."""

    def call(self, function: Callable[_P, _T], *args: _P.args, **options: _P.kwargs) -> Awaitable[_T]:
        """Do what blocks beside the event loop."""

    async def offer(self, job: JobRecord, keep: Callable[[], str], *, queues: bool = False) -> str:
        """Have `keep` put a new job into the store where it would start at once (or `queues`); "", or why it would not."""

    async def look(self) -> None:
        """Start what may start."""

    def load(self, agent_name: str) -> tuple[int, int]:
        """How many jobs run of how many that may: of the agent's, or of all where those are what keeps more back."""


class Ticker:
    """For one event loop, beside what starts jobs. `tell` tells of an event."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it works with
        self,
        store: JobStore,
        desk: Desk,
        configuration: Callable[[], Configuration],
        tell: Callable[[str, Struct], None],
        log: logging.Logger,
        check_interval: int = CHECK_INTERVAL,
        tasks: TaskDesk | None = None,
        ear: Ear | None = None,
    ) -> None:
        self._ear = ear or Ear("schedules news")
        self._seen: list[dict[str, tuple[int, int]]] = []
        self._tasks, self._looks = tasks, SourceLooks(tasks, self.wake) if tasks else None
        self._store, self._desk, self._configuration = store, desk, configuration
        self._tell, self._log, self._every = tell, log, check_interval / 1000
        self._plans = plans.shelf(store.folder)
        self._heard = (switches.shelf(store.folder), self_schedules.shelf(store.folder))
        self._closed, self._news = False, asyncio.Event()
        self._failed, self._failures = False, 0
        self.quiet = asyncio.Event()
        """Set while no work source is looked at for a time that has come."""
        self.quiet.set()
        self._going: asyncio.Task[None] | None = None
        self._home: asyncio.AbstractEventLoop | None = None

    def mend(self) -> None:
        """Put right what a crash has left half done. Before any job is run, so that none is let go of meanwhile."""
        for agent, name in self._plans.names():
            plan = self._plans.get(agent, name)
            if plan is not None and plan.firing:
                try:
                    self._keep(agent, name, plans.settled(self._store, plan))
                except (FleetError, OSError):  # each look does it again
                    self._log.exception("the schedule %s of %s could not be mended", name, agent)

    async def start(self) -> None:
        """Make the jobs of the times that have come, and go on with that. The desk is open already."""
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        if self._home is not self._loop:  # it was started in another one before
            self._home, self.quiet = self._loop, asyncio.Event()
            self.quiet.set()
        self._closed = False
        wait = await self._looked()
        self._ear.add(self._hear_news)
        self._going = self._loop.create_task(self._go_on(wait))

    async def close(self) -> None:
        """Make no more jobs. Comes back when none is being made. Harmless where it has not started, or is closed."""
        self._closed = True
        self.quiet.set()
        if self._going is None:
            return
        self._news.set()
        await self._going
        self._going = None
        await self._desk.call(self._ear.drop, self._hear_news)

    def wake(self) -> None:
        """Look now: another configuration holds. For the event loop's thread."""
        self._news.set()

    async def turn(self) -> float:
        """Deal with every time that has come; seconds until there is more to do."""
        now, self._failed = clock.milliseconds(), False
        soonest = now + 1000 * self._every
        done = self._looks.done if self._looks else []
        for one, plan in await self._desk.call(self._read, now):
            if self._closed:
                break
            try:
                planned = await self._dealt(one, plan, now)
            except (FleetError, OSError, ValueError):
                self._log.exception(
                    "the schedule %s of %s could not be looked after", one.name, one.agent.name
                )
                self._failed = True
                continue
            if planned:
                soonest = min(soonest, planned)
        if self._looks is not None:
            self._looks.drop(done)
        if self._looks is None or not self._looks.waiting:
            self.quiet.set()
        self._failures = self._failures + 1 if self._failed else 0
        if self._failed:
            soonest = min(soonest, now + (_AGAIN << min(self._failures - 1, 16)))
        return max(soonest - clock.milliseconds(), 0) / 1000

    async def _go_on(self, wait: float) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), wait)
            self._news.clear()
            if self._closed:
                return
            wait = await self._looked()

    async def _looked(self) -> float:
        try:
            return await self.turn()
        except Exception:  # noqa: BLE001 - the next look may find it mended
            self._log.exception("schedules could not be looked after")
            return min(self._every, _AGAIN / 1000)

    def _read(self, now: int) -> list[tuple[KnownSchedule, SchedulePlan]]:
        """The schedules that are switched on, each with a plan that holds; the files of those that are no more are taken away."""
        found = []
        there = known.schedules(self._store.folder, self._configuration(), now)
        for one in there:
            try:
                plan = self._planned(one, now)
            except (FleetError, OSError, ValueError):
                self._log.exception("the schedule %s of %s cannot be planned", one.name, one.agent.name)
                self._failed = True
                continue
            if plan is not None:
                found.append((one, plan))
        self._tidy({(one.agent.name, one.name) for one in there}, now)
        return found

    def _planned(self, one: KnownSchedule, now: int) -> SchedulePlan | None:
        """The plan of a schedule that holds; None while it is switched off: what it is when it is switched on again is a new one."""
        before = self._plans.get(one.agent.name, one.name)
        plan = before and plans.settled(self._store, before)
        if plan is not None and not plan.planned:
            self_schedules.forget(self._store, one.agent.name, one.name)
            return None
        basis = one.basis if one.enabled else ""
        if (plan.basis if plan else "") != basis:
            plan = plans.moved(plan, basis, one.first(now))
        if plan is not None and plan != before:
            self._keep(one.agent.name, one.name, plan)
        return plan if one.enabled else None

    def _tidy(self, there: set[tuple[str, str]], now: int) -> None:
        made = self_schedules.shelf(self._store.folder)
        for agent, name in made.names():
            if self_schedules.over(made.get(agent, name), now):
                self_schedules.forget(self._store, agent, name)
        for agent, name in set(self._plans.names()) - there:
            plan = self._plans.get(agent, name)
            if plan is not None and plan.changed_at < now - _KEPT:
                self._plans.drop(agent, name)

    async def _dealt(self, one: KnownSchedule, plan: SchedulePlan, now: int) -> int:
        """When it fires next, once its plan has been dealt with; 0: never again."""
        then = times.due(
            one.rules, plan.planned / 1000, now / 1000, late=times.LATE, fired=plan.last_planned / 1000
        )
        after = 0 if one.once else round(then.next * 1000)
        if not then.fires and not then.missed:
            if not one.once and after != plan.planned:
                plan = await self._kept(one, plans.moved(plan, one.basis, after))
            return plan.planned
        reason = "" if then.fires else str(SkipReason.MISSED)
        rules = known_sources.rules_of(one.agent, one.name)
        if not reason and rules is not None and self._looks is not None:
            looked = self._looks.result((one.agent.name, one.name), rules)
            if looked is None:  # it is heard of when that has ended
                self.quiet.clear()
                return 0
            plan, reason = await self._fire_tasks(one, plan, after, looked)
        elif not reason:
            plan, reason = await self._fire(one, plan, after)
        if reason and self._closed:  # nobody starts anything any more: the next one decides
            return plan.planned
        if reason:
            plan = await self._kept(one, plans.skipped(plan, after, reason))
            self._log.info("schedule %s of %s skipped: %s", one.name, one.agent.name, reason)
            full = reason == SkipReason.CONCURRENCY_LIMIT
            running, limit = self._desk.load(one.agent.name) if full else (0, 0)
            self._tell("schedule:skipped", ScheduleSkipped(one.agent.name, one.name, reason, running, limit))
        return plan.planned

    async def _fire(self, one: KnownSchedule, plan: SchedulePlan, after: int) -> tuple[SchedulePlan, str]:
        """The plan after its job was made; or why there is none, and the plan as it is.

        A single job of an agent's own schedule waits in the queue, as one that is triggered does: there is no other time for it.
        """
        agent = one.agent
        if fleetwide.applies(one):
            return await self._fire_for_all(one, plan, after)
        try:
            job = await self._made(one, plan)
        except FleetError as error:  # its repository is not there
            return plan, error.message
        firing = plans.firing(plan, job.id, after)

        def keep() -> str:
            if not one.once and self._at_work(plan.last_job):
                return SkipReason.OVERLAP
            self._keep(agent.name, one.name, firing)
            self._store.create(job)
            return ""

        if reason := await self._desk.offer(job, keep, queues=one.once):
            return plan, reason
        self._tell("schedule:triggered", ScheduleTriggered(agent.name, one.name, job.id))
        fired = await self._kept(one, plans.fired(firing))
        await self._desk.look()
        return fired, ""

    async def _fire_for_all(
        self, one: KnownSchedule, plan: SchedulePlan, after: int
    ) -> tuple[SchedulePlan, str]:
        """The same for a job that any node may run, which waits in the fleet's queue; of several clones, one makes it."""
        agent = one.agent
        try:
            made = await self._made(one, plan)
            job = replace(made, id=fleetwide.job_id(agent.name, one.name, one.rules, plan.planned))
            offer = partial(fleetwide.offer, self._store, self._configuration(), one, job)
            reason = await self._desk.call(offer)
        except FleetError as error:
            return plan, error.message
        if reason is not None:
            return plan, reason
        self._tell("schedule:triggered", ScheduleTriggered(agent.name, one.name, job.id))
        return await self._kept(one, plans.fired(plans.firing(plan, job.id, after))), ""

    async def _made(self, one: KnownSchedule, plan: SchedulePlan) -> JobRecord:
        """A job for the time that has come, in no store. Raises NoRepository."""
        agent = one.agent.model_copy(update={"schedules": {**one.agent.schedules, one.name: one.rules}})
        made = await self._desk.call(
            lambda: submission.new(agent, schedule=one.name, planned_at=plan.planned)
        )
        return replace(made, own_until=one.own.ends_at if one.own else 0)

    async def _fire_tasks(
        self, one: KnownSchedule, plan: SchedulePlan, after: int, looked: Looked
    ) -> tuple[SchedulePlan, str]:
        """The same for a schedule that takes tasks: a job for each of those that were found, as far as limits admit. The first is the plan's."""
        if looked.error is not None:
            return plan, str(looked.error)
        candidates, fired = list(looked.found), plan
        reason = str(SkipReason.NO_WORK) if not candidates else ""
        try:
            while candidates and not reason:
                job = await self._made(one, plan)
                firing = plans.firing(plan, job.id, after) if fired is plan else None
                reason = await self._desk.offer(
                    job, partial(self._keep_task, one, firing, looked.rules, job, candidates), queues=one.once
                )
                if not reason:
                    self._tell("schedule:triggered", ScheduleTriggered(one.agent.name, one.name, job.id))
                    fired = await self._kept(one, plans.fired(firing)) if firing else fired
                if one.once:
                    break
        except FleetError as error:  # the hub, or the repository, cannot be asked
            reason = error.message
        if fired is plan:
            return plan, reason
        if reason not in {"", SkipReason.NO_WORK, SkipReason.CONCURRENCY_LIMIT}:
            self._log.info("schedule %s of %s takes no more tasks: %s", one.name, one.agent.name, reason)
        await self._desk.look()
        return fired, ""

    def _keep_task(
        self,
        one: KnownSchedule,
        firing: SchedulePlan | None,
        rules: WorkSourceRules,
        job: JobRecord,
        candidates: list[FreeTask],
    ) -> str:
        """Keep the job with the first task that can be had."""
        assert self._tasks is not None
        if firing is not None:
            self._keep(one.agent.name, one.name, firing)
        taken = self._tasks.first(rules, job, candidates)
        if taken is None:
            return SkipReason.NO_WORK
        self._store.create(taken)
        return ""

    def _at_work(self, job_id: str) -> bool:
        try:
            return bool(job_id) and not self._store.get(job_id).ended
        except JobNotFoundError:
            return False

    def _hear_news(self, bell: Bell) -> float:
        bell.arm([files.folder(kept.folder, mode=0o700) for kept in self._heard])
        now = [kept.stamps() for kept in self._heard]  # there is other news, too
        if now != self._seen:
            self._seen = now
            with suppress(RuntimeError):  # the loop is gone
                self._loop.call_soon_threadsafe(self._news.set)
        return _DAY

    async def _kept(self, one: KnownSchedule, plan: SchedulePlan) -> SchedulePlan:
        await self._desk.call(self._keep, one.agent.name, one.name, plan)
        return plan

    def _keep(self, agent: str, name: str, plan: SchedulePlan) -> None:
        """Keep the plan of a schedule; of one that fires no more nothing is kept."""
        if plan.planned:
            self._plans.put(agent, name, plan)
        else:
            self_schedules.forget(self._store, agent, name)
