"""Who waits for what, line by line: the places that each session has, counted for each thing that is waited for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from gitfleet.claims import conflicts, model, tickets
from gitfleet.claims.model import Claim, Mode
from gitfleet.claims.tickets import Ticket
from gitfleet.codec import Struct
from gitfleet.ledger.model import View
from gitfleet.patterns.language import Pattern
from gitfleet.sessions import session_records

MOST_LOOKED = 500
"""Claims near what is waited for that are looked at, for who holds it."""
MOST_HOLDERS = 3


class LinePlace(Struct):
    """A place in a line: `number` 1 is served first. `since` is the ledger generation at which its session came."""

    number: int
    session: str
    title: str
    mode: Mode
    priority: int
    since: int


class WaitingLine(Struct):
    """Those who wait for one path, in the order in which they are served; and the first who hold it, as far as was looked.

    With no holder, earlier places in other lines stand in the way, or the next change of the ledger serves it.
    """

    pattern: str
    places: Sequence[LinePlace]
    holders: Sequence[str]


class Lines:
    """The waiting lines of one state of the ledger. Reads every ticket once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.tickets: Sequence[Ticket] = tickets.line(view)
        self._titles: dict[str, str] = {}

    def lines(self) -> list[WaitingLine]:
        """All lines, that with the first place first."""
        by_pattern: dict[str, list[LinePlace]] = {}
        meant: dict[str, tuple[Pattern, Mode, str]] = {}
        for ticket in self.tickets:
            for want in ticket.wants:
                places = by_pattern.setdefault(want.pattern, [])
                places.append(self._place(len(places) + 1, ticket, want.mode))
                meant.setdefault(want.pattern, (want.meant, want.mode, ticket.session))
        return [
            WaitingLine(pattern, tuple(places), tuple(self._holders(*meant[pattern])))
            for pattern, places in by_pattern.items()
        ]

    def behind(self, claim: Claim) -> tuple[LinePlace, ...]:
        """Those who wait for what a claim covers, in their order: the line behind it."""
        return self._line(claim.meant, claim.mode, claim.session)

    def of_resource(self, wanted: Pattern) -> tuple[LinePlace, ...]:
        """Those who wait for units of a resource, in their order."""
        return self._line(wanted, model.EXCLUSIVE, "")

    def _line(self, pattern: Pattern, mode: Mode, but: str) -> tuple[LinePlace, ...]:
        near = (one for one in self.tickets if one.session != but and _may_meet(one, pattern))
        met = ((one, found[0]) for one in near if (found := tickets.met(one, pattern, mode)))
        return tuple(self._place(number, one, want.mode) for number, (one, want) in enumerate(met, start=1))

    def below(self, keys: Sequence[str]) -> int:
        """How many sessions wait for something on or below a folder, given by comparison keys."""
        size = len(keys)
        waiting = {
            ticket.session
            for ticket in self.tickets
            for want in ticket.wants
            if list(want.meant.prefix_key[:size]) == list(keys)
        }
        return len(waiting)

    def _place(self, number: int, ticket: Ticket, mode: Mode) -> LinePlace:
        if ticket.session not in self._titles:
            session = session_records.known(self._view, ticket.session)
            self._titles[ticket.session] = (session.title or session.agent) if session else ""
        title = self._titles[ticket.session]
        return LinePlace(number, ticket.session, title, mode, ticket.priority, ticket.since)

    def _holders(self, wanted: Pattern, mode: Mode, first: str) -> Iterator[str]:
        near = islice(model.near(self._view, wanted.prefix_key), MOST_LOOKED)
        met = conflicts.meeting(near, wanted, mode, first, case_sensitive=False)
        sessions = (held.session if isinstance(held, Claim) else "" for held, _ in met)
        yield from islice(dict.fromkeys(sessions), MOST_HOLDERS)


def _may_meet(ticket: Ticket, pattern: Pattern) -> bool:
    """Whether one of what a ticket wants lies above, at or below a pattern: what meets costs no more to know for the others."""
    keys = pattern.prefix_key
    return any(
        all(one == other for one, other in zip(want.meant.prefix_key, keys, strict=False))
        for want in ticket.wants
    )
