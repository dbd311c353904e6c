"""Who waits for what, line by line: the places that each session has, counted for each thing that is waited for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from gitfleet.claims import conflicts, model, tickets
from gitfleet.claims.model import SHARED, Claim, Mode
from gitfleet.claims.tickets import Ticket, Want
from gitfleet.codec import Struct
from gitfleet.ledger.model import View
from gitfleet.patterns.language import Pattern
from gitfleet.patterns.overlap import overlap
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
    """Those who wait for one path, or for paths that meet each other, in the order in which they are served.

    `pattern` is the shortest of these paths; `holders` are the first who hold it, as far as was looked. With none, an earlier place in
    another line stands in the way, or the next change of the ledger serves it.
    """

    pattern: str
    places: Sequence[LinePlace]
    holders: Sequence[str]


class _Line:
    """A line in the making: what is waited for in it, and by whom."""

    def __init__(self) -> None:
        self.wants: dict[tuple[str, Mode], Want] = {}
        self.tickets: dict[str, tuple[Ticket, Mode]] = {}

    def meets(self, wanted: Want) -> bool:
        """Whether one of those in it and who wants that keep each other waiting."""
        pattern = wanted.meant
        return any(
            not wanted.mode == one.mode == SHARED
            and _may_overlap(one.meant, pattern)
            and overlap(one.meant, pattern) is not None
            for one in self.wants.values()
        )

    def add(self, ticket: Ticket, wanted: Want) -> None:
        """One more who waits."""
        self.wants.setdefault((wanted.pattern, wanted.mode), wanted)
        self.tickets.setdefault(ticket.id, (ticket, wanted.mode))

    def take(self, other: _Line) -> None:
        """Make one line of two."""
        self.wants |= other.wants
        self.tickets |= other.tickets

    @property
    def widest(self) -> Want:
        """What has the shortest path."""
        return min(self.wants.values(), key=lambda one: (len(one.meant.components), one.pattern))


class WaitingLines:
    """The waiting lines of one state of the ledger. Reads every ticket once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.tickets: Sequence[Ticket] = tickets.line(view)
        self._titles: dict[str, str] = {}

    def lines(self) -> list[WaitingLine]:
        """All lines, that with the first place first."""
        found: list[_Line] = []
        for ticket in self.tickets:
            for want in ticket.wants:
                met = [line for line in found if line.meets(want)]
                line = met[0] if met else _Line()
                for other in met[1:]:
                    line.take(other)
                    found.remove(other)
                line.add(ticket, want)
                found += [] if met else [line]
        return [self._shown(line) for line in found]

    def _shown(self, line: _Line) -> WaitingLine:
        ordered = sorted(line.tickets.values(), key=lambda one: one[0].place)
        places = [self._place(number, ticket, mode) for number, (ticket, mode) in enumerate(ordered, start=1)]
        want = line.widest
        return WaitingLine(
            want.pattern, tuple(places), tuple(self._holders(want.meant, want.mode, ordered[0][0].session))
        )

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
    """Whether one of what a ticket wants lies above, at or below a pattern: to know that costs next to nothing."""
    return any(_may_overlap(want.meant, pattern) for want in ticket.wants)


def _may_overlap(one: Pattern, other: Pattern) -> bool:
    return all(mine == theirs for mine, theirs in zip(one.prefix_key, other.prefix_key, strict=False))
