"""The thread of a running manager that looks after what becomes of jobs' work: at once on news here, each minute on news of the hub."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gitfleet.base.listening import Ear
from gitfleet.base.watching import Bell
from gitfleet.jobs.delivery import following
from gitfleet.jobs.delivery.following import WorkFollowing
from gitfleet.jobs.records.store import JobStore

_LEAST = 1.0
"""Seconds between two looks, however much news there is."""
_PATIENCE = 5.0
"""Seconds that a delivery under way gets when all is to end; what it does is found done, or done again."""


class Follower:
    """One thread, which does nothing but wait while nothing is expected. `start` and `stop` may follow each other again."""

    def __init__(self, store: JobStore, log: logging.Logger) -> None:
        self._following, self._log = WorkFollowing(store), log
        self._ear = Ear("jobs' work", least=_LEAST)
        self.looked = True
        """Whether it has looked once since its start: there may be jobs now that go on with what came back meanwhile."""

    def start(self, heard: Callable[[], None]) -> None:
        """Begin. `heard` is called, in the thread, after the first look and whenever something has happened."""
        self._heard = heard
        self.looked = not self._following.needed
        self._ear.add(self._hear)

    def stop(self) -> None:
        """End; what is at work just now may go on for a moment."""
        self._ear.drop(self._hear, _PATIENCE)

    def _hear(self, bell: Bell) -> float:
        said = self._look(bell)
        if said or not self.looked:
            self.looked = True
            self._heard()
        return following.EVERY

    def _look(self, bell: Bell) -> list[str]:
        try:
            bell.arm(self._following.places())
            said = self._following.look()
        except Exception:  # noqa: BLE001 - what is expected stays so, and is looked at again
            self._log.exception("what becomes of jobs' work could not be looked at")
            return []
        for line in said:
            self._log.info("%s", line)
        return said
