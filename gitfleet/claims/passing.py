"""Claims that pass from one session to another of the same worktree, in the transaction in which one of them begins or ends. Pure.

What lies in a worktree is committed by whoever works there. So what a person claims there for that passes to the session
that begins beside it, and what an ended session would leave with its worktree to the one that goes on there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gitfleet.claims import handover, model, tickets
from gitfleet.claims.model import Claim
from gitfleet.ledger.model import Changes, Operation, View
from gitfleet.ledger.overlay import Overlay
from gitfleet.patterns import language
from gitfleet.sessions import session_records
from gitfleet.sessions.session_records import Session


def of_persons(view: View, patterns: Iterable[str], to: Session) -> list[Claim]:
    """The claims on exactly these patterns that persons of the worktree of `to` hold."""
    found = []
    for pattern in [one for text in patterns for one in language.parse(text)]:
        for claim in model.at(view, pattern.prefix_key):
            if isinstance(claim, Claim) and claim.pattern == pattern.text:
                holder = session_records.find(view, claim.session)
                found += [claim] if holder and holder.person and is_beside(holder, to) else []
    return found


def is_beside(one: Session, other: Session) -> bool:
    """Whether two sessions work in one worktree."""
    return one.id != other.id and (one.node, one.worktree) == (other.node, other.worktree)


def passed(
    view: View, claims: Sequence[Claim], to: Session, operation: Operation, generation: int
) -> tuple[Changes, list[Claim]]:
    """The changes by which `claims` are the session's, each with a new token, and the claims as they are then.

    Nothing, where it stands in line, or where anybody has what they would meet: then who holds them keeps them.
    """
    changes: Changes = {}
    for claim in claims:
        changes |= model.drop(view, operation.at, claim)
    mine = [handover.moved(claim, to, operation, generation) for claim in claims]
    changes |= model.put(*mine)
    after = Overlay(view, changes)
    if tickets.of_session(tickets.line(view), to.id) or any(handover.in_the_way(after, one) for one in mine):
        return {}, []
    changes |= handover.other_offers(view, mine)
    return changes, mine
