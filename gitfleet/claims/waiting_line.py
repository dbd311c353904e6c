"""The waiting line: who may have what next. Pure. Who would wait for ever is found in `deadlocks`.

A request is granted only if it overlaps no claim of another session and no earlier ticket of another session. So
disjoint requests pass freely, nobody overtakes, and a stream of shared claims never starves a writer. Whatever frees
paths calls `serve` in the same transaction, and the tickets that now fit become claims there and then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitfleet.claims import conflicts, model, tickets, units
from gitfleet.claims.model import EXCLUSIVE, Claim, Unreadable
from gitfleet.claims.tickets import Ticket, Want
from gitfleet.codec import replace
from gitfleet.ledger.model import Changes, Operation, View
from gitfleet.ledger.overlay import Overlay
from gitfleet.obstacles import Blocker
from gitfleet.patterns.language import Pattern
from gitfleet.sessions import session_records

ACCEPT_WITHIN = 120
"""Seconds that a session which was served has to take up its claims, as others watch it; then they count as lapsed."""


def earlier(line: Sequence[Ticket], place: tuple[int, int, str] | None) -> list[Ticket]:
    """The tickets before `place` in the line; all of them for a request that has no place yet."""
    return [ticket for ticket in line if place is None or ticket.place < place]


def blockers(view: View, line: Sequence[Ticket], ticket: Ticket) -> list[Blocker]:
    """Why a ticket of the line waits: claims of others on what it wants, and earlier tickets of others."""
    before = earlier(line, ticket.place)
    return list(all_blockers(view, before, ticket.wants, ticket.session, case_sensitive=ticket.exact_case))


def all_blockers(
    view: View, before: Sequence[Ticket], wants: Sequence[Want], session_id: str, *, case_sensitive: bool
) -> Iterator[Blocker]:
    """The same for some of what a session wants, with the tickets `before` it; found as they are asked for."""
    before = [ticket for ticket in before if ticket.session != session_id]
    for want in wants:
        pattern = want.meant
        if pattern.units:
            yield from _short_of(view, before, pattern, want, session_id)
            continue
        nearby = model.near(view, pattern.prefix_key)
        for held, met in conflicts.meeting(
            nearby, pattern, want.mode, session_id, case_sensitive=case_sensitive
        ):
            yield _held(want, held, met.witness)
        yield from _queued_before(before, pattern, want, case_sensitive=case_sensitive)


def _held(want: Want, held: Claim | Unreadable, witness: str) -> Blocker:
    if isinstance(held, Unreadable):
        return Blocker(want.pattern, "", held.where, witness, "")
    return Blocker(want.pattern, held.session, held.pattern, witness, "")


def _queued_before(
    before: Sequence[Ticket], pattern: Pattern, want: Want, *, case_sensitive: bool
) -> Iterator[Blocker]:
    for ticket in before:
        met = tickets.met(ticket, pattern, want.mode, case_sensitive=case_sensitive)
        if met is not None:
            yield Blocker(want.pattern, ticket.session, met[0].pattern, met[1], ticket.id)


def _short_of(
    view: View, before: Sequence[Ticket], pattern: Pattern, want: Want, session_id: str
) -> Iterator[Blocker]:
    """Why there are not enough units of a resource."""
    there = units.obstacles(view, before, pattern, want.capacity, session_id)
    for held in there.held:
        yield _held(want, held, want.pattern)
    for one in there.reserved:
        yield Blocker(want.pattern, one.ticket.session, one.want.pattern, want.pattern, one.ticket.id)


def in_line(
    view: View,
    before: Sequence[Ticket],
    pattern: Pattern,
    mode: str,
    session_id: str,
    *,
    case_sensitive: bool,
) -> Iterator[conflicts.InTheWay]:
    """The earlier tickets of others that a claim on `pattern` would overtake, as conflicts."""
    for ticket in before:
        if ticket.session == session_id:
            continue
        met = tickets.met(ticket, pattern, mode, case_sensitive=case_sensitive)
        if met is not None:
            yield conflicts.in_line(view, pattern.text, ticket, met)


def in_the_way(
    view: View, before: Sequence[Ticket], want: Want, session_id: str
) -> Iterator[conflicts.InTheWay]:
    """All that keeps a session from one thing that it wants, as conflicts; `before` are the earlier tickets."""
    pattern = want.meant
    if not pattern.units:
        yield from conflicts.find(view, pattern, want.mode, session_id)
        yield from in_line(view, before, pattern, want.mode, session_id, case_sensitive=False)
        return
    there = units.obstacles(view, before, pattern, want.capacity, session_id)
    for held in there.held:
        yield conflicts.on_path(view, want.pattern, held)
    for one in there.reserved:
        yield conflicts.in_line(view, want.pattern, one.ticket, (one.want, want.pattern))


def serve(view: View, changes: Changes, generation: int, at: int) -> tuple[Changes, list[Claim]]:
    """Grant, in order, every ticket that fits once `changes` have happened. `changes` with the grants, and the grants.

    A grant is a claim with a deadline to accept (`ACCEPT_WITHIN`); the ticket is gone.
    """
    after: Changes = dict(changes)
    now = Overlay(view, after)
    granted: list[Claim] = []
    line = tickets.line(now)
    waiting: list[Ticket] = []
    for ticket in line:
        if session_records.find(now, ticket.session) is None:
            after[ticket.where] = None
            continue
        in_its_way = all_blockers(
            now, waiting, ticket.wants, ticket.session, case_sensitive=ticket.exact_case
        )
        if next(in_its_way, None) is not None:
            waiting.append(ticket)
            continue
        after[ticket.where] = None
        for claim in _claims(now, ticket, generation, at):
            own = _own_on(now, claim)
            if any(has.mode in {EXCLUSIVE, claim.mode} and len(has.slots) >= len(claim.slots) for has in own):
                continue  # the session has come to hold it otherwise
            for weaker in own:
                after |= model.drop(now, at, weaker)
            after |= model.put(claim)
            granted.append(claim)
    return after, granted


def _own_on(view: View, claim: Claim) -> list[Claim]:
    """The session's present claims on the very same pattern: a grant replaces a shared one by an exclusive one."""
    nearby = model.near(view, claim.meant.prefix_key)
    mine = [item for item in nearby if isinstance(item, Claim) and item.session == claim.session]
    return [item for item in mine if (item.pattern == claim.pattern or item.slots) and item.id != claim.id]


def given(served: Sequence[Claim]) -> str:
    """What the line was given in the same transaction, for the log."""
    return "".join(f"; {claim.session} is given {claim.pattern}" for claim in served)


def taken_up(claim: Claim, operation: Operation) -> Claim:
    """A claim that the line gave, once its session has it in hand: its age counts from then on."""
    return replace(claim, accept_within=0, granted_at=operation.at, uptime=operation.timing.uptime)


def _claims(view: View, ticket: Ticket, generation: int, at: int) -> Iterator[Claim]:
    for want in ticket.wants:
        claim = Claim(
            id=want.claim, session=ticket.session, node=ticket.node, pattern=want.pattern, mode=want.mode, token=generation,
            ttl=ticket.terms.ttl, granted_at=at, nonce=ticket.id, reason=ticket.terms.reason,
            branch=ticket.terms.branch, operation=ticket.operation, accept_within=ACCEPT_WITHIN,
        )  # fmt: skip
        pattern = want.meant
        nearby = model.near(view, pattern.prefix_key) if pattern.units else ()
        yield units.placed(claim, want.capacity, nearby) if pattern.units else claim
