"""What a running manager tells the other nodes of jobs that have ended: at once, but by one push a minute at most."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gitfleet.base import clock, files
from gitfleet.base.listening import Ear
from gitfleet.base.repeated_warning import RepeatedWarning
from gitfleet.base.watching import Bell
from gitfleet.clone import Clone
from gitfleet.errors import FleetError, NoFleet, NoRepository
from gitfleet.jobs.archives import telling_others
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.records import news
from gitfleet.jobs.records.store import JobStore

EVERY = 60.0
"""Seconds between two pushes."""
_IDLE = 3600.0
_PATIENCE = 30.0
"""Seconds that the last push gets when all is to end; what it leaves goes with the next exchange."""


class Archivist:
    """A thread that does nothing but wait while no job ends. `start` and `close` may follow each other again."""

    def __init__(
        self, store: JobStore, path: str, configuration: Callable[[], Configuration], log: logging.Logger
    ) -> None:
        self._store, self._path, self._configuration, self._log = store, path, configuration, log
        self._fault = RepeatedWarning(log)
        self._ear = Ear("jobs' archives", last=self._look_last)
        self._waits, self._not_before = True, 0.0

    def start(self) -> None:
        """Begin. Raises LocalStorage."""
        self.heed()
        self._waits, self._not_before, self._fault.words = True, 0.0, ""
        self._ear.add(self._hear)

    def heed(self) -> None:
        """Go by the agent files as they are now. Raises LocalStorage."""
        if telling_others.note(self._store, self._configuration().fleet.history.archive):
            self._waits = True  # what was told may have to be taken back
            news.ring(self._store.marks.due_folder)

    def close(self) -> None:
        """Tell what is left to be told, and end. Harmless where it has not started."""
        self._ear.drop(self._hear, _PATIENCE)

    def _hear(self, bell: Bell) -> float:
        bell.arm([files.folder(self._store.marks.due_folder)])
        now = clock.elapsed()
        if now < self._not_before:
            return self._not_before - now
        if self._look():
            self._not_before = now + EVERY
        return EVERY if self._waits else _IDLE

    def _look_last(self) -> None:
        if not self._fault.words:
            self._look()

    def _look(self) -> bool:
        """Do what is due; whether something was pushed, or was to be."""
        pushed = False
        try:
            self.heed()
            if not (self._store.marks.due() or self._waits):
                return False
            self._waits = False
            with Clone.open(self._path) as clone:
                telling_others.tell(clone, self._store)
                pushed = telling_others.waits(clone)
                self._fault.say("; ".join(telling_others.send(clone)))
        except (NoFleet, NoRepository):  # there is nobody to tell
            return False
        except (FleetError, OSError) as error:
            self._fault.say(str(error))
        except Exception:  # noqa: BLE001 - what is due stays so, and is looked at again
            self._log.exception("jobs could not be archived")
            self._fault.words = "see above"
        self._waits = self._waits or bool(self._fault.words)
        return pushed
