"""Who holds a path: one question, answered from the ledger as this clone knows it, within a bound however many claims there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal

from gitfleet.base.names import SessionId
from gitfleet.claims import conflicts, model
from gitfleet.claims.conflicts import InTheWay
from gitfleet.claims.model import EXCLUSIVE, Claim
from gitfleet.codec import Struct
from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views.waiting_lines import WaitingLines
from gitfleet.ledger.ledger import State
from gitfleet.ledger.model import View
from gitfleet.obstacles import Obstacle
from gitfleet.patterns.language import Pattern

MOST_LOOKED = 2000
"""Claims near a path that are looked at."""
MOST_SHOWN = 20
"""Claims that an answer names."""
MOST_PATTERNS = 8
"""Alternatives in braces that are answered."""

Word = Literal["free", "held", "shared", "unknown", "wrong"]
"""`unknown`: nobody was found, and what is known of the hub is old, or not everything could be looked at. `wrong`: it is no path."""


class Held(Struct):
    """An answer about one path. `found` are claims that meet it, at most `MOST_SHOWN`; `more`: there are others.

    `ids` are those of all that were found, `tentative` of those that the hub has not agreed to yet; `waiting`: how many stand in line behind the first; `age`: seconds since the hub was seen, None where there is none.
    """

    asked: str
    word: Word
    found: Sequence[Obstacle] = ()
    ids: Sequence[str] = ()
    more: bool = False
    age: int | None = None
    keys: Sequence[str] = ()
    waiting: int = 0
    why: str = ""
    tentative: Sequence[str] = ()


def ask(fleet: Fleet, state: State, lines: WaitingLines, text: str) -> list[Held]:
    """The answers to one text: one, or one for each alternative of its braces. Raises nothing: what is no path is `wrong`."""
    try:
        wanted = fleet.claims.patterns([text], counted=False)
    except FleetError as error:
        return [Held(text, "wrong", age=state.age, why=f"{error.message} {error.hint}".strip())]
    return [_answer(fleet, state, lines, one) for one in wanted[:MOST_PATTERNS]]


def _answer(fleet: Fleet, state: State, lines: WaitingLines, wanted: Pattern) -> Held:
    looked = _Looking(model.near(state.view, wanted.prefix_key))
    try:
        met = list(
            islice(_meeting(state.view, wanted, looked, exact=fleet.policy.case_sensitive), MOST_SHOWN + 1)
        )
    except FleetError as error:
        return Held(wanted.text, "unknown", age=state.age, why=error.message)
    found = fleet.claims.orphans.marked(one.obstacle() for one in met[:MOST_SHOWN])
    ids = tuple(one.held.id if isinstance(one.held, Claim) else one.held.where for one in met)
    word: Word = "held" if any(one.mode != model.SHARED for one in found) else "shared"
    old, why = fleet.claims.is_old(state), ""
    taken, there = sum(len(one.slots) for one in found), fleet.policy.capacity(wanted)
    if found and not old and 0 < taken <= there - wanted.units:
        word, why = "free", f"{taken} of {there} units are taken"
    elif not found:
        word = "unknown" if old or looked.ended_early else "free"
        why = _why(state, looked) if word == "unknown" else ""
    first = met[0].held if met else None
    claims = [one.held for one in met if isinstance(one.held, Claim)]
    tentative = [claim.id for claim in claims if claim.operation in state.tentative]
    return Held(
        asked=wanted.text, word=word, found=found, ids=ids, more=len(met) > MOST_SHOWN or looked.ended_early, age=state.age,
        keys=wanted.prefix_key, waiting=len(lines.behind(first)) if isinstance(first, Claim) else 0, why=why,
        tentative=tentative,
    )  # fmt: skip


def _meeting(
    view: View, wanted: Pattern, near: Iterator[model.Claim | model.Unreadable], *, exact: bool
) -> Iterator[InTheWay]:
    if wanted.units:
        for held in near:
            yield conflicts.on_path(view, wanted.text, held)
        return
    yield from conflicts.find(view, wanted, EXCLUSIVE, SessionId(""), nearby=near, case_sensitive=exact)


def _why(state: State, looked: _Looking) -> str:
    if looked.ended_early:
        return f"Of the claims there, the first {MOST_LOOKED} were looked at, and none of them meets it."
    return (
        "The hub was never seen."
        if state.age is None
        else "The hub was not seen for a while, so somebody may have claimed it."
    )


class _Looking(Iterator[model.Claim | model.Unreadable]):
    """The first claims of many; `ended_early`: there would have been more."""

    def __init__(self, claims: Iterator[model.Claim | model.Unreadable]) -> None:
        self._claims, self._left = claims, MOST_LOOKED
        self.ended_early = False

    def __next__(self) -> model.Claim | model.Unreadable:
        found = next(self._claims)
        if not self._left:
            self.ended_early = True
            raise StopIteration
        self._left -= 1
        return found
