"""What other processes ask of the manager that runs: to read the agent files again, or to stop.

A request is a file in `requests/` of the state directory, addressed to one start of one manager: so none outlives it. The
manager takes the file away, does what it asks for, and leaves an answer beside it. It hears of requests by the system's news.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from gitfleet.base import advice, files, ids, statefile
from gitfleet.base.listening import Ear
from gitfleet.base.watching import Bell
from gitfleet.codec import FLAG, TEXT, WHOLE, Choice, Many, Maybe, Struct, Text, field
from gitfleet.errors import FleetError
from gitfleet.jobs.daemon import presence
from gitfleet.jobs.daemon.presence import RunningManager
from gitfleet.jobs.errors import ConfigurationError, FleetManagerError

RELOAD, STOP = "reload", "stop"
_REQUEST, _ANSWER = ".request", ".answer"
_LOOK_EVERY = 60.0
_LOOK = 0.25
_LONG: Text[str] = Text(1 << 20, cut=True)


class ManagerRequest(Struct):
    """`to`: the instance that is meant. For a stop: whether to wait for jobs, how long (ms; None: for ever), or to leave them running."""

    to: str = field(TEXT)
    what: str = field(Choice(RELOAD, STOP))
    wait: bool = field(FLAG, default=True)
    timeout: int | None = field(Maybe(WHOLE), default=None)
    leave: bool = field(FLAG, default=False)


class ManagerAnswer(Struct):
    """What came of it: lines; or an error in words, with the findings about the agent files."""

    said: tuple[str, ...] = field(Many(_LONG), default=())
    error: str = field(_LONG, default="")
    hint: str = field(_LONG, default="")
    findings: tuple[str, ...] = field(Many(_LONG), default=())


class RequestBox:
    """The manager's side: hears requests by its `ear`, and has each carried out in the event loop."""

    def __init__(
        self, state: str, carry_out: Callable[[ManagerRequest], Awaitable[Sequence[str]]], log: logging.Logger,
        ear: Ear | None = None,
    ) -> None:  # fmt: skip
        self._ear = ear or Ear("jobs requests")
        self._folder = os.path.join(state, "requests")
        self._carry_out, self._log = carry_out, log
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, instance: str) -> None:
        """Hear of requests to this instance, from now on. Those to former ones are thrown away."""
        files.folder(self._folder, mode=0o700)
        for name in files.names(self._folder):
            files.remove(os.path.join(self._folder, name))
        self._instance, self._loop = instance, asyncio.get_running_loop()
        self._ear.add(self._hear)

    async def close(self) -> None:
        """Hear of nothing any more."""
        await asyncio.to_thread(self._ear.drop, self._hear)
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _hear(self, bell: Bell) -> float:
        bell.arm([self._folder])
        for name in files.names(self._folder):
            if name.endswith(_REQUEST):
                self._take(name)
        return _LOOK_EVERY

    def _take(self, name: str) -> None:
        path = os.path.join(self._folder, name)
        try:
            request = statefile.load(ManagerRequest, path)
            files.remove(path)
        except (FleetError, OSError):
            self._log.exception("the request %s could not be read", name)
            return
        if request is not None and request.to == self._instance:
            with suppress(RuntimeError):  # the loop is gone
                self._loop.call_soon_threadsafe(self._begin, request, path.removesuffix(_REQUEST) + _ANSWER)

    def _begin(self, request: ManagerRequest, answer: str) -> None:
        task = self._loop.create_task(self._answered(request, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answered(self, request: ManagerRequest, path: str) -> None:
        try:
            answer = ManagerAnswer(tuple(await self._carry_out(request)))
        except FleetError as error:
            findings = error.validation_errors if isinstance(error, ConfigurationError) else ()
            answer = ManagerAnswer((), error.message, error.hint, findings)
        except Exception as error:  # noqa: BLE001 - whoever asked must hear of it
            self._log.exception("a request could not be carried out")
            answer = ManagerAnswer((), f"{type(error).__name__}: {error}")
        with suppress(FleetError, OSError):
            statefile.save(path, answer, mode=0o600, durable=False)


def ask(state: str, who: RunningManager, request: ManagerRequest) -> Sequence[str]:
    """Ask this of the manager `who`, and wait for its answer: its lines. Raises what it answers with, and FleetManagerError where it ends first."""
    folder = os.path.join(state, "requests")
    name = os.path.join(folder, ids.ulid().lower())
    statefile.save(f"{name}{_REQUEST}", request, mode=0o600, durable=False)
    with Bell() as bell:
        while True:
            bell.arm([folder])
            there = presence.present(state)  # asked first: it answers before it ends
            answer = statefile.load(ManagerAnswer, f"{name}{_ANSWER}")
            if answer is not None:
                files.remove(f"{name}{_ANSWER}")
                return _told(answer, who.config_path)
            if there is None or there.instance != who.instance:
                files.remove(f"{name}{_REQUEST}")
                raise FleetManagerError(
                    "The manager of the jobs here ended before it answered.",
                    hint=f"Its log says more: {advice.JOBS_LOG}.",
                )
            bell.wait(_LOOK)


def _told(answer: ManagerAnswer, config_path: str) -> Sequence[str]:
    if answer.findings:
        raise ConfigurationError(
            answer.error, hint=answer.hint, config_path=config_path, validation_errors=answer.findings
        )
    if answer.error:
        raise FleetManagerError(answer.error, hint=answer.hint)
    return answer.said
