"""The thread of a running manager that tells the other nodes of jobs that have ended: at once, but by one push a minute at most."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from gitfleet.base import clock, files
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
    """It does nothing but wait while no job ends. `start` and `close` may follow each other again."""

    def __init__(
        self, store: JobStore, path: str, configuration: Callable[[], Configuration], log: logging.Logger
    ) -> None:
        self._store, self._path, self._configuration, self._log = store, path, configuration, log
        self._thread: threading.Thread | None = None
        self._waits, self._said = True, ""

    def start(self) -> None:
        """Begin. Raises LocalStorage."""
        self.heed()
        self._bell, self._stopped = Bell(), threading.Event()
        self._waits, self._said = True, ""
        self._thread = threading.Thread(target=self._run, name="jobs' archives", daemon=True)
        self._thread.start()

    def heed(self) -> None:
        """Go by the agent files as they are now. Raises LocalStorage."""
        if telling_others.note(self._store, self._configuration().fleet.history.archive):
            self._waits = True  # what was told may have to be taken back
            news.ring(self._store.marks.due_folder)

    def close(self) -> None:
        """Tell what is left to be told, and end."""
        if self._thread is None:
            return
        self._stopped.set()
        self._bell.ring()
        self._thread.join(_PATIENCE)
        if not self._thread.is_alive():
            self._bell.close()
        self._thread = None

    def _run(self) -> None:
        bell, stopped, folder = self._bell, self._stopped, self._store.marks.due_folder
        files.folder(folder)
        while not stopped.is_set():
            bell.arm([folder])
            began = clock.elapsed()
            if not self._look():
                return
            bell.wait(EVERY if self._waits else _IDLE)
            stopped.wait(max(0.0, EVERY - (clock.elapsed() - began)) if self._pushed else 0.0)
        self._look(last=True)

    def _look(self, *, last: bool = False) -> bool:
        """Do what is due; whether there is anybody to tell."""
        self._pushed = False
        try:
            self.heed()
            if not (self._store.marks.due() or self._waits) or (last and self._said):
                return True
            self._waits = False
            with Clone.open(self._path) as clone:
                telling_others.tell(clone, self._store)
                self._pushed = telling_others.waits(clone)
                said = "; ".join(telling_others.send(clone))
        except (NoFleet, NoRepository):
            return False
        except (FleetError, OSError) as error:
            said = str(error)
        except Exception:  # noqa: BLE001 - what is due stays so, and is looked at again
            self._log.exception("jobs could not be archived")
            said = "see above"
        if said and said != self._said:
            self._log.warning("%s", said)
        self._said, self._waits = said, self._waits or bool(said)
        return True
