"""How many sessions may have a resource at once, and which unit each of them has. Pure.

A rule cannot read the fleet's policy, and two clones may know different versions of it. So the capacity that a
session's own clone knows comes with its request, and stays written in the claim that is made of it. A request is
granted only if all units then held stay within the *smallest* of the capacities in play: its own, those of the standing
claims of others, and those of the earlier tickets it would squeeze. No reading of the policy, old or new, is ever
exceeded by a grant. A capacity that was raised takes effect as the claims from before it are renewed by `claim`,
released or lapse; one that was lowered takes nothing from anybody.

Units have numbers from 0 on, below every capacity in play when they are granted (unless capacity was lowered under a
session that keeps the number it had), and the lowest that are free are given. A session keeps the numbers it has.

Who waits for units is not overtaken: what the earlier tickets want is set aside. But where there is enough for them
and for the newcomer, it passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from gitfleet.base.text import display
from gitfleet.claims import model
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.claims.tickets import Ticket, Want
from gitfleet.codec import Struct, replace
from gitfleet.errors import UsageError
from gitfleet.ledger.model import View
from gitfleet.patterns.language import Pattern
from gitfleet.patterns.resources import MOST_UNITS


class Reserved(Struct):
    """What an earlier ticket of another session still lacks of a resource: `units` more than the session has."""

    ticket: Ticket
    want: Want
    units: int


class Obstacles(Struct):
    """Why there are not enough units: all holders, and all earlier tickets that lack some. Both empty when there are."""

    held: Sequence[Claim | Unreadable]
    reserved: Sequence[Reserved]


def check_asked(wants: Iterable[Want]) -> None:
    """Raise UsageError for what could never be granted, and for a resource that is named with two numbers."""
    named: set[str] = set()
    for want in wants:
        wanted = want.meant
        if not wanted.units:
            continue
        check(wanted, want.capacity)
        if wanted.resource in named:
            words = f"{display(wanted.text)} was named twice."
            raise UsageError(words, hint="Name each resource once, with the number of units: `res:gpu:2`.")
        named.add(wanted.resource)


def check(wanted: Pattern, capacity: int) -> None:
    """Refuse what a fleet could never grant. Raises UsageError."""
    if wanted.units > capacity:
        there = f"there are {capacity}" if capacity > 1 else "there is 1"
        raise UsageError(
            f"{wanted.units} units of '{wanted.resource}' were asked for, and {there} in all.",
            hint="Ask for fewer. `resources:` in gitfleet.yaml on the trunk says how many there are.",
        )


def fits(
    wanted: Pattern,
    capacity: int,
    held: Iterable[Claim | Unreadable],
    reserved: Iterable[Reserved] = (),
) -> bool:
    """Whether `wanted` may be granted beside what others hold and what is set aside. What cannot be read has it all."""
    total, most = wanted.units, capacity
    for claim in held:
        if isinstance(claim, Unreadable):
            return False
        total, most = total + len(claim.slots), min(most, claim.capacity)
    for earlier in reserved:
        total, most = total + earlier.units, min(most, earlier.want.capacity or 1)
    return total <= most


def others(nearby: Iterable[Claim | Unreadable], session: str) -> list[Claim | Unreadable]:
    """What is not the session's own."""
    return [item for item in nearby if isinstance(item, Unreadable) or item.session != session]


def reserved(
    before: Sequence[Ticket], wanted: Pattern, session: str, held: Iterable[Claim | Unreadable]
) -> list[Reserved]:
    """What is set aside for other sessions' tickets `before` this request, given the claims `held`; once a session."""
    has: Counter[str] = Counter()
    for claim in held:
        if isinstance(claim, Claim):
            has[claim.session] += len(claim.slots)
    most: dict[str, Reserved] = {}
    for ticket in before:
        for want in ticket.wants if ticket.session != session else ():
            pattern = want.meant
            lacks = pattern.units - has[ticket.session] if pattern.prefix == wanted.prefix else 0
            if lacks > (most[ticket.session].units if ticket.session in most else 0):
                most[ticket.session] = Reserved(ticket, want, lacks)
    return list(most.values())


def obstacles(
    view: View, before: Sequence[Ticket], wanted: Pattern, capacity: int, session: str
) -> Obstacles:
    """What keeps a session from `wanted` now, with the tickets `before` it in the line."""
    held = others(model.near(view, wanted.prefix_key), session)
    aside = reserved(before, wanted, session, held)
    return Obstacles((), ()) if fits(wanted, capacity, held, aside) else Obstacles(held, aside)


def least(
    wanted: Pattern,
    capacity: int,
    held: Sequence[Claim | Unreadable],
    aside: Sequence[Reserved],
    lapsed: Sequence[Claim],
) -> list[Claim] | None:
    """The first of the `lapsed` claims, as few as will do, without which `wanted` fits; None when all are too few."""
    for count in range(len(lapsed) + 1):
        going = {claim.id for claim in lapsed[:count]}
        left = [item for item in held if isinstance(item, Unreadable) or item.id not in going]
        if fits(wanted, capacity, left, aside):
            return list(lapsed[:count])
    return None


def placed(claim: Claim, capacity: int, nearby: Iterable[Claim | Unreadable]) -> Claim:
    """A new claim on a resource with the numbers of its units: those its session has, then the lowest free ones.

    `nearby` are the claims on the resource that stand beside it or, of its own session, that it replaces.
    """
    standing = [item for item in nearby if isinstance(item, Claim)]
    own = sorted(slot for item in standing if item.session == claim.session for slot in item.slots)
    taken = {slot for item in standing for slot in item.slots}
    units = claim.meant.units
    free = (slot for slot in range(MOST_UNITS) if slot not in taken)
    slots = own[:units] + [slot for slot, _ in zip(free, range(units - len(own)), strict=False)]
    return replace(claim, capacity=capacity, slots=tuple(sorted(slots)))
