"""The time limits of an attempt, as moments of a clock that nobody sets and that stands still while the machine sleeps. Pure."""

from __future__ import annotations

from gitfleet.jobs.shepherd.records import AttemptLimits

HANDSHAKE = 60.0
"""Seconds without a word that each step of the beginning of a talk gets."""


class Deadlines:
    """Which limit is reached when. Moments in seconds of one clock."""

    def __init__(self, limits: AttemptLimits, now: float) -> None:
        self._limits, self._began, self._heard = limits, now, now
        self._waiting = False
        self._finished: float | None = None
        self._step, self._stepped = "", now

    def heard(self, now: float) -> None:
        """The agent has written something."""
        self._heard = self._stepped = now

    def told(self, now: float, *, waiting: bool, finished: bool, awaits: str = "") -> None:
        """What the adapter says of it: that it waits for a person, that it has given its result, what it has still to answer."""
        if awaits != self._step:
            self._step, self._stepped = awaits, now
        if self._waiting and not waiting:
            self._heard = now
        self._waiting = waiting
        if not finished:
            self._finished = None
        elif self._finished is None:
            self._finished = now

    def restart(self, now: float) -> None:
        """The time of the step that it has to answer begins anew."""
        self._stepped = now

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
        if self._step:
            known.append((self._stepped + HANDSHAKE, "handshake"))
        return min(known, default=None)
