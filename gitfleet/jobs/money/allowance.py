"""What an attempt may spend, written down before it begins, and how that is told. Shepherds load this.

An allowance has a limit for each budget that the attempt draws on: its job's, its agent's of the day, named ones, and that of all agents.
All of them hold, so what is nearer can only be narrower.
"""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.base.shapes import NUMBER
from gitfleet.codec import TEXT, WHOLE, Many, Maybe, One, Struct, Table, Text, field
from gitfleet.jobs.adapters.results import Usage
from gitfleet.jobs.money import spending, tokens
from gitfleet.jobs.money.spending import AMOUNT, Expense, SpendingLine

FILE = "allowance.json"
JOB = "job"
"""The scope that is one job with all its attempts."""
_LONG: Text[str] = Text(1 << 16)


class SpendLimit(Struct):
    """What a scope may spend (see `spending`, and `JOB`); None: without a limit. Dollars, tokens, milliseconds."""

    scope: str = field(TEXT)
    money: float | None = field(Maybe(AMOUNT), default=None)
    tokens: int | None = field(Maybe(WHOLE), default=None)
    time: int | None = field(Maybe(WHOLE), default=None)

    @property
    def empty(self) -> bool:
        """Whether it limits nothing."""
        return self.money is None and self.tokens is None and self.time is None

    def reached(self, spent: Expense) -> str:
        """That the budget is spent, with figures; "" where something is left."""
        whose = f"{_WHOSE.get(self.scope) or _named(self.scope)} is spent: "
        if self.money is not None and spent.money is not None and spent.money >= self.money:
            return f"{whose}{dollars(spent.money)} of {dollars(self.money)} (an estimate)"
        if self.tokens is not None and spent.tokens is not None and spent.tokens >= self.tokens:
            return f"{whose}{spent.tokens:,} of {self.tokens:,} tokens"
        if self.time is not None and spent.time >= self.time:
            return f"{whose}{hours(spent.time)} of {hours(self.time)}"
        return ""


_WHOSE = {JOB: "the budget of this job", spending.FLEET: "today's budget of all agents"}


def _named(scope: str) -> str:
    kind, _, name = scope.partition(" ")
    return f"today's budget of {name}" if kind == "agent" else f"today's budget {name}"


def dollars(amount: float) -> str:
    """An amount for people, with as many digits as say something: `$12.30`, `$0.0042`."""
    if amount >= 0.1 or not amount:
        return f"${amount:,.2f}"
    return f"${amount:.2g}" if amount >= 0.0001 else f"${amount:.1e}"


def hours(milliseconds: int) -> str:
    """A time for people: `1h05m`, `12m30s`, `4.2s`."""
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    return f"{minutes // 60}h{minutes % 60:02}m"


class Allowance(Struct):
    """Of one attempt. `path`: the file of the day on which it began. `pays`: the named budgets. `earlier`: what its job has spent before.

    `before`: what its conversation had used before, where the client counts on from that; None: that is not known.
    """

    job: str = field(TEXT)
    attempt: int = field(WHOLE)
    agent: str = field(TEXT)
    path: str = field(_LONG)
    limits: tuple[SpendLimit, ...] = field(Many(One(SpendLimit)), default=())
    pays: tuple[str, ...] = field(Many(TEXT), default=())
    prices: Mapping[str, Mapping[str, float]] = field(Table(Table(NUMBER)), default={})
    earlier: Expense = field(One(Expense), default=Expense())
    before: Usage | None = field(Maybe(One(Usage)), default=None)

    @property
    def key(self) -> tuple[str, int]:
        """The attempt."""
        return self.job, self.attempt

    @property
    def shared(self) -> bool:
        """Whether others draw on one of its budgets, too."""
        return any(limit.scope != JOB for limit in self.limits)

    def spent(self, usage: Usage, cost: float | None, time: int) -> Expense:
        """What the attempt has spent, by its own usage, its client's own estimate, and the milliseconds that it took."""
        money = tokens.priced(usage, self.prices) if cost is None else cost
        return Expense(money, tokens.total(usage), time)

    def line(self, spent: Expense, *, over: bool = False) -> SpendingLine:
        """The line for the day's file."""
        return SpendingLine(
            self.job, self.attempt, self.agent, self.pays, spent.money, spent.tokens, spent.time, over
        )
