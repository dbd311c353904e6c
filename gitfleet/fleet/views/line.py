"""The waiting line as rows."""

from typing import TypedDict

from gitfleet.base.names import SessionId
from gitfleet.claims import tickets, waiting_line
from gitfleet.claims.tickets import Ticket
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import records
from gitfleet.fleet.views.knowledge import Knowledge, knowledge
from gitfleet.fleet.views.records import TicketRecord
from gitfleet.fleet.views.rows import encoded


class BlockerRow(TypedDict):
    """One reason why a ticket waits."""

    wanted: str
    session: SessionId
    """Who holds it, or waits for it before; empty when the record cannot be read."""
    held: str
    witness: str
    """A path that both match."""
    ticket: str
    """The ticket that stands before; empty for a claim."""


class TicketRow(TicketRecord):
    """A place in the waiting line, and what keeps it waiting."""

    place: int
    """1 is first."""
    blocked_by: list[BlockerRow]


class LineAnswer(Knowledge):
    """`waiting`."""

    tickets: list[TicketRow]
    """First place first."""
    left: int
    """With `--leave`: how many places were given up."""


def waiting(fleet: Fleet, *, left: int = 0) -> tuple[LineAnswer, list[str]]:
    """The line as it stands, and warnings; `left` is how many places were given up just now."""
    state = fleet.current()
    standing = tickets.line(state.view)
    rows: list[TicketRow] = [
        {
            **records.ticket(ticket),
            "place": number,
            "blocked_by": [
                encoded(BlockerRow, item) for item in waiting_line.blockers(state.view, standing, ticket)
            ],
        }
        for number, ticket in enumerate(standing, start=1)
    ]
    broken = [item.message for item in tickets.everything(state.view) if not isinstance(item, Ticket)]
    return {"tickets": rows, "left": left, **knowledge(state)}, broken
