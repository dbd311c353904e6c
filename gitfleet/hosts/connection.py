"""One connection to a host: reached, the program there started, asked and answered, ended.

Owns the order of things and what each way of failing is called. `unreachable` is said only where no line of ours ever came;
what breaks after that has `died`. Every wait has an end, and none of them is for a pipe.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import IntEnum

from gitfleet.base import text
from gitfleet.codec import Struct
from gitfleet.hosts import bundle, status
from gitfleet.hosts.bundle import SentProgram
from gitfleet.hosts.frames import ENDED, READY, SHELL, BadFrames, Frame, FrameReader
from gitfleet.hosts.status import HostProblem, HostStatus
from gitfleet.hosts.wire import Wire
from gitfleet.onhost.records import RECORD_VERSION

Body = Mapping[str, object]


class HostLimits(Struct):
    """How long a host may take, in seconds: until its hello, for one answer, for its goodbye, and for all of it.

    A connection that it drops at once is tried so many times, with a pause of `pause` seconds that doubles.
    """

    hello: float = 45.0
    answer: float = 120.0
    goodbye: float = 5.0
    deadline: float = 300.0
    tries: int = 6
    pause: float = 0.5


class HostFailed(Exception):
    """A host that cannot be asked (any more); `problem` says why."""

    def __init__(self, problem: HostProblem) -> None:
        super().__init__(problem.words)
        self.problem = problem


class HostRefused(HostFailed):
    """A host that told of an error instead of its answer; it can be asked for more. `code` is its word for it, for programs."""

    def __init__(self, problem: HostProblem, code: str = "") -> None:
        super().__init__(problem)
        self.code = code


class Connection:
    """A host that is being spoken with; one request at a time."""

    def __init__(self, wire: Wire, nonce: str, limits: HostLimits) -> None:
        self.hello: Body = {}
        self._wire = wire
        self._limits = limits
        self._frames = FrameReader(nonce)
        self._found: deque[Frame] = deque()
        self._number = 0
        self._stage = _Stage.SILENT
        self._sends = False

    async def open(self, program: SentProgram | None) -> None:
        """Wait for its hello; a `program` is sent once Python there says that it reads. Raises HostFailed."""
        self._sends = program is not None
        try:
            async with asyncio.timeout(self._limits.hello):
                while (frame := await self._next()).kind != "hello":
                    if frame.kind == READY and program is not None:
                        await self._send(program, frame.python)
        except TimeoutError:
            raise HostFailed(self._late_hello()) from None
        self.hello = frame.body
        version = frame.body.get("record_version")
        if version != RECORD_VERSION:
            words = f"its gitfleet speaks version {text.one_line(str(version), 20)}; this one speaks {RECORD_VERSION}"
            hint = "Have the same version on both sides, or use --bootstrap, which sends this one along."
            raise HostFailed(HostProblem(HostStatus.VERSION_MISMATCH, words, hint))

    async def request(self, asked: Body, on_event: Callable[[Body], None] | None = None) -> Body:
        """What the host answers to a request, within its limit.

        Raises HostRefused for an error that the host tells, after which it can be asked for more; else HostFailed.
        """
        self._number += 1
        line = json.dumps({**asked, "id": self._number}, ensure_ascii=True) + "\n"
        try:
            async with asyncio.timeout(self._limits.answer):
                await self._wire.write(line.encode())
                while (frame := await self._next()).kind != "answer":
                    self._hear(frame, on_event)
        except TimeoutError:
            raise HostFailed(_late(f"it did not answer within {self._limits.answer:.0f} s")) from None
        if frame.body.get("id", self._number) != self._number:
            raise HostFailed(
                HostProblem(HostStatus.ERROR, "it answered a question that was not asked", _OTHER)
            )
        return frame.body

    async def leave(self) -> None:
        """Say goodbye, and wait a little for its own. Never raises."""
        self._wire.close_input()
        with suppress(TimeoutError, HostFailed):
            async with asyncio.timeout(self._limits.goodbye):
                while not self._frames.over:
                    await self._next()

    async def close(self) -> None:
        """End the connection, whatever the host does. What runs there sees the end of its input."""
        await self._wire.close()

    def _hear(self, frame: Frame, on_event: Callable[[Body], None] | None) -> None:
        if frame.kind == "event" and on_event is not None:
            on_event(frame.body)
        elif frame.kind == "error":
            raise HostRefused(_told(frame.body), text.one_line(str(frame.body.get("code", "")), 40))
        elif frame.kind == "end":
            raise HostFailed(
                HostProblem(HostStatus.DIED, "it stopped before it had answered", "Ask it again.")
            )

    async def _send(self, program: SentProgram, found: tuple[int, int]) -> None:
        if found < bundle.LEAST_PYTHON:
            words = f"its python3 is {found[0]}.{found[1]}"
            raise HostFailed(HostProblem(HostStatus.NO_TOOL, words, "Install Python 3.8 or newer there."))
        await self._wire.write(program.head + program.text)

    async def _next(self) -> Frame:
        """The next frame or mark. Raises HostFailed at the end of them, and for what is none."""
        while not self._found:
            data = await self._wire.read()
            if not data:
                raise HostFailed(await self._end())
            try:
                self._found += self._frames.feed(data)
            except BadFrames as error:
                raise HostFailed(HostProblem(HostStatus.ERROR, str(error), _OTHER)) from None
        frame = self._found.popleft()
        if frame.kind == ENDED:
            raise HostFailed(await self._end(frame.code))
        self._stage = max(self._stage, _Stage.REACHED if frame.kind in {SHELL, READY} else _Stage.GREETED)
        if frame.kind == "error" and not self.hello:
            raise HostFailed(_told(frame.body))
        return frame

    async def _end(self, code: int | None = None) -> HostProblem:
        """Why nothing comes any more. `code`: that of the program there, None where only ssh's is known."""
        await self._wire.close()
        said = self._wire.said
        match self._stage:
            case _Stage.SILENT:
                return status.failure(said, self._wire.code)
            case _Stage.REACHED if code is not None:
                return status.unanswered(said, code, sends=self._sends)
            case _:
                return status.died(said, code)

    def _late_hello(self) -> HostProblem:
        if self._stage is not _Stage.SILENT:
            return _late(f"what answers there did not start within {self._limits.hello:.0f} s")
        return HostProblem(
            HostStatus.TIMEOUT,
            f"it did not run our command within {self._limits.hello:.0f} s",
            "Check whether you can log in there by hand, and whether a login file waits for input or starts another shell.",
        )


class _Stage(IntEnum):
    """How far a host has come: nothing of ours yet, our command runs, its hello has come."""

    SILENT = 0
    REACHED = 1
    GREETED = 2


_OTHER = "Look at what answers there: it is not the gitfleet that was expected."


def _late(words: str) -> HostProblem:
    return HostProblem(
        HostStatus.TIMEOUT, words, "It may be under heavy load: look at it, or give it more time."
    )


def _told(body: Body) -> HostProblem:
    """The error that a host tells."""
    words = status.shown(str(body.get("message", "")), 200) or "it gave no reason"
    denied = body.get("code") in {"permission", "blocked"}
    return HostProblem(HostStatus.BLOCKED if denied else HostStatus.ERROR, words)
