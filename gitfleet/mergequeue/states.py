"""The states of an entry, and every legal move between them: one table, for code, docs and tests. Pure.

A move is one operation of the ledger, `queue.VERB`, with the old state as its precondition. What is no row here is refused.
An entry's record lives as long as it may still move; `landed`, `dropped` and `expired` are the end, but for what the host was handed before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from gitfleet.codec import Choice
from gitfleet.ledger.model import NODE, PERSON, SESSION, Who

State = Literal[
    "queued", "held", "blocked", "testing", "suspect", "rejected", "conflicted", "stale", "landed", "dropped", "expired"
]  # fmt: skip
Verb = Literal[
    "add", "change", "hold", "unhold", "drop", "retry", "approve", "take", "end", "mark", "reject", "offer", "repair", "expire", "land", "reconcile"
]  # fmt: skip

QUEUED: State = "queued"
HELD: State = "held"
BLOCKED: State = "blocked"
TESTING: State = "testing"
SUSPECT: State = "suspect"
REJECTED: State = "rejected"
CONFLICTED: State = "conflicted"
STALE: State = "stale"
LANDED: State = "landed"
DROPPED: State = "dropped"
EXPIRED: State = "expired"

STATES: tuple[State, ...] = get_args(State)
VERBS: tuple[Verb, ...] = get_args(Verb)
STATE = Choice[State](*STATES)
FINISHED: tuple[State, ...] = (LANDED, DROPPED, EXPIRED)
LIVE: tuple[State, ...] = tuple(state for state in STATES if state not in FINISHED)
GOING: tuple[State, ...] = (QUEUED, BLOCKED, TESTING, SUSPECT)
"""The states in which an entry may be tested and may land, if nothing else keeps it."""
HANDED_BACK: tuple[State, ...] = (REJECTED, CONFLICTED)
"""The states in which it is its session's turn."""

MEANING: Mapping[State, str] = {
    QUEUED: "waits for its turn",
    HELD: "is kept back: by somebody, for want of an approval, or since an entry below it was dropped",
    BLOCKED: "waits for another entry, or conflicts with one ahead; it keeps its place",
    TESTING: "is in a candidate that a gate runs on",
    SUSPECT: "is in a candidate that failed, and is being narrowed down",
    REJECTED: "fails its gate; its session has it back",
    CONFLICTED: "conflicts with the target; its session has it back",
    STALE: "has a branch that has moved, or is gone",
    LANDED: "is on the target",
    DROPPED: "was taken out",
    EXPIRED: "was not repaired in time",
}


class Transition(NamedTuple):
    """One legal move: from a state ("": the entry is new), by an operation, to a state; and who may make it."""

    origin: State | Literal[""]
    verb: Verb
    to: State
    who: tuple[Who, ...]


ANYBODY: tuple[Who, ...] = (SESSION, PERSON)
PERSONS: tuple[Who, ...] = (PERSON,)
NODES: tuple[Who, ...] = (NODE,)


def _rows(
    verb: Verb, origins: tuple[State, ...], to: tuple[State, ...], who: tuple[Who, ...]
) -> list[Transition]:
    return [Transition(origin, verb, state, who) for origin in origins for state in to]


MOVES: tuple[Transition, ...] = (
    Transition("", "add", QUEUED, ANYBODY),
    *_rows("add", LIVE, (QUEUED,), ANYBODY),  # a new head
    Transition(HELD, "add", HELD, ANYBODY),  # a new head of what somebody holds
    *[Transition(state, "change", state, ANYBODY) for state in LIVE],
    *_rows("hold", (*GOING, REJECTED, CONFLICTED, STALE), (HELD,), ANYBODY),
    Transition(HELD, "unhold", QUEUED, ANYBODY),
    *_rows("drop", LIVE, (DROPPED,), ANYBODY),
    *_rows("retry", (REJECTED, CONFLICTED, STALE, BLOCKED), (QUEUED,), ANYBODY),
    Transition(HELD, "approve", QUEUED, PERSONS),
    *_rows("take", GOING, (TESTING,), NODES),
    *_rows("end", (TESTING,), (QUEUED, SUSPECT, TESTING), NODES),
    *_rows("mark", GOING, (BLOCKED, CONFLICTED, STALE, HELD), NODES),
    *_rows("mark", (BLOCKED, SUSPECT, STALE), (QUEUED,), NODES),
    *_rows("mark", (HELD, REJECTED, CONFLICTED), (STALE,), NODES),
    *_rows("reject", GOING, (REJECTED,), NODES),
    *_rows("offer", GOING, (QUEUED,), NODES),  # to the host, which lands it
    *_rows("repair", (*HANDED_BACK, BLOCKED), (QUEUED,), NODES),
    *_rows("expire", (REJECTED, CONFLICTED, STALE), (EXPIRED,), NODES),
    *_rows("land", GOING, (LANDED,), NODES),
    *_rows("reconcile", LIVE, (LANDED,), NODES),
    *_rows("reconcile", (DROPPED, EXPIRED), (LANDED,), NODES),  # by the host, which was handed it before
)
"""Every legal move."""

_LEGAL = {(move.origin, move.verb, move.to): move.who for move in MOVES}


def may(origin: State | Literal[""], verb: Verb, to: State) -> bool:
    """Whether that is a legal move."""
    return (origin, verb, to) in _LEGAL


def actors(verb: Verb) -> tuple[Who, ...]:
    """Who may make the moves of a verb."""
    return next(move.who for move in MOVES if move.verb == verb)
