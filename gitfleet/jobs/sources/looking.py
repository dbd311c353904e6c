"""Looks at work sources beside an event loop: one at a time for each schedule, in a thread that nobody has to wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import NamedTuple

from gitfleet.jobs.definitions.schema import WorkSourceRules
from gitfleet.jobs.sources.task_desk import FreeTask, TaskDesk


class Looked(NamedTuple):
    """What was found at a source; or why nothing could be."""

    rules: WorkSourceRules
    found: list[FreeTask]
    error: Exception | None = None


class SourceLooks:
    """For one event loop. `heard` is called in it when a look has ended."""

    def __init__(self, desk: TaskDesk, heard: Callable[[], None]) -> None:
        self._desk, self._heard = desk, heard
        self._under_way: set[tuple[str, str]] = set()
        self._done: dict[tuple[str, str], Looked] = {}

    @property
    def waiting(self) -> bool:
        """Whether a look is under way, or what it found was not asked for yet."""
        return bool(self._under_way or self._done)

    @property
    def done(self) -> list[tuple[str, str]]:
        """The looks that have ended, and that nobody has asked for."""
        return list(self._done)

    def result(self, name: tuple[str, str], rules: WorkSourceRules) -> Looked | None:
        """What the look of this name found at that source, once; None: it is under way, and was begun now if it was not."""
        done = self._done.pop(name, None)
        if done is not None and done.rules == rules:
            return done
        if name not in self._under_way:
            self._under_way.add(name)
            loop = asyncio.get_running_loop()
            # No pool: a server that answers slowly would keep others from work, and the manager from its end.
            threading.Thread(
                target=self._look, args=(loop, name, rules), name="work source", daemon=True
            ).start()
        return None

    def drop(self, names: list[tuple[str, str]]) -> None:
        """Let go of what these found: nobody wants it any more."""
        for name in names:
            self._done.pop(name, None)

    def _look(self, loop: asyncio.AbstractEventLoop, name: tuple[str, str], rules: WorkSourceRules) -> None:
        try:
            looked = Looked(rules, self._desk.look(rules))
        except Exception as error:  # noqa: BLE001 - whoever asks for it says why there is nothing
            looked = Looked(rules, [], error)
        try:
            loop.call_soon_threadsafe(self._keep, name, looked)
        except RuntimeError:  # the loop is gone
            return

    def _keep(self, name: tuple[str, str], looked: Looked) -> None:
        self._under_way.discard(name)
        self._done[name] = looked
        self._heard()
