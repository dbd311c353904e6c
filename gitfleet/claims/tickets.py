"""A ticket as a record: a session's place in the waiting line for paths that others hold.

Pure. Tickets are filed together (`tickets/<id>.json`): a decision about the line reads them all, and there are as many
as there are sessions that wait. A ticket is a lease like a claim: it stands as long as its session renews.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from gitfleet.base import canonical
from gitfleet.base.ids import is_name
from gitfleet.base.names import NodeId, SessionId
from gitfleet.claims import model
from gitfleet.claims.model import SHARED, Mode
from gitfleet.codec import FLAG, TEXT, WHOLE, Broken, Many, One, Record, Struct, Text, Whole, field, replace
from gitfleet.errors import Corrupt, FleetError
from gitfleet.ledger import format
from gitfleet.ledger.model import NODE_ID, Changes, View
from gitfleet.patterns.language import Pattern
from gitfleet.patterns.overlap import overlap
from gitfleet.patterns.resources import MOST_UNITS

ROOT = "tickets"
DEFAULT_PRIORITY = 50
WAITING_TTL = 600
"""Seconds that a ticket stands without a renewal of its session, as others watch it."""


class Want(Struct):
    """One path that is wanted: its pattern, the id that its claim will have, the mode.

    For a resource, `capacity` is how many units there are, as the session's clone knows it; 0 for a path.
    """

    pattern: str = field(TEXT)
    claim: str = field(model.ULID)
    mode: Mode = field(model.MODE)
    capacity: int = field(Whole(0, MOST_UNITS), default=0, omit=True)

    def check(self) -> None:
        """Raise Broken for a pattern that is none, a resource that is shared or without a capacity, and a path with one."""
        try:
            units = self.meant.units
        except FleetError as error:
            raise Broken(error.message, "pattern") from error
        if bool(units) != (self.capacity > 0):
            raise Broken("a capacity belongs to a resource, and to nothing else", "capacity")
        if units and self.mode == SHARED:
            raise Broken("no unit of a resource is shared", "mode")

    @property
    def meant(self) -> Pattern:
        """What it is on. Raises BadPattern, BadPath."""
        return model.parsed(self.pattern)

    @property
    def names(self) -> tuple[str, str]:
        """What is wanted and how, whatever else is said."""
        return self.pattern, self.mode


class TicketTerms(Struct):
    """What the claims will say that are made of a ticket, and whether its session's rules keep names apart that differ in case only."""

    ttl: int = field(WHOLE)
    reason: str = field(TEXT, default="")
    branch: str = field(TEXT, default="")
    case_sensitive: bool = field(FLAG, default=False)


class Ticket(Record):
    """One request that waits. `since` is the generation of its arrival, `terms` what its claims will say (ttl, …)."""

    KIND = "ticket"

    id: str = field(model.ULID)
    session: SessionId = field(Text[SessionId](64, valid=is_name))
    node: NodeId = field(NODE_ID)
    wants: tuple[Want, ...] = field(Many(One(Want), least=1), key="paths")
    since: int = field(WHOLE)
    priority: int = field(WHOLE)
    operation: str = field(TEXT)
    terms: TicketTerms = field(One(TicketTerms))
    nonce: str = field(TEXT, default="")

    @property
    def place(self) -> tuple[int, int, str]:
        """What the line is ordered by: priority first, then first come. Within one transaction, by id."""
        return -self.priority, self.since, self.id

    @property
    def exact_case(self) -> bool:
        """Whether its session's rules keep names apart that differ in case only."""
        return self.terms.case_sensitive

    @property
    def where(self) -> str:
        """Where it is filed."""
        return f"{ROOT}/{self.id}.json"


@lru_cache(maxsize=1024)  # see `model.parse`
def parse(data: bytes, where: str) -> Ticket:
    """The ticket in a record. Raises Corrupt, NewerFormat."""
    ticket = format.read(Ticket, data, where)
    if ticket.where != where:
        raise Corrupt(f"{where} in the ledger is not a ticket. It was left alone.", where=where)
    return ticket


def line(view: View) -> list[Ticket]:
    """All tickets that can be read, in the order in which they are served."""
    return sorted(
        (item for item in everything(view) if isinstance(item, Ticket)), key=lambda ticket: ticket.place
    )


def everything(view: View) -> Iterator[Ticket | FleetError]:
    """Every ticket, or the error about one that cannot be read."""
    for name, is_folder in view.names(ROOT):
        where = f"{ROOT}/{name}"
        if is_folder:
            continue
        try:
            yield parse(view.get(where) or b"", where)
        except FleetError as error:
            yield error


def put(ticket: Ticket) -> Changes:
    """The change that files a ticket."""
    return {ticket.where: canonical.dump(ticket.encode())}


def again(ticket: Ticket, wants: Sequence[Want]) -> Ticket:
    """The place of a session that asks for the same once more, with the capacities of resources as it knows them now."""
    now = {want.names: want.capacity for want in wants}
    return replace(ticket, wants=tuple(replace(want, capacity=now[want.names]) for want in ticket.wants))


def met(
    ticket: Ticket, pattern: Pattern, mode: str, *, case_sensitive: bool = False
) -> tuple[Want, str] | None:
    """The first wanted path of the ticket that a claim on `pattern` would keep from it, and a path that both match."""
    for want in ticket.wants:
        if want.mode == SHARED and mode == SHARED:
            continue
        found = overlap(want.meant, pattern, case_sensitive=case_sensitive)
        if found is not None:
            return want, found.witness
    return None


def of_session(tickets: Sequence[Ticket], session_id: str) -> list[Ticket]:
    """The tickets of one session."""
    return [ticket for ticket in tickets if ticket.session == session_id]
