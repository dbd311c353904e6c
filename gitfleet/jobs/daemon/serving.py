"""A manager as a process: it runs until a signal, or somebody's request, has it stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress

from gitfleet.jobs.errors import FleetManagerError
from gitfleet.jobs.events import StopProgress
from gitfleet.jobs.fleet_manager import FleetManager
from gitfleet.jobs.words import ManagerState


async def until_stopped(
    fleet: FleetManager,
    *,
    limit: int | None,
    on_progress: Callable[[StopProgress], object] | None = None,
    reloads: bool = False,
    until_idle: bool = False,
    on_ready: Callable[[], object] | None = None,
) -> None:
    """Come back when the manager, which runs, has stopped.

    SIGINT or SIGTERM has it stop: it waits for what runs, at most `limit` milliseconds (None: for ever); a second one cancels
    that. With `reloads`, SIGHUP has it read the agent files again. With `until_idle` it stops when nothing can be done any more.
    `on_ready` is called once signals are heard.
    """
    service = _Service(fleet, limit, on_progress)
    answers: dict[signal.Signals, Callable[[str], None]]
    answers = dict.fromkeys((signal.SIGINT, signal.SIGTERM), service.stop)
    if reloads:
        answers[signal.SIGHUP] = lambda _: service.begin(_reloaded(fleet))
    loop = asyncio.get_running_loop()
    for number, answer in answers.items():
        loop.add_signal_handler(number, answer, number.name)
    if on_ready is not None:
        on_ready()
    if until_idle:
        service.begin(_idle(fleet))
    try:
        await service.over
    finally:
        service.close()
        for number in answers:
            loop.remove_signal_handler(number)


class _Service:
    """What a process does about its manager; `over` ends when that has stopped, or with what went wrong."""

    def __init__(
        self, fleet: FleetManager, limit: int | None, on_progress: Callable[[StopProgress], object] | None
    ) -> None:
        self._fleet, self._limit, self._on_progress = fleet, limit, on_progress
        self._tasks: set[asyncio.Task[object]] = set()
        self._asked = False
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        fleet.on("stopped", self._stopped)
        if fleet.state == ManagerState.STOPPED:
            self._stopped(None)

    def begin(self, work: Coroutine[object, object, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def stop(self, why: str) -> None:
        if self._asked:
            self.begin(self._fleet.stop(wait_for_jobs=False))
        else:
            self.begin(self._fleet.stop(timeout=self._limit, on_progress=self._on_progress, reason=why))
        self._asked = True

    def close(self) -> None:
        self._fleet.off("stopped", self._stopped)
        for task in self._tasks:
            task.cancel()

    def _done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None and not self.over.done():
            self.over.set_exception(failure)

    def _stopped(self, _: object) -> None:
        if not self.over.done():
            self.over.set_result(None)


async def _reloaded(fleet: FleetManager) -> None:
    with suppress(FleetManagerError):  # its log has it, and the former files still hold
        await fleet.reload()


async def _idle(fleet: FleetManager) -> None:
    await fleet.until_idle()
    await fleet.stop(timeout=None, reason="nothing is left to do")
