"""`FleetManager`: jobs of the agents in a folder of files, run one after the other or side by side, as far as limits admit.

It owns no process of an agent and no state of its own: jobs are in the store, each attempt has its shepherd. So it may be
killed at any moment, and the next one goes on; and what other processes ask of the store (a new job, one cancelled) it hears of
by the system's news of the folder `open`. Queries need no event loop, and answer the same whether it runs or not.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Self

from gitfleet.base import clock, files
from gitfleet.base.listening import Ear
from gitfleet.codec import Struct
from gitfleet.git.repository import discover
from gitfleet.jobs import events, fleet_membership, options, submission
from gitfleet.jobs.accounts import FleetAccounts
from gitfleet.jobs.actions import FleetActions
from gitfleet.jobs.admission import Bounds
from gitfleet.jobs.archives.archivist import Archivist
from gitfleet.jobs.as_documented import raising
from gitfleet.jobs.daemon import requests
from gitfleet.jobs.daemon.requests import ManagerRequest
from gitfleet.jobs.daemon.seat import ManagerSeat
from gitfleet.jobs.definitions import changes
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.dispatcher import Dispatcher
from gitfleet.jobs.errors import ConfigurationError, InvalidStateError
from gitfleet.jobs.events import Listener, Listeners, StopProgress
from gitfleet.jobs.logs.streaming import LogStreams
from gitfleet.jobs.money.budgets import BudgetHold
from gitfleet.jobs.money.others_spending import OthersSpending
from gitfleet.jobs.predecessors import Predecessors
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.schedules.ticker import Ticker
from gitfleet.jobs.shared.keeper import SharedJobs
from gitfleet.jobs.sources.keeper import TaskKeeper
from gitfleet.jobs.sources.task_desk import TaskDesk
from gitfleet.jobs.spare_room import SpareRoom
from gitfleet.jobs.telling_people import PeopleTold
from gitfleet.jobs.used_worktrees import WorktreesTidied
from gitfleet.jobs.words import ManagerState
from gitfleet.ledger import own_node

_LOOK_EVERY = 60.0
WAIT = 30_000
"""Milliseconds that `stop` waits for jobs, unless told otherwise."""


def state_folder(path: str = ".") -> str:
    """Where the jobs of the repository at `path` are kept: in git's own folder, shared by all its worktrees. Raises NoRepository."""
    return own_node.jobs_folder(discover(path).common_dir)


@raising
class FleetManager(FleetActions, FleetAccounts, LogStreams):
    """See the module. For one event loop at a time; use it as an async context manager, or `initialize`, `start` and `stop` it.

    `config_path` is a folder of agent files, or one file. What the files do not say: jobs at once, `per_agent` (1) and
    `fleet_wide`; ended jobs that are kept, `max_jobs_per_agent` (100) and `max_jobs_total`; the same in groups, `concurrency` and
    `history`; `scheduler`: `check_interval`, how long it sleeps at most between two looks at the clock (60 s). With `auto_start` it
    starts by itself in the event loop that runs; `started` waits for that.
    """

    def __init__(  # noqa: PLR0913 - options, each by its name
        self,
        *,
        config_path: str = "agents",
        state_dir: str | None = None,
        logger: logging.Logger | None = None,
        per_agent: int | None = None,
        fleet_wide: int | None = None,
        max_jobs_per_agent: int | None = None,
        max_jobs_total: int | None = None,
        scheduler: Mapping[str, int | str] | None = None,
        concurrency: Mapping[str, int] | None = None,
        history: Mapping[str, int] | None = None,
        auto_start: bool = False,
    ) -> None:
        self._config_path = os.path.abspath(config_path)
        self._near = _nearest(self._config_path)
        self.store = JobStore(state_dir or state_folder(self._near))
        self._log = logger or logging.getLogger("gitfleet.jobs")
        self._listeners, self._readers = Listeners(self._log), set()
        own = Bounds(per_agent, fleet_wide, max_jobs_per_agent, max_jobs_total)
        bounds = options.bounds(own, concurrency, history)
        self._shared = SharedJobs(self.store, self._near, self._current, self._log)
        self._tasks = TaskDesk(self.store, self._near)
        self._keeper = TaskKeeper(self._tasks, self._current, self._log)
        self._others = OthersSpending(self.store, self._near, self._current, self._log)
        holds = (
            Predecessors(self.store),
            BudgetHold(self.store, self._current, self._others.refresh),
            SpareRoom(lambda: self._current().fleet.free, self.store.folder),
            self._shared,
            self._keeper,
        )
        ear = Ear("jobs news")
        self._dispatcher = Dispatcher(
            self.store, self._listeners, self._log, self._current, bounds, holds, self._shared, ear
        )
        every = options.check_interval(scheduler)
        self._ticker = Ticker(
            self.store, self._dispatcher, self._current, self._tell, self._log, every, self._tasks, ear
        )
        self._archivist = Archivist(self.store, self._near, self._current, self._log)
        self._people = PeopleTold(self.store, self._near, self._log)
        self._tidied = WorktreesTidied(self.store, self._log)
        self._listeners.add("job:needs_input", lambda _: self._people.stir())
        self._state, self._since = ManagerState.UNINITIALIZED, 0.0
        self._configuration: Configuration | None = None
        self._seat = ManagerSeat(self.store, self._listeners, self._log, self._carry_out, ear)
        self._starting, self._reloading = asyncio.Lock(), asyncio.Lock()
        self._begun = self._soon() if auto_start else None

    @property
    def state(self) -> str:
        """`uninitialized`, `initialized`, `running`, `stopping` or `stopped`."""
        return self._state

    # Life.

    async def initialize(self) -> None:
        """Read the agent files, and prepare the state directory.

        Raises ConfigurationError, InvalidStateError, LocalStorage, and NoFleet where no agent's repository is part of a fleet.
        """
        self._expect("initialize", ManagerState.UNINITIALIZED, ManagerState.STOPPED)
        found = submission.load(self._config_path)
        for outside in fleet_membership.demand_any(found):
            self._log.warning("%s", outside.message)
        self._configuration = found
        self._starting, self._reloading = asyncio.Lock(), asyncio.Lock()  # this may be another event loop
        with self.store.lock.held(_LOOK_EVERY):
            files.folder(os.path.join(self.store.folder, "open"))
        self._state = ManagerState.INITIALIZED

    async def start(self) -> None:
        """Begin: take up what runs already, and dispatch what waits.

        Raises InvalidStateError, also where another one runs here, and LocalStorage.
        """
        async with self._starting:
            self._expect("start", ManagerState.INITIALIZED)
            self._seat.take(self._config_path)
            self._state, self._since = ManagerState.RUNNING, clock.elapsed()
            self._tell("started", events.ManagerStarted(clock.milliseconds()))
            begun = asyncio.create_task(self._begin_all())
            try:
                await asyncio.shield(begun)
            except BaseException:
                self._state = ManagerState.STOPPING
                self._shut = self._end = asyncio.create_task(self._fall(begun))
                await asyncio.shield(self._end)
                raise

    async def _begin_all(self) -> None:
        await asyncio.to_thread(self._ticker.mend)
        await asyncio.to_thread(self._keeper.renew)
        await self._dispatcher.start()
        self._keeper.start(self._dispatcher.heard)
        await self._ticker.start()
        self._archivist.start()
        self._tidied.start()
        await asyncio.to_thread(self._people.start)
        self._seat.listen()

    async def _fall(self, begun: asyncio.Task[None]) -> None:
        """Undo a start that failed, or that nobody waits for any more, as far as it came. What runs goes on."""
        await asyncio.wait([begun])
        try:
            await self._ticker.close()
            await self._dispatcher.leave()
            await self._close_all("it could not start")
        finally:
            self._state = ManagerState.INITIALIZED
            self._tell("stopped", events.ManagerStopped(clock.milliseconds(), "it could not start"))

    async def _close_all(self, reason: str) -> None:
        async with AsyncExitStack() as last:
            last.push_async_callback(self._seat.leave, reason)
            last.push_async_callback(asyncio.to_thread, self._archivist.close)
            last.push_async_callback(asyncio.to_thread, self._people.close)
            last.push_async_callback(self._tidied.close)
            last.push_async_callback(self._dispatcher.close)
            last.push_async_callback(asyncio.to_thread, self._keeper.close)

    async def stop(
        self,
        *,
        wait_for_jobs: bool = True,
        timeout: int | str | None = WAIT,
        on_progress: Callable[[StopProgress], object] | None = None,
        reason: str = "",
        leave_running: bool = False,
    ) -> None:
        """Start nothing more; wait for the jobs that run, at most `timeout` (None: for ever), then cancel them. What waits stays.

        With `leave_running` none is waited for or cancelled: they go on, and the next manager takes them up. `on_progress` hears
        how many still run, whenever that changes; it may be asynchronous, and one that raises is logged, as listeners are.
        Called again while it stops, it hurries that up, and comes back with it.
        Harmless where nothing runs. Raises ConfigurationError for what is no length of time.
        """
        limit = options.time_limit(timeout)
        async with self._starting:  # one that is about to start does that first
            if self._state == ManagerState.RUNNING:
                self._state = ManagerState.STOPPING
                self._shut = asyncio.create_task(self._begin_nothing())
                self._end = asyncio.create_task(self._finish(reason))
        if self._state != ManagerState.STOPPING:
            return
        await asyncio.shield(self._shut)
        if leave_running:
            await self._dispatcher.leave()
        elif wait_for_jobs:
            await self._drain(limit, on_progress)
        await self.cancel_all()
        await asyncio.shield(self._end)
        await self._listeners.settle()

    async def _begin_nothing(self) -> None:
        await self._ticker.close()
        await self._dispatcher.shut()

    async def _finish(self, reason: str) -> None:
        """End in good order once nothing runs. A task of its own: whoever asked for it may go away."""
        await self._shut
        while self._dispatcher.running:
            await asyncio.wait(list(self._dispatcher.running.values()))
        try:
            await self._close_all(reason)
        finally:
            self._state = ManagerState.STOPPED
            self._tell("stopped", events.ManagerStopped(clock.milliseconds(), reason))

    async def _drain(self, limit: float | None, on_progress: Callable[[StopProgress], object] | None) -> None:
        until = None if limit is None else clock.elapsed() + limit
        running = self._dispatcher.running
        while running and (until is None or clock.elapsed() < until):
            if on_progress is not None:
                self._listeners.call("the progress of stop", on_progress, StopProgress(len(running)))
            left = None if until is None else max(0.0, until - clock.elapsed())
            await asyncio.wait(running.values(), timeout=left, return_when=asyncio.FIRST_COMPLETED)

    async def reload(self) -> list[str]:
        """Go by the agent files as they are now; what that changes, in the words of `config:reloaded`.

        Jobs that run keep what they began with. Raises ConfigurationError for files that cannot be used: then the former ones
        still hold. Raises InvalidStateError.
        """
        async with self._reloading:
            old = self._known("reload")
            self._expect("reload", ManagerState.INITIALIZED, ManagerState.RUNNING)
            try:
                new = await asyncio.to_thread(submission.load, self._config_path)
            except ConfigurationError as error:
                self._log.error("the former agent files still hold: %s", "; ".join(error.validation_errors))
                raise
            self._configuration, found = new, changes.changes(old, new)
            self._tell("config:reloaded", events.ConfigReloaded(tuple(found)))
        if self._state == ManagerState.RUNNING:
            await asyncio.to_thread(self._archivist.heed)
            self._ticker.wake()
            await self._dispatcher.look()
        return found

    async def started(self) -> None:
        """Wait until a manager that starts by itself has started. Raises what `initialize` and `start` raise."""
        if self._begun is not None:
            await asyncio.shield(self._begun)

    def _soon(self) -> asyncio.Task[None]:
        try:
            return asyncio.get_running_loop().create_task(self._begin())
        except RuntimeError as error:
            raise InvalidStateError(
                "A manager that starts by itself has to be made in an event loop that runs.",
                hint="Make it in a coroutine, or without auto_start.",
                current_state="no event loop", expected_state="an event loop", operation="auto_start",
            ) from error  # fmt: skip

    async def _begin(self) -> None:
        await self.initialize()
        await self.start()

    async def __aenter__(self) -> Self:
        await (self.started() if self._begun is not None else self._begin())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def until_idle(self) -> None:
        """Wait until nothing runs, and nothing that could run waits."""
        await self._ticker.quiet.wait()
        await self._dispatcher.idle.wait()

    # Who listens.

    def on(self, event: str, listener: Listener) -> None:
        """Call `listener` with each event of that name (`events.NAMES`), in the event loop. Raises ArgumentError."""
        self._listeners.add(event, listener)

    def off(self, event: str, listener: Listener) -> None:
        """Do not any more."""
        self._listeners.remove(event, listener)

    def _standing(self) -> tuple[str, int]:
        uptime = (
            int((clock.elapsed() - self._since) * 1000)
            if self._state in {ManagerState.RUNNING, ManagerState.STOPPING}
            else 0
        )
        return self._state, uptime

    def _limit(self, agent_name: str) -> int:
        return self._dispatcher.limit(agent_name)

    def _tell(self, name: str, event: Struct) -> None:
        self._listeners.tell(name, event)

    async def _carry_out(self, request: ManagerRequest) -> Sequence[str]:
        """Do what another process asks for."""
        if request.what == requests.RELOAD:
            return await self.reload()
        self._asked = asyncio.create_task(
            self.stop(
                wait_for_jobs=request.wait,
                timeout=request.timeout,
                reason="asked to",
                leave_running=request.leave,
            )
        )
        return ()

    def _over(self) -> bool:
        return self._state == ManagerState.STOPPED

    def _current(self) -> Configuration:
        return self._known("dispatch")

    def _known(self, operation: str) -> Configuration:
        if self._configuration is None:
            self._expect(operation, ManagerState.INITIALIZED, ManagerState.RUNNING)
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
