"""What the last round of this clone's radar found, kept for whoever only looks: a round asks git for much, and looking must cost nothing.

Each conflict says since when it is there, as far as rounds of this clone have seen it. The file is this user's alone, and may be taken away.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from gitfleet.base import clock, statefile
from gitfleet.codec import FLAG, TEXT, WHOLE, Broken, Many, One, Struct, Whole, field, replace
from gitfleet.radar.model import Doublet, Findings, PathClash, WorkHead

_TEXTS = Many(TEXT)


class SeenHead(Struct):
    """One line of work, as `WorkHead` has it."""

    name: str = field(TEXT)
    tip: str = field(TEXT)
    owner: str = field(TEXT, default="")
    title: str = field(TEXT, default="")
    dirty: bool = field(FLAG, default=False)


class SeenPath(Struct):
    """One path in conflict, as `PathClash` has it."""

    path: str = field(TEXT)
    kinds: tuple[str, ...] = field(_TEXTS)
    hunks: tuple[tuple[int, ...], ...] = field(Many(Many(Whole(0))), default=())


class SeenConflict(Struct):
    """Two heads in conflict, by their places among `heads`; or (`two` is -1) one and the trunk. `since` in seconds."""

    one: int = field(Whole(0))
    two: int = field(Whole(-1))
    paths: tuple[SeenPath, ...] = field(Many(One(SeenPath)))
    since: int = field(WHOLE)


class SeenDoublet(Struct):
    """Two heads that both add `name` to `path`."""

    one: int = field(Whole(0))
    two: int = field(Whole(0))
    path: str = field(TEXT)
    name: str = field(TEXT)
    since: int = field(WHOLE)


class SeenUntold(Struct):
    """What could not be looked at."""

    names: tuple[str, ...] = field(_TEXTS)
    why: str = field(TEXT)


class LastRound(Struct):
    """A round: when it ended, against which commit of the trunk, and what it found. `heads` are those that something is said of.

    `order` and `conflicts` name heads by their places. `lines`: how many lines of work there were.
    """

    at: int = field(WHOLE)
    base: str = field(TEXT)
    lines: int = field(WHOLE)
    heads: tuple[SeenHead, ...] = field(Many(One(SeenHead)))
    conflicts: tuple[SeenConflict, ...] = field(Many(One(SeenConflict)))
    doublets: tuple[SeenDoublet, ...] = field(Many(One(SeenDoublet)))
    untold: tuple[SeenUntold, ...] = field(Many(One(SeenUntold)))
    order: tuple[int, ...] = field(Many(Whole(0)))
    warnings: tuple[str, ...] = field(_TEXTS)
    branches: str = field(TEXT, default="")
    """Where all branches stood when it began, as `standing` has it; "" where that was not noted."""

    def check(self) -> None:
        """Raise Broken for a place where there is no head."""
        places = [
            *(place for one in self.conflicts for place in (one.one, one.two)),
            *(place for one in self.doublets for place in (one.one, one.two)),
            *self.order,
        ]
        if places and max(places) >= len(self.heads):
            raise Broken("a place among the heads was expected")


class RoundKeeper:
    """The file of one clone's last round, in its state folder. Callers that keep take turns."""

    def __init__(self, state: str) -> None:
        self.path = os.path.join(state, "radar", "last.json")

    def keep(self, found: Findings, warnings: Sequence[str], branches: str = "") -> None:
        """Keep what a round found; `branches` is where they stood when it began. Atomic: whoever looks sees this round or the one before."""
        seen = replace(_seen(found, warnings, _since(self.last())), branches=branches)
        statefile.save(self.path, seen, mode=0o600, durable=False)

    def last(self) -> LastRound | None:
        """The last round; None where there was none, or it cannot be read."""
        return statefile.load(LastRound, self.path)


def _since(last: LastRound | None) -> Mapping[tuple[str, ...], int]:
    """Since when each conflict of a round is there, by the names of both heads and, for doublets, path and name."""
    if last is None:
        return {}
    names = [head.name for head in last.heads]
    found: dict[tuple[str, ...], int] = {}
    for one in last.conflicts:
        found[names[one.one], names[one.two] if one.two >= 0 else ""] = one.since
    for two in last.doublets:
        found[names[two.one], names[two.two], two.path, two.name] = two.since
    return found


def _seen(found: Findings, warnings: Sequence[str], since: Mapping[tuple[str, ...], int]) -> LastRound:
    now = clock.now()
    places: dict[str, int] = {}
    heads: list[SeenHead] = []

    def place(head: WorkHead) -> int:
        name = f"{head.name}\0{head.worktree}\0{head.dirty}"
        if name not in places:
            places[name] = len(heads)
            heads.append(SeenHead(head.name, head.tip, head.owner, head.title, head.dirty))
        return places[name]

    conflicts = [
        SeenConflict(place(one.head), -1, _paths(one.paths), since.get((one.head.name, ""), now))
        for one in found.base_clashes
    ]
    conflicts += [
        SeenConflict(place(one.one), place(one.two), _paths(one.paths), since.get((one.one.name, one.two.name), now))
        for one in found.clashes
    ]  # fmt: skip
    doublets = [
        SeenDoublet(place(one.one), place(one.two), one.path, one.name, since.get(_name(one), now))
        for one in found.doublets
    ]
    untold = tuple(SeenUntold(one.names, one.why) for one in found.untold)
    meeting = {head for one in found.clashes for head in (one.one, one.two)}
    meeting |= {one.head for one in found.base_clashes}  # of others the order says nothing
    order = tuple(place(head) for head in found.order if head in meeting)
    return LastRound(
        now, found.base, len(found.heads), tuple(heads), tuple(conflicts), tuple(doublets), untold, order, tuple(warnings)
    )  # fmt: skip


def _name(one: Doublet) -> tuple[str, ...]:
    return one.one.name, one.two.name, one.path, one.name


def _paths(found: Sequence[PathClash]) -> tuple[SeenPath, ...]:
    return tuple(SeenPath(one.path, one.kinds, one.hunks) for one in found)
