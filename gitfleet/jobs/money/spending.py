"""What was spent on a day, in a file that all who spend write to: `spent/2026-11-30.jsonl`, a line for each look at an attempt.

The last line of an attempt holds, so that a line which is written twice counts once. An attempt belongs to the day, by the clock of
this machine's zone, on which it began. Readers remember how far they have read, so a look costs what is new. Shepherds load this.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress

from gitfleet.base import plain_json
from gitfleet.codec import FLAG, TEXT, WHOLE, Broken, Many, Maybe, Shape, Struct, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    N = TypeVar("N", int, float)

FOLDER = "spent"
FLEET = "all agents"
"""Whose spending is everybody's."""
_END = ".jsonl"
_KEPT = 31


class _Amount(Shape[float]):
    def decode(self, raw: object) -> float:
        if (type(raw) is not int and type(raw) is not float) or not 0 <= raw < 1e12:
            raise Broken("is no amount")
        return float(raw)


AMOUNT: Shape[float] = _Amount()


class Expense(Struct):
    """Dollars (an estimate), tokens, and milliseconds. None: nothing is known, which is not 0."""

    money: float | None = field(Maybe(AMOUNT), default=None)
    tokens: int | None = field(Maybe(WHOLE), default=None)
    time: int = field(WHOLE, default=0)

    def plus(self, more: Expense) -> Expense:
        """Both together: what is known of them."""
        return Expense(
            together(self.money, more.money), together(self.tokens, more.tokens), self.time + more.time
        )


class SpendingLine(Struct):
    """What an attempt has spent so far. `pays`: the named budgets that pay for it. `over`: it has ended."""

    job: str = field(TEXT)
    attempt: int = field(WHOLE)
    agent: str = field(TEXT)
    pays: tuple[str, ...] = field(Many(TEXT), default=())
    money: float | None = field(Maybe(AMOUNT), default=None)
    tokens: int | None = field(Maybe(WHOLE), default=None)
    time: int = field(WHOLE, default=0)
    over: bool = field(FLAG, default=False)

    @property
    def spent(self) -> Expense:
        """The amounts."""
        return Expense(self.money, self.tokens, self.time)

    @property
    def scopes(self) -> tuple[str, ...]:
        """Whose spending it is."""
        return (FLEET, of_agent(self.agent), *map(of_budget, self.pays))


def of_agent(name: str) -> str:
    """The scope that is all jobs of an agent."""
    return f"agent {name}"


def of_budget(name: str) -> str:
    """The scope that is all jobs which a named budget pays for."""
    return f"budget {name}"


def today(now: float | None = None) -> str:
    """The day that it is on this machine, as `2026-11-30`."""
    return time.strftime("%Y-%m-%d", time.localtime(now))


def path_of(state: str, day: str) -> str:
    """The file of a day. `state` is the folder of the store."""
    return os.path.join(state, FOLDER, day + _END)


def append(path: str, line: SpendingLine, *, durable: bool = False) -> None:
    """Write a line, whole, whoever else writes. Raises OSError."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    # One that was cut off by a full disk ends where the next one begins.
    data = f"\n{json.dumps(line.encode(), separators=(',', ':'))}\n".encode()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(handle, data)
        if durable:
            os.fsync(handle)
    finally:
        os.close(handle)


def forget(state: str) -> None:
    """Take away the files of days that are long over: nothing reads them any more."""
    folder = os.path.join(state, FOLDER)
    with suppress(OSError):
        for name in sorted(name for name in os.listdir(folder) if name.endswith(_END))[:-_KEPT]:
            os.unlink(os.path.join(folder, name))


class DaySpending:
    """A reader of one day's file. `read` first; the sums are of what was there then."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = 0
        self._begin()

    def _begin(self) -> None:
        self._offset, self._rest = 0, b""
        self._lines: dict[tuple[str, int], SpendingLine] = {}
        self._sums: dict[str, _Sum] = {}

    def read(self) -> None:
        """Read what is new. What is no line of ours is passed over."""
        try:
            with open(self.path, "rb") as file:
                there = os.fstat(file.fileno())
                if there.st_ino != self._file or there.st_size < self._offset:
                    self._begin()
                    self._file = there.st_ino
                if there.st_size == self._offset:
                    return
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line:
                self._take(line)

    def find(self, job: str, attempt: int) -> SpendingLine | None:
        """The last line of an attempt."""
        return self._lines.get((job, attempt))

    def lines(self) -> list[SpendingLine]:
        """The last line of each attempt."""
        return list(self._lines.values())

    def of(self, scope: str, besides: tuple[str, int] | None = None) -> Expense:
        """What a scope has spent, without one attempt where that is asked for."""
        known = self._sums.get(scope)
        if known is None:
            return Expense()
        line = self._lines.get(besides) if besides else None
        own = line.spent if line and scope in line.scopes else Expense()
        known.add(own, -1)
        found = known.expense()
        known.add(own, 1)
        return found

    def _take(self, data: bytes) -> None:
        try:
            line = SpendingLine.decode(plain_json.load(data))
        except ValueError:
            return
        key = line.job, line.attempt
        before = self._lines.get(key)
        if before is not None and before.over and not line.over:
            return
        self._lines[key] = line
        if before is not None:
            for scope in before.scopes:
                self._sums[scope].add(before.spent, -1)
        for scope in line.scopes:
            self._sums.setdefault(scope, _Sum()).add(line.spent, 1)


class _Sum:
    """A sum to which expenses are added, and from which they are taken."""

    __slots__ = ("costs", "money", "time", "tokens", "tolds")

    def __init__(self) -> None:
        self.money, self.costs, self.tokens, self.tolds, self.time = 0.0, 0, 0, 0, 0

    def add(self, one: Expense, sign: int) -> None:
        if one.money is not None:
            self.money, self.costs = self.money + sign * one.money, self.costs + sign
        if one.tokens is not None:
            self.tokens, self.tolds = self.tokens + sign * one.tokens, self.tolds + sign
        self.time += sign * one.time

    def expense(self) -> Expense:
        """What is known of it, to a millionth of a dollar."""
        money = max(0.0, round(self.money, 6)) if self.costs else None
        return Expense(money, self.tokens if self.tolds else None, self.time)


def together(one: N | None, other: N | None) -> N | None:
    """Two amounts as one: what is known of them, None where nothing is."""
    return one if other is None else other if one is None else one + other
