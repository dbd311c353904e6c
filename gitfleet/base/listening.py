"""A thread that looks whenever something changes in some folders, and when its time is over; for any number of those who want to hear.

It runs as long as somebody does. Who has much to do gets one of its own; those who only pass on that there is news share one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from gitfleet.base.watching import Bell

Hear = Callable[[Bell], float]
"""Arms the bell, looks, and says after how many seconds to look again at the latest."""
_AGAIN = 60.0
"""Seconds until one that failed is asked again."""


class Ear:
    """`name` of its thread; `least`: seconds between two looks, however much news there is. Any thread may add and drop.

    `last` is what the thread does before it ends, once nobody wants to hear any more.
    """

    def __init__(self, name: str, *, least: float = 0.0, last: Callable[[], object] | None = None) -> None:
        self._name, self._least, self._last = name, least, last
        self._hears: tuple[Hear, ...] = ()
        self._guard, self._round = threading.Lock(), threading.Lock()
        self._dropped = threading.Event()
        self._bell: Bell | None = None
        self._thread: threading.Thread | None = None

    def add(self, hear: Hear) -> None:
        """Have it look, from now on."""
        with self._guard:
            self._hears = (*self._hears, hear)
            if self._bell is not None:
                self._bell.stir()
                return
            self._bell = Bell()
            self._thread = threading.Thread(
                target=self._run, args=(self._bell,), name=self._name, daemon=True
            )
            self._thread.start()

    def drop(self, hear: Hear, patience: float | None = None) -> bool:
        """Have it look no more; whether a look that is under way has ended within `patience` seconds (None: however long that takes).

        Harmless where it was not added. Not for the thread itself.
        """
        with self._guard:
            if hear not in self._hears:
                return True
            self._hears = tuple(one for one in self._hears if one != hear)
            thread = self._thread if not self._hears else None
            self._dropped.set()
            if self._bell is not None:
                self._bell.stir()
        if thread is not None:
            thread.join(patience)
            return not thread.is_alive()
        if not self._round.acquire(timeout=-1 if patience is None else patience):
            return False
        self._round.release()
        return True

    def _run(self, bell: Bell) -> None:
        while True:
            with self._guard:
                self._dropped.clear()
                hears = self._hears
                if not hears:
                    self._bell = self._thread = None
                    bell.close()
                    break
            pause = self._heard(hears, bell)
            bell.wait(pause)
            self._dropped.wait(self._least)
        if self._last is not None:
            self._last()

    def _heard(self, hears: tuple[Hear, ...], bell: Bell) -> float:
        """Seconds until the next of them wants to look."""
        pause = _AGAIN * 60
        with self._round:
            for hear in hears:
                if hear in self._hears:  # not dropped meanwhile
                    pause = min(pause, self._asked(hear, bell))
        return pause

    def _asked(self, hear: Hear, bell: Bell) -> float:
        try:
            return hear(bell)
        except Exception:
            logging.getLogger("gitfleet").exception("news could not be heard by %s", self._name)
            return _AGAIN
