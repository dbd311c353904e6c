"""Whether an attempt has reached a budget while it runs: by what its client tells of usage, by the time, and by what others spend meanwhile."""

from __future__ import annotations

from contextlib import suppress

from gitfleet.jobs.money import spending
from gitfleet.jobs.money.allowance import JOB, Allowance
from gitfleet.jobs.money.spending import DaySpending, Expense

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitfleet.jobs.adapters.protocol import Adapter

_AT_LEAST, _AT_MOST = 1.0, 30.0
"""Seconds between two looks: where there is news, and where others draw on the same budget."""
_TELLS = 5.0
"""Seconds after which others are told of news."""


class SpendWatch:
    """One attempt that began at `now`. Moments in seconds of the monotonic clock."""

    def __init__(self, allowance: Allowance, adapter: Adapter, now: float) -> None:
        self._allowance, self._adapter, self._began = allowance, adapter, now
        self._day = DaySpending(allowance.path)
        self._told, self._told_at = Expense(), float("-inf")
        self._looked = now - _AT_LEAST
        self.due = now
        """When to look next."""
        self.words = ""
        """Which budget is spent, with figures."""

    def heard(self, now: float) -> None:
        """The client may have told of more usage."""
        self.due = min(self.due, max(now, self._looked + _AT_LEAST))

    def passed(self, now: float) -> bool:
        """Look whether a budget is spent; others are told what this attempt has spent."""
        allowance = self._allowance
        usage, cost = self._adapter.spent()
        spent = allowance.spent(usage.since(allowance.before), cost, int((now - self._began) * 1000))
        pauses = []
        if allowance.shared:
            pauses += [_AT_MOST, self._tell(spent, now)]
            self._day.read()
        self._looked = now
        for limit in allowance.limits:
            job = limit.scope == JOB
            rest = allowance.earlier if job else self._day.of(limit.scope, allowance.key)
            together = spent.plus(rest)
            self.words = limit.reached(together)
            if self.words:
                return True
            if limit.time is not None:
                pauses.append((limit.time - together.time) / 1000)
        self.due = now + max(0.001, min(pauses, default=float("inf")))
        return False

    def _tell(self, spent: Expense, now: float) -> float:
        """Tell the others, if it is time for that; seconds until it is time again."""
        told = self._told
        news = (spent.money, spent.tokens) != (told.money, told.tokens)
        first = told.money is None and told.tokens is None
        pause = (0.0 if first else _TELLS) if news else _AT_MOST
        if now - self._told_at < pause:
            return self._told_at + pause - now
        with suppress(OSError):
            spending.append(self._allowance.path, self._allowance.line(spent))
        self._told, self._told_at = spent, now
        return _AT_MOST
