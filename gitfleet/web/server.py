"""The server: one process that listens, answers, and can be stopped at any moment. What was accepted by then stays accepted."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from gitfleet.errors import UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.web.application import application
from gitfleet.web.events import LedgerEvents
from gitfleet.web.guard import RequestGuard
from gitfleet.web.page import documents, serving
from gitfleet.web.page.streams import PageStreams
from gitfleet.web.tokens import Tokens

ENDING = 3
"""Seconds that requests have to end in when the server is stopped."""
AT_ONCE = 200
FIRST = 10.0
"""Seconds that a connection has for its first request: who says nothing keeps nobody else from being answered."""


class WebServer:
    """A server that listens at `host` and `port` (0: any that is free) from when it is made, and answers once it runs."""

    def __init__(
        self, fleet: Fleet, host: str, port: int, *, names: Sequence[str] = (), read_only: bool
    ) -> None:
        """Listen. Raises UsageError where that is not possible; Blocked, LocalStorage about the tokens."""
        self.tokens = Tokens.of(fleet.ledger.state)
        host = host.removeprefix("[").removesuffix("]") if ":" in host else host
        self._socket = _listen(host, port)
        address = self._socket.getsockname()
        self.port: int = address[1]
        bound = ipaddress.ip_address(address[0].partition("%")[0])
        loopback = bound.is_loopback
        near = ("::1" if bound.version == 6 else "127.0.0.1") if bound.is_unspecified else host
        shown = f"[{near}]" if ":" in near else near
        self.url = f"http://{shown}:{self.port}"
        """By which this machine reaches it, also where it listens at every address."""
        self.is_open = not loopback
        """Whether other machines can ask."""
        self._events = LedgerEvents(fleet.repository)
        self._streams = PageStreams(fleet, read_only=read_only)
        guarded = RequestGuard(
            application(fleet, self._events, self._streams),
            self.tokens,
            ["localhost", host, *names, *([] if loopback else [socket.gethostname()])],
            is_open=documents.is_document,
            nowhere=serving.nowhere,
            loopback=loopback,
            read_only=read_only,
        )
        self._config = uvicorn.Config(
            guarded, loop="asyncio", http=PatientConnection, ws="none", lifespan="off", log_config=None, log_level="critical",
            access_log=False, proxy_headers=False, server_header=False, limit_concurrency=AT_ONCE,
            timeout_graceful_shutdown=ENDING,
        )  # fmt: skip

    def run(self) -> None:
        """Answer requests until a signal to stop. Raises KeyboardInterrupt at Ctrl-C."""
        _EndingServer(self._config, [self._events.close, self._streams.close]).run(sockets=[self._socket])

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


class PatientConnection(H11Protocol):
    """A connection that is closed unless a whole request comes on it in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._waiting = self.loop.call_later(FIRST, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._waiting.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if getattr(self, "cycle", None) is None:  # it is declared as if it were always there
            self.transport.close()


class _EndingServer(uvicorn.Server):
    """A server that tells its streams when it is stopped: they would go on for as long as it waits for requests.

    It waits for the signal to stop, and looks at its clock once a second; uvicorn's own looks ten times whether it is to stop.
    """

    def __init__(self, config: uvicorn.Config, endings: Sequence[Callable[[], None]]) -> None:
        super().__init__(config)
        self._endings = endings
        self._told: Callable[[], object] = lambda: None

    async def main_loop(self) -> None:
        """See `uvicorn.Server`."""
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        self._told = lambda: loop.call_soon_threadsafe(stop.set)
        while not await self.on_tick(0):  # the tick of a whole second, which renews the header with the date
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See `uvicorn.Server`."""
        super().handle_exit(sig, frame)
        self._told()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server`."""
        for end in self._endings:
            end()
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    if not host.strip():  # for the system that is every address, which nobody meant
        words = "An address to listen at is empty."
        raise UsageError(words, hint="Leave --host out for this machine only; 0.0.0.0 is every address.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        why = (getattr(error, "strerror", None) or str(error)).partition(" (while ")[0]
        hint = "Choose another address or port; port 0 takes any that is free."
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            hint = "Stop what listens there (maybe another server of this kind), or choose another port: 0 takes any that is free."
        raise UsageError(f"Could not listen at {host}, port {port}: {why}.", hint=hint) from error
