"""A ticket as a record: a session's place in the waiting line for paths that others hold.

Pure. Tickets are filed together (`tickets/<id>.json`): a decision about the line reads them all, and there are as many
as there are sessions that wait. A ticket is a lease like a claim: it stands as long as its session renews.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from gitfleet.base import canonical
from gitfleet.base.ids import is_name, is_ulid
from gitfleet.claims import model
from gitfleet.claims.model import SHARED
from gitfleet.errors import Corrupt, FleetError
from gitfleet.ledger import format
from gitfleet.ledger.model import FORMAT, View
from gitfleet.patterns.language import Pattern
from gitfleet.patterns.overlap import overlap

ROOT = "tickets"
DEFAULT_PRIORITY = 50
WAITING_TTL = 600
"""Seconds that a ticket stands without a renewal of its session, as others watch it."""


class Want(NamedTuple):
    """One path that is wanted: its pattern, the id that its claim will have, the mode.

    For a resource, `capacity` is how many units there are, as the session's clone knows it; 0 for a path.
    """

    pattern: str
    claim: str
    mode: str
    capacity: int = 0

    @property
    def names(self) -> tuple[str, str]:
        """What is wanted and how, whatever else is said."""
        return self.pattern, self.mode

    def as_record(self) -> dict[str, Any]:
        """As it is written into the ledger: `capacity` is younger than the format, and left out for paths."""
        known = self._asdict()
        return known if self.capacity else {name: known[name] for name in ("pattern", "claim", "mode")}


@dataclass(frozen=True, slots=True)
class Ticket:
    """One request that waits. `since` is the generation of its arrival, `terms` what its claims will say (ttl, …)."""

    id: str
    session: str
    node: str
    wants: tuple[Want, ...]
    since: int
    priority: int
    operation: str
    terms: Mapping[str, Any]

    def as_record(self) -> dict[str, Any]:
        """As it is written into the ledger."""
        return {
            "v": FORMAT,
            "kind": "ticket",
            "id": self.id,
            "nonce": self.operation,
            "session": self.session,
            "node": self.node,
            "paths": [want.as_record() for want in self.wants],
            "since": self.since,
            "priority": self.priority,
            "operation": self.operation,
            "terms": dict(self.terms),
        }

    @property
    def place(self) -> tuple[int, int, str]:
        """What the line is ordered by: priority first, then first come. Within one transaction, by id."""
        return -self.priority, self.since, self.id

    @property
    def exact_case(self) -> bool:
        """Whether its session's rules keep names apart that differ in case only."""
        return self.terms.get("case_sensitive") is True

    @property
    def where(self) -> str:
        """Where it is filed."""
        return f"{ROOT}/{self.id}.json"


@lru_cache(maxsize=1024)  # see `model.parse`
def parse(data: bytes, where: str) -> Ticket:
    """The ticket in a record. Raises Corrupt, NewerFormat."""
    raw = format.record(data, where, "ticket")
    try:
        wants = tuple(
            Want(str(row["pattern"]), str(row["claim"]), str(row["mode"]), int(row.get("capacity", 0)))
            for row in raw["paths"]
        )
        ticket = Ticket(
            id=str(raw["id"]), session=str(raw["session"]), node=str(raw["node"]), wants=wants, since=int(raw["since"]),
            priority=int(raw["priority"]), operation=str(raw["operation"]), terms=dict(raw["terms"]),
        )  # fmt: skip
        of_resources = [bool(model.parsed(want.pattern).units) for want in wants]
        sound = is_ulid(ticket.id) and is_name(ticket.session) and ticket.where == where and bool(wants)
        sound = sound and of_resources == [want.capacity > 0 for want in wants]
        sound = sound and all(want.mode in model.MODES and is_ulid(want.claim) for want in wants)
    except (KeyError, TypeError, ValueError, FleetError) as error:
        raise Corrupt(f"{where} in the ledger is not a ticket. It was left alone.", where=where) from error
    if not sound:
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


def as_bytes(record: Mapping[str, Any]) -> bytes:
    """A ticket's record as it is filed."""
    return canonical.dump(record)


def put(ticket: Ticket) -> dict[str, bytes | None]:
    """The change that files a ticket."""
    return {ticket.where: as_bytes(ticket.as_record())}


def again(ticket: Ticket, wants: Sequence[Want]) -> Ticket:
    """The place of a session that asks for the same once more, with the capacities of resources as it knows them now."""
    now = {want.names: want.capacity for want in wants}
    return replace(ticket, wants=tuple(want._replace(capacity=now[want.names]) for want in ticket.wants))


def met(
    ticket: Ticket, pattern: Pattern, mode: str, *, case_sensitive: bool = False
) -> tuple[Want, str] | None:
    """The first wanted path of the ticket that a claim on `pattern` would keep from it, and a path that both match."""
    for want in ticket.wants:
        if want.mode == SHARED and mode == SHARED:
            continue
        found = overlap(model.parsed(want.pattern), pattern, case_sensitive=case_sensitive)
        if found is not None:
            return want, found.witness
    return None


def of_session(tickets: Sequence[Ticket], session_id: str) -> list[Ticket]:
    """The tickets of one session."""
    return [ticket for ticket in tickets if ticket.session == session_id]
