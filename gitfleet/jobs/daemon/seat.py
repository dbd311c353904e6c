"""The place of the one manager of a state directory: its lock, who it is, its log, and the requests that others make of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from gitfleet.base import advice
from gitfleet.base.listening import Ear
from gitfleet.jobs.daemon import presence
from gitfleet.jobs.daemon.requests import ManagerRequest, RequestBox
from gitfleet.jobs.errors import InvalidStateError
from gitfleet.jobs.events import Listeners
from gitfleet.jobs.logs.keeping import EventLog
from gitfleet.jobs.records.store import JobStore

_PROBED = 1.0
"""Seconds that somebody may have the lock who only looks whether it is held, or whom a killed manager had just forked."""


class ManagerSeat:
    """Taken and left by one manager at a time; `carry_out` does what others ask of it."""

    def __init__(
        self,
        store: JobStore,
        listeners: Listeners,
        log: logging.Logger,
        carry_out: Callable[[ManagerRequest], Awaitable[Sequence[str]]],
        ear: Ear | None = None,
    ) -> None:
        self._state, self._listeners, self._log = store.folder, listeners, log
        self._lock = presence.lock(store.folder)
        self._box = RequestBox(store.folder, carry_out, log, ear)
        self._journal: EventLog | None = None
        self._instance, self._open = "", False

    def take(self, config_path: str) -> None:
        """Take it. Raises InvalidStateError where another has it, LocalStorage, OSError."""
        if not self._lock.acquire(_PROBED):
            raise InvalidStateError(
                f"The jobs in {self._state} are run by {self._lock.holder()}.",
                hint=f"Stop that one first ({advice.JOBS_STOP}), or name another state directory.",
                current_state="taken", expected_state="free", operation="start",
            )  # fmt: skip
        try:
            self._journal = EventLog(self._state, self._listeners, self._log)
            if former := presence.left(self._state):
                self._journal.warn(f"the manager before, {former.words}, ended without a word")
            self._instance = presence.announce(self._state, config_path).instance
        except BaseException:
            self._free("")
            raise

    def listen(self) -> None:
        """Hear of requests, from now on."""
        self._box.open(self._instance)
        self._open = True

    async def leave(self, reason: str) -> None:
        """Give it back, with the last word of the log."""
        if self._open:
            self._open = False
            await self._box.close()
        self._free(reason)

    def _free(self, reason: str) -> None:
        try:
            if self._journal is not None:
                self._journal.close(reason)
                self._journal = None
            presence.withdraw(self._state)
        finally:
            self._lock.release()
