"""Hearing of what others do to the queue: at once of whoever works in this clone, of the hub by looks that get rarer.

The pause before the next look is a part of the time that was waited already. So what comes is heard of late by that part at most, and
a long wait costs the hub little.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Self

from gitfleet.base import clock
from gitfleet.base.watching import Bell
from gitfleet.ledger.ledger import Ledger


class Pace(NamedTuple):
    """Seconds between two looks at the hub: a `share` of what was waited, `least` and `most`."""

    least: float
    share: float
    most: float

    def pause(self, waited: float) -> float:
        """How long to wait for the next look, after so many seconds."""
        return min(self.most, max(self.least, self.share * waited))


IDLE = Pace(0.3, 0.3, 5.0)
"""Of a runner that has nothing to do until others have done something."""
BUSY = Pace(2.0, 0.25, 15.0)
"""Of one that tests, and hears whether somebody still wants to know."""


class Hearing:
    """One wait for others. One thread waits; any may call `stop`. Use it as a context manager."""

    def __init__(self, ledger: Ledger, pace: Pace) -> None:
        self._ledger, self._pace = ledger, pace
        self._bell = Bell()
        self._began = clock.elapsed()
        self._known = self._tip()

    def anew(self) -> None:
        """The wait begins now: looks are close together again."""
        self._began = clock.elapsed()

    def stop(self) -> None:
        """End the wait, and each later one at once."""
        self._bell.ring()

    @property
    def stopped(self) -> bool:
        """Whether somebody has called `stop`."""
        return self._bell.rung

    def wait(self, look: Callable[[], object]) -> None:
        """Wait until the ledger has changed in this clone, or it is time to `look` at the hub, which is done then."""
        now = clock.elapsed()
        due = now + self._pace.pause(now - self._began)
        while not self._bell.rung:
            self._bell.arm(self._ledger.places())
            if self._has_changed():
                return
            left = due - clock.elapsed()
            if left <= 0:
                look()
                self._has_changed()
                return
            self._bell.wait(left)

    def _has_changed(self) -> bool:
        before, self._known = self._known, self._tip()
        return before != self._known

    def _tip(self) -> str:
        tip = self._ledger.tip()
        return tip.oid if tip else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bell.close()
