"""Looks at work sources beside an event loop: one at a time for each schedule, in a thread that nobody has to wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import NamedTuple

from gitfleet.jobs.sources.task_desk import FreeTask


class Looked(NamedTuple):
    """What was found; or why nothing could be."""

    found: list[FreeTask]
    error: Exception | None = None


class SourceLooks:
    """For one event loop. `heard` is called in it when a look has ended."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._under_way: set[tuple[str, str]] = set()
        self._done: dict[tuple[str, str], Looked] = {}

    @property
    def waiting(self) -> bool:
        """Whether a look is under way, or what it found was not asked for yet."""
        return bool(self._under_way or self._done)

    def result(self, name: tuple[str, str], look: Callable[[], list[FreeTask]]) -> Looked | None:
        """What the look of this name found, once; None: it is under way, and was begun now if it was not."""
        if (done := self._done.pop(name, None)) is not None:
            return done
        if name not in self._under_way:
            self._under_way.add(name)
            loop = asyncio.get_running_loop()
            # No pool: a server that answers slowly would keep others from work, and the manager from its end.
            threading.Thread(
                target=self._look, args=(loop, name, look), name="work source", daemon=True
            ).start()
        return None

    def _look(
        self, loop: asyncio.AbstractEventLoop, name: tuple[str, str], look: Callable[[], list[FreeTask]]
    ) -> None:
        try:
            looked = Looked(look())
        except Exception as error:  # noqa: BLE001 - whoever asks for it says why there is nothing
            looked = Looked([], error)
        try:
            loop.call_soon_threadsafe(self._keep, name, looked)
        except RuntimeError:  # the loop is gone
            return

    def _keep(self, name: tuple[str, str], looked: Looked) -> None:
        self._under_way.discard(name)
        self._done[name] = looked
        self._heard()
