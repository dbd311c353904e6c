"""The thread of a running manager that looks after what becomes of jobs' work: at once on news here, each minute on news of the hub."""

from __future__ import annotations

import logging
import threading

from gitfleet.base.watching import Bell
from gitfleet.jobs.delivery import following
from gitfleet.jobs.delivery.following import WorkFollowing
from gitfleet.jobs.records.store import JobStore

_LEAST = 1.0
"""Seconds between two looks, however much news there is."""


class Follower:
    """One thread, which does nothing but wait while nothing is expected."""

    def __init__(self, store: JobStore, log: logging.Logger) -> None:
        self._following, self._log = WorkFollowing(store), log
        self._bell = Bell()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs' work", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and come back when nothing is at work any more."""
        self._stopped.set()
        self._bell.ring()
        self._thread.join()
        self._bell.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._bell.arm(self._following.places())
                for line in self._following.look():
                    self._log.info("%s", line)
            except Exception:  # noqa: BLE001 - what is expected stays so, and is looked at again
                self._log.exception("what becomes of jobs' work could not be looked at")
            self._bell.wait(following.EVERY)
            self._stopped.wait(_LEAST)
