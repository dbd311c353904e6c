"""Who would wait for ever, in the waiting line: sessions that wait for each other. Pure.

The wait-for graph is made from one snapshot: a session with a ticket waits for the holders of what it wants and for the
sessions of the earlier tickets that want it too. A ticket that would close a cycle is refused.

For units of a resource (see `units`), a session waits for all who hold some, and whichever of them comes first will
do. So a cycle there is refused only if it leaves nobody who can go on: `_stuck` lets everyone go who can, and looks who
remains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from gitfleet.base.names import SessionId
from gitfleet.base.text import display
from gitfleet.claims import model, tickets, units
from gitfleet.claims.model import Claim
from gitfleet.claims.tickets import Ticket
from gitfleet.claims.waiting_line import all_blockers, blockers, earlier
from gitfleet.errors import Deadlock
from gitfleet.ledger.model import View
from gitfleet.obstacles import Blocker, CycleStep


def closed_by(view: View, line: Sequence[Ticket], ticket: Ticket) -> Deadlock | None:
    """The error for a ticket that would close a cycle of sessions that wait for each other, or None."""
    all_tickets = sorted([*line, ticket], key=lambda item: item.place)

    @cache
    def behind(session: str) -> list[Blocker]:
        """What a session waits for; asked only of those that the search comes by."""
        own = tickets.of_session(all_tickets, session)
        return [found for item in own for found in blockers(view, all_tickets, item)]

    cycle = _cycle(behind, ticket.session)
    if cycle is not None and any(model.parsed(blocker.wanted).units for _, blocker in cycle):
        stuck = _stuck(view, all_tickets)
        cycle = None
        if ticket.session in stuck:
            cycle = _cycle(lambda who: [b for b in behind(who) if b.session in stuck], ticket.session)
    if cycle is None:
        return None
    steps = [f"{display(who)} waits for {display(b.held)} of {display(b.session)}" for who, b in cycle]
    return Deadlock(
        f"Waiting would never end: {'; '.join(steps)}.",
        hint="Release what the others wait for, or do other work first.",
        cycle=tuple(
            CycleStep(b.wanted, who, b.held, b.witness, b.ticket, waits_for=b.session) for who, b in cycle
        ),
    )


def _stuck(view: View, line: Sequence[Ticket]) -> set[SessionId]:
    """The sessions that would wait for ever: those left when everyone who can go on has gone, and let go of everything."""
    waiting = {ticket.session for ticket in line}
    while True:
        go_on = {
            session
            for session in waiting
            if all(_will_fit(view, line, ticket, waiting) for ticket in tickets.of_session(line, session))
        }
        if not go_on:
            return waiting
        waiting -= go_on


def _will_fit(view: View, line: Sequence[Ticket], ticket: Ticket, waiting: set[SessionId]) -> bool:
    """Whether a ticket is served once nobody but the sessions `waiting` has or wants anything."""
    before = [other for other in earlier(line, ticket.place) if other.session in waiting]
    for want in ticket.wants:
        pattern = want.meant
        if pattern.units:
            near = units.others(model.near(view, pattern.prefix_key), ticket.session)
            held = [item for item in near if isinstance(item, Claim) and item.session in waiting]
            aside = units.reserved(before, pattern, ticket.session, held)
            if not units.fits(pattern, want.capacity, held, aside):
                return False
            continue
        found = all_blockers(view, before, [want], ticket.session, case_sensitive=ticket.exact_case)
        if any(blocker.session in waiting for blocker in found):
            return False
    return True


def _cycle(behind: Callable[[str], list[Blocker]], start: str) -> list[tuple[str, Blocker]] | None:
    """The shortest way from `start`, each session being `behind` others, back to it."""
    seen = {start}
    ways: list[list[tuple[str, Blocker]]] = [[]]
    while ways:
        longer = []
        for way in ways:
            here = way[-1][1].session if way else start
            for blocker in behind(here):
                if blocker.session == start:
                    return [*way, (here, blocker)]
                if blocker.session not in seen:
                    seen.add(blocker.session)
                    longer.append([*way, (here, blocker)])
        ways = longer
    return None
