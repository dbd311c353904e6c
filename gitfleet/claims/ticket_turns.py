"""What a session does when the waiting line has come to it, or should not: it takes up what it was given, or leaves. Pure.

How the line moves is in `waiting_line`, how a session comes to stand in it in `rules`.
"""

from __future__ import annotations

from gitfleet.base.text import one_line
from gitfleet.claims import model, tickets, waiting_line
from gitfleet.claims.model import CLAIMS, PATTERNS, Claim
from gitfleet.claims.tickets import Ticket
from gitfleet.codec import Many, Maybe, One, Struct, field
from gitfleet.ledger.model import Accepted, Answer, Changes, Operation, View
from gitfleet.ledger.operations import Decision, operation
from gitfleet.sessions import session_rules


class Collect(Struct):
    """The ids of the claims that are taken up."""

    claims: tuple[str, ...] = field(PATTERNS)


class Collected(Answer):
    """Those that were still there."""

    accepted: tuple[Claim, ...] = field(CLAIMS)


class Leave(Struct):
    """The ids of the tickets that are given up; None: all."""

    tickets: tuple[str, ...] | None = field(Maybe(PATTERNS), default=None)


class Left(Answer):
    """The tickets that were given up, and what others got by that."""

    left: tuple[Ticket, ...] = field(Many(One(Ticket)))
    served: tuple[Claim, ...] = field(CLAIMS)


@operation(
    "ticket.collect", body=Collect, answer=Collected, paths=model.of_answer(lambda told: told.accepted)
)
def collect(view: View, operation: Operation, body: Collect, generation: int) -> Decision[Collected]:
    """`ticket.collect`: the session takes up what the waiting line gave it."""
    del generation
    session = session_rules.own(view, operation)
    mine = [c for c in model.held_by(view, session.id) if c.id in body.claims]
    taken = [waiting_line.taken_up(claim, operation) for claim in mine]
    changes: Changes = {}
    changes |= model.put(*taken)
    changes |= session_rules.renewed(session, operation)
    what = ", ".join(claim.pattern for claim in taken) or "nothing"
    return Accepted(changes, Collected(tuple(taken)), one_line(f"{session.id} takes up {what}"))


@operation("ticket.leave", body=Leave, answer=Left)
def leave(view: View, operation: Operation, body: Leave, generation: int) -> Decision[Left]:
    """`ticket.leave`: the session gives up places in the waiting line."""
    session = session_rules.own(view, operation)
    mine = tickets.of_session(tickets.line(view), session.id)
    going = [ticket for ticket in mine if body.tickets is None or ticket.id in body.tickets]
    changes: Changes = {ticket.where: None for ticket in going}
    changes, served = waiting_line.serve(view, changes, generation, operation.at)
    answer = Left(tuple(going), tuple(served))
    return Accepted(changes, answer, one_line(f"{session.id} leaves the line{waiting_line.given(served)}"))


KINDS = (collect, leave)
