"""The time limits of an attempt, as moments of a clock that nobody sets and that stands still while the machine sleeps. Pure."""

from __future__ import annotations

from gitfleet.jobs.shepherd.records import AttemptLimits


class Deadlines:
    """Which limit is reached when. Moments in seconds of one clock."""

    def __init__(self, limits: AttemptLimits, now: float) -> None:
        self._limits, self._began, self._heard = limits, now, now
        self._waiting = False
        self._finished: float | None = None

    def heard(self, now: float) -> None:
        """The agent has written something."""
        self._heard = now

    def told(self, now: float, *, waiting: bool, finished: bool) -> None:
        """What the adapter says of it: that it waits for a person, that it has given its result."""
        if self._waiting and not waiting:
            self._heard = now
        self._waiting = waiting
        if not finished:
            self._finished = None
        elif self._finished is None:
            self._finished = now

    def next(self) -> tuple[float, str] | None:
        """The first limit that will be reached as things stand, and its word; None where there is none."""
        known = [
            (start + most / 1000, word)
            for word, start, most in (
                ("wall", self._began, self._limits.wall),
                ("idle", None if self._waiting else self._heard, self._limits.idle),
                ("after_result", self._finished, self._limits.after_result),
            )
            if most is not None and start is not None
        ]
        return min(known, default=None)
