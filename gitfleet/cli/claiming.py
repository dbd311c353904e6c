"""What several commands say of claims, and of how old the knowledge is that they answer from. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gitfleet.base.text import counted, duration
from gitfleet.claims.conflict_text import kept_by, unit_words, until
from gitfleet.claims.model import Claim
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.messages import heard
from gitfleet.fleet.fleet import Fleet

if TYPE_CHECKING:
    from gitfleet.fleet.views.knowledge import Knowledge

FRESH = 60
"""Seconds for which what the hub said last needs no mention of its age."""


def kept(claims: Iterable[Claim], still: str = "") -> list[str]:
    """What claims stay with now that their session is gone: a line each."""
    rows = [(claim.keeper_records, claim.pattern) for claim in claims]
    return [f"{still}retained by {kept_by(keepers)} {until(keepers)}: {pattern}" for keepers, pattern in rows]


def informed(
    fleet: Fleet,
    found: Knowledge,
    lines: Sequence[str | Grid],
    problems: Sequence[str] = (),
    flag: str | None = None,
) -> Reply:
    """The answer of a command that shows what this clone knows, and how old that is."""
    age = found["age"]
    warnings = [*problems, *heard(fleet, flag), *freshness(fleet, age, len(found["tentative"]))]
    return Reply(found, [*lines, *as_of(fleet, age)], warnings=warnings)


def as_of(fleet: Fleet, age: int | None) -> list[str]:
    """How old the knowledge is that an answer rests on, where it is not fresh; what is too old is among the warnings."""
    if age is None or not FRESH <= age <= fleet.policy.state_max_age:
        return []
    return [f"as of {duration(age)} ago; `gitfleet sync` asks the hub again"]


def freshness(fleet: Fleet, age: int | None, tentative: int) -> list[str]:
    """What to say about knowledge that is old or not yet agreed: `tentative` operations wait for the hub."""
    words = [*fleet.ledger.outbox.warnings]
    if tentative:
        words.append(f"waiting for the hub, and tentative: {counted(tentative, 'operation')}")
    if age is not None and age > fleet.policy.state_max_age:
        words.append(f"as of {duration(age)} ago: the hub was last seen then; `gitfleet sync` asks it again")
    return words


def units_of(claim: Claim) -> str:
    """Which units of a resource a claim has; nothing for one on a path."""
    return f", {unit_words(claim.slots, claim.capacity)}" if claim.slots else ""
