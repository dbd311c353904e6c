"""What a session does when the waiting line has come to it, or should not: it takes up what it was given, or leaves. Pure.

How the line moves is in `line`, how a session comes to stand in it in `rules`.
"""

from __future__ import annotations

from dataclasses import replace

from gitfleet.base.text import one_line
from gitfleet.claims import line, model, retained_claims, tickets
from gitfleet.claims.model import Claim
from gitfleet.ledger.model import Accepted, Decision, Operation, View
from gitfleet.sessions import rules as session_rules

Changes = dict[str, bytes | None]


def taken_up(claim: Claim, operation: Operation) -> Claim:
    """A claim that the line gave, once its session has it in hand: its age counts from then on."""
    moment = str(operation.body.get("uptime", ""))
    return replace(claim, accept_within=0, granted_at=operation.at, uptime=moment)


def accept(view: View, operation: Operation, generation: int) -> Decision:
    """`claim.accept`: the session takes up what the waiting line gave it; `claims` lists the ids."""
    del generation
    session = session_rules.own(view, operation)
    wanted = {str(item) for item in operation.body["claims"]}
    mine = [c for c in model.of_session(view, session.id) if isinstance(c, Claim) and c.id in wanted]
    taken = [taken_up(claim, operation) for claim in mine]
    changes: Changes = {}
    for claim in taken:
        changes |= model.put(claim)
    where, data = session_rules.renewed(session, operation)
    changes[where] = data
    what = ", ".join(claim.pattern for claim in taken) or "nothing"
    return Accepted(
        changes,
        {"accepted": [claim.as_record() for claim in taken]},
        one_line(f"{session.id} takes up {what}"),
    )


def leave(view: View, operation: Operation, generation: int) -> Decision:
    """`ticket.leave`: the session gives up its places in the waiting line (`tickets` lists ids, None: all)."""
    session = session_rules.own(view, operation)
    wanted = operation.body.get("tickets")
    mine = tickets.of_session(tickets.line(view), session.id)
    going = [ticket for ticket in mine if wanted is None or ticket.id in wanted]
    changes: Changes = {ticket.where: None for ticket in going}
    changes, served = line.serve(view, changes, generation, operation.at)
    answer = {"left": [t.as_record() for t in going], "served": [claim.as_record() for claim in served]}
    return Accepted(changes, answer, one_line(f"{session.id} leaves the line{retained_claims.given(served)}"))
