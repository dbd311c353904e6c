"""In which order entries are taken. Pure: the present time is an argument.

Priority, then first come by the number that the ledger gave once. What waits grows in priority with time: up to 59 from below 60, to 79
from there, and nothing becomes a hotfix by waiting. An entry lends its priority to those that it needs.
An entry comes after those that it needs, and a stack stays together. Every eighth window starts with the oldest entry, so that
none waits for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from gitfleet.mergequeue.model import QueueEntry

TURN = 8
"""Every how many windows the oldest entry comes first."""
PER_HOUR = 2
"""Points that an entry gains in an hour of waiting."""


BandName = Literal["hotfix", "security", "feature", "backlog"]


class Band(NamedTuple):
    """A range of priorities: its name, the least and the greatest, and up to what waiting lifts an entry in it."""

    name: BandName
    least: int
    most: int
    cap: int


HOTFIX = Band("hotfix", 80, 100, 100)
SECURITY = Band("security", 60, 79, 79)
FEATURE = Band("feature", 40, 59, 59)
BACKLOG = Band("backlog", 0, 39, 59)
BANDS: tuple[Band, ...] = (HOTFIX, SECURITY, FEATURE, BACKLOG)
"""Release blockers and hotfixes; CI and security; features; the rest."""


class Priority(NamedTuple):
    """An entry's effective priority with its parts: what it was `given`, what dependents `lent` on top of that, what `waiting` added."""

    given: int
    lent: int = 0
    waiting: int = 0

    @property
    def standing(self) -> int:
        """Without what time adds: what a pause's floor is held against."""
        return self.given + self.lent

    @property
    def effective(self) -> int:
        """All of it."""
        return self.given + self.lent + self.waiting


def band(priority: int) -> Band:
    """The band of a priority."""
    return next(one for one in BANDS if priority >= one.least)


def lent(entries: Sequence[QueueEntry]) -> Mapping[str, int]:
    """By id, the greatest priority among an entry and all that need it, directly or not. Cycles do no harm."""
    known = {entry.id: entry for entry in entries}
    found = {entry.id: entry.priority for entry in entries}
    for entry in sorted(entries, key=lambda one: -one.priority):
        waiting = [*entry.required]
        while waiting:
            below = known.get(waiting.pop())
            if below is not None and found[below.id] < entry.priority:
                found[below.id] = entry.priority
                waiting += below.required
    return found


def priorities(entries: Sequence[QueueEntry], now: int) -> dict[str, Priority]:
    """By id, the effective priority of each entry, with its parts."""
    with_lent = lent(entries)
    return {
        entry.id: Priority(
            entry.priority,
            with_lent[entry.id] - entry.priority,
            _waiting(with_lent[entry.id], now - entry.at),
        )
        for entry in entries
    }


def _waiting(priority: int, seconds: int) -> int:
    """What `seconds` of waiting add, at most up to the cap of its band. A clock that is behind adds nothing."""
    return (
        max(0, min(PER_HOUR * seconds // 3600, band(priority).cap - priority))
        if priority < HOTFIX.least
        else 0
    )


def order(entries: Sequence[QueueEntry], now: int, *, window: int = 0) -> list[QueueEntry]:
    """The entries in the order in which they are taken. `window`: how many windows there were before this one."""
    known = {entry.id: entry for entry in entries}
    strength = priorities(entries, now)
    first = sorted(entries, key=lambda entry: (-strength[entry.id].effective, entry.seq))
    if entries and window % TURN == TURN - 1:
        oldest = min(entries, key=lambda entry: entry.seq)
        first = [oldest, *(entry for entry in first if entry is not oldest)]
    above: dict[str, list[QueueEntry]] = {}
    for entry in sorted(entries, key=lambda one: one.seq):
        if entry.stack:
            above.setdefault(entry.stack, []).append(entry)
    placed: dict[str, QueueEntry] = {}
    for entry in first:
        _place(entry, known, above, placed)
    return list(placed.values())


def _place(
    entry: QueueEntry,
    known: Mapping[str, QueueEntry],
    above: Mapping[str, Sequence[QueueEntry]],
    placed: dict[str, QueueEntry],
) -> None:
    """Put an entry behind all that it needs, and what is stacked on any of these behind them. Each once."""
    waiting = [entry]
    while waiting:
        new = _behind_needs(waiting.pop(0), known, placed)
        waiting = [up for one in new for up in above.get(one.id, ())] + waiting


def _behind_needs(
    entry: QueueEntry, known: Mapping[str, QueueEntry], placed: dict[str, QueueEntry]
) -> list[QueueEntry]:
    """Put an entry behind all that it needs, in however tangled a graph; what was put."""
    todo: list[tuple[QueueEntry, bool]] = [(entry, False)]
    entered: set[str] = set()
    new: list[QueueEntry] = []
    while todo:
        one, ready = todo.pop()
        if ready:
            placed[one.id] = one
            new.append(one)
        elif one.id not in placed and one.id not in entered:
            entered.add(one.id)
            todo.append((one, True))
            needs = [known[need] for need in one.required if need in known and need not in placed]
            todo += [(need, False) for need in sorted(needs, key=lambda need: -need.seq)]
    return new
