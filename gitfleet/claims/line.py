"""The waiting line: who may have what next, and who waits for whom. Pure.

A request is granted only if it overlaps no claim of another session and no earlier ticket of another session. So
disjoint requests pass freely, nobody overtakes, and a stream of shared claims never starves a writer. Whatever frees
paths calls `serve` in the same transaction, and the tickets that now fit become claims there and then.

The wait-for graph is made from the same snapshot: a session with a ticket waits for the holders of what it wants and
for the sessions of the earlier tickets that want it too. A ticket that would close a cycle is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from gitfleet.base.text import display
from gitfleet.claims import conflicts, model, tickets
from gitfleet.claims.model import EXCLUSIVE, Claim, Unreadable
from gitfleet.claims.patterns import Pattern
from gitfleet.claims.tickets import Ticket, Want
from gitfleet.errors import Deadlock
from gitfleet.ledger.model import View
from gitfleet.ledger.overlay import Overlay
from gitfleet.sessions import model as sessions

ACCEPT_WITHIN = 120
"""Seconds that a session which was served has to take up its claims, as others watch it; then they count as lapsed."""

Changes = dict[str, bytes | None]


class Blocker(NamedTuple):
    """One reason why a request waits: `wanted` meets what `session` holds or, with `ticket`, waits for before it."""

    wanted: str
    session: str
    held: str
    witness: str
    ticket: str

    def as_record(self) -> dict[str, Any]:
        """As it appears in JSON output."""
        return self._asdict()


def earlier(line: Sequence[Ticket], place: tuple[int, int, str] | None) -> list[Ticket]:
    """The tickets before `place` in the line; all of them for a request that has no place yet."""
    return [ticket for ticket in line if place is None or ticket.place < place]


def blockers(
    view: View, line: Sequence[Ticket], wants: Sequence[Want], session_id: str, *,
    place: tuple[int, int, str] | None = None, case_sensitive: bool = False,
) -> list[Blocker]:  # fmt: skip
    """Everything that keeps a session from `wants` now: claims of others, and earlier tickets of others."""
    found = []
    before = [ticket for ticket in earlier(line, place) if ticket.session != session_id]
    for want in wants:
        pattern = model.parsed(want.pattern)
        for item in conflicts.find(view, pattern, want.mode, session_id, case_sensitive=case_sensitive):
            holder = item.held.session if isinstance(item.held, Claim) else ""
            held = item.held.where if isinstance(item.held, Unreadable) else item.held.pattern
            found.append(Blocker(want.pattern, holder, held, item.witness, ""))
        found += _queued_before(before, pattern, want, case_sensitive=case_sensitive)
    return found


def _queued_before(
    before: Sequence[Ticket], pattern: Pattern, want: Want, *, case_sensitive: bool
) -> Iterator[Blocker]:
    for ticket in before:
        met = tickets.met(ticket, pattern, want.mode, case_sensitive=case_sensitive)
        if met is not None:
            yield Blocker(want.pattern, ticket.session, met[0].pattern, met[1], ticket.id)


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
        if sessions.find(now, ticket.session) is None:
            after[ticket.where] = None
            continue
        exact_case = ticket.terms.get("case_sensitive") is True
        if blockers(now, waiting, ticket.wants, ticket.session, case_sensitive=exact_case):
            waiting.append(ticket)
            continue
        after[ticket.where] = None
        for claim in _claims(ticket, generation, at):
            own = _own_on(now, claim)
            if any(has.mode in {EXCLUSIVE, claim.mode} for has in own):
                continue  # the session has come to hold it otherwise
            for weaker in own:
                after |= model.drop(weaker)
            after |= model.put(claim)
            granted.append(claim)
    return after, granted


def _own_on(view: View, claim: Claim) -> list[Claim]:
    """The session's present claims on the very same pattern: a grant replaces a shared one by an exclusive one."""
    nearby = model.near(view, model.parsed(claim.pattern).prefix_key)
    mine = [item for item in nearby if isinstance(item, Claim) and item.session == claim.session]
    return [item for item in mine if item.pattern == claim.pattern and item.id != claim.id]


def deadlock(view: View, line: Sequence[Ticket], ticket: Ticket) -> Deadlock | None:
    """The error for a ticket that would close a cycle of sessions that wait for each other, or None."""
    all_tickets = sorted([*line, ticket], key=lambda item: item.place)
    edges: dict[str, list[tuple[str, Blocker]]] = {}
    for item in all_tickets:
        exact_case = item.terms.get("case_sensitive") is True
        for blocker in blockers(
            view, all_tickets, item.wants, item.session, place=item.place, case_sensitive=exact_case
        ):
            edges.setdefault(item.session, []).append((blocker.session, blocker))
    cycle = _cycle(edges, ticket.session)
    if cycle is None:
        return None
    steps = [f"{display(who)} waits for {display(b.held)} of {display(b.session)}" for who, b in cycle]
    return Deadlock(
        f"Waiting would never end: {'; '.join(steps)}. Nothing was changed, and nobody was put in line.",
        hint="Release what the others wait for, or do other work first.",
        cycle=[{"session": who, **blocker.as_record()} for who, blocker in cycle],
    )


def _cycle(edges: dict[str, list[tuple[str, Blocker]]], start: str) -> list[tuple[str, Blocker]] | None:
    """The shortest way from `start` along the edges back to it."""
    seen = {start}
    ways: list[list[tuple[str, Blocker]]] = [[]]
    while ways:
        longer = []
        for way in ways:
            here = way[-1][1].session if way else start
            for target, blocker in edges.get(here, []):
                if target == start:
                    return [*way, (here, blocker)]
                if target not in seen:
                    seen.add(target)
                    longer.append([*way, (here, blocker)])
        ways = longer
    return None


def _claims(ticket: Ticket, generation: int, at: int) -> Iterator[Claim]:
    for want in ticket.wants:
        yield Claim(
            id=want.claim, session=ticket.session, node=ticket.node, pattern=want.pattern, mode=want.mode, token=generation,
            ttl=int(ticket.terms["ttl"]), granted_at=at, nonce=ticket.id, reason=str(ticket.terms.get("reason") or ""),
            branch=str(ticket.terms.get("branch") or ""), operation=ticket.operation, accept_within=ACCEPT_WITHIN,
        )  # fmt: skip
