"""Server-sent events: told when the ledger as this clone knows it has changed. One thread watches for all who listen.

An event is the present state, not a step: who was away gets the newest one, unless `Last-Event-ID` says that it has that. The hub is not asked
here, so listening costs nothing: what a command or the maintainer brings is told.
"""

from __future__ import annotations

import asyncio
import json
import threading
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress

from gitfleet.codec import Struct
from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.git.repository import Repository
from gitfleet.ledger.ledger import State

NEVER = float("inf")
SIGN_OF_LIFE = 30.0
"""Seconds after which a comment is sent, so that a connection that is gone is noticed."""


class LedgerEvent(Struct):
    """What is sent, and its id."""

    id: str
    text: str


class LedgerEvents:
    """The events of one clone, for any number of streams of one event loop."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._newest: LedgerEvent | None = None
        self._changed = asyncio.Event()
        self._watcher: threading.Thread | None = None
        self._ended = False

    def close(self) -> None:
        """End every stream. For the event loop's thread."""
        self._ended = True
        self._changed.set()

    async def stream(self, seen: str) -> AsyncIterator[str]:
        """The newest event, unless that is `seen`, and each that comes; ends where the ledger cannot be read any more."""
        if self._watcher is None:
            self._watcher = threading.Thread(
                target=self._watch, args=(asyncio.get_running_loop(),), daemon=True
            )
            self._watcher.start()
        watcher = self._watcher
        while not self._ended and watcher is self._watcher:
            changed, newest = self._changed, self._newest
            if newest is not None and newest.id != seen:
                seen = newest.id
                yield newest.text
                continue
            try:
                await asyncio.wait_for(changed.wait(), SIGN_OF_LIFE)
            except TimeoutError:
                yield ": still here\n\n"

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            with Fleet.of(self._repository) as fleet:
                state: State | None = fleet.current()
                while state is not None:
                    loop.call_soon_threadsafe(self._take, _event(state))
                    state = fleet.wait_for_ledger(state, ask_every=NEVER)
        except (FleetError, RuntimeError):  # it cannot be read, or the server has ended
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._fail, threading.current_thread())

    def _fail(self, watcher: threading.Thread) -> None:
        """It cannot be read any more: streams end, and who comes again finds whether it can be."""
        if watcher is self._watcher:
            self._watcher = self._newest = None
            self._wake()

    def _take(self, event: LedgerEvent) -> None:
        self._newest = event
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _event(state: State) -> LedgerEvent:
    """The event of a state."""
    tentative = sorted(state.tentative)
    name = f"{state.tip.oid}-{zlib.crc32(' '.join(tentative).encode()):08x}"
    data = json.dumps({"generation": state.tip.generation, "commit": state.tip.oid, "tentative": tentative})
    return LedgerEvent(name, f"id: {name}\nevent: ledger\ndata: {data}\n\n")
