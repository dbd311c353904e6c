"""A session of another clone that is ended by a person, since its machine is lost."""

from __future__ import annotations

from gitfleet.base import advice
from gitfleet.base.names import SessionId
from gitfleet.claims import dismissals
from gitfleet.claims.retained_claims import Ended
from gitfleet.clone import Clone
from gitfleet.errors import Conflict
from gitfleet.ledger.model import PERSON, Actor
from gitfleet.nodes.records import ALIVE
from gitfleet.sessions import session_records, session_rules


def dismiss(clone: Clone, person: SessionId, gone: SessionId, reason: str) -> Ended:
    """End it. Raises Conflict while its node is seen to be alive, or if the session has shown a sign of life by the time this is decided."""
    session_records.folder(gone)
    session = session_rules.required(clone.current().view, gone)
    with clone.peers() as peers:
        alive = session.node != clone.ledger.node.id and peers.judgement(session.node).liveness == ALIVE
    if alive:
        words = f"The session '{gone}' is not lost: its node {session.node} shows signs of life."
        hint = f"Ask it: {advice.TELL.of(gone)}."
        raise Conflict(words, hint=hint, conflicts=(session_rules.obstacle(session),))
    body = dismissals.Dismissal(gone, session.renewed, reason)
    return clone.ledger.request(dismissals.dismiss, Actor(PERSON, person), body)
