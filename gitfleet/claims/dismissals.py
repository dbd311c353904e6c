"""Sessions of a machine that is lost, ended by a person of another clone. Pure.

Only its own clone knows whether a session is alive, so nobody else ends one unasked. A person may know better: that a clone was
deleted, that a laptop was stolen. What the session held is free then, but for what its branches retain. Where the person was wrong,
nothing of the session's work is harmed: its commits are checked against the claims that it no longer has, and it starts anew.
"""

from __future__ import annotations

from gitfleet.base import advice
from gitfleet.base.names import SessionId
from gitfleet.base.text import counted, one_line
from gitfleet.claims import model, waiting_line
from gitfleet.claims.retained_claims import Ended, ending, retaining
from gitfleet.codec import TEXT, WHOLE, Struct, field
from gitfleet.errors import Conflict, PolicyRefused, UsageError
from gitfleet.ledger.model import SESSION_ID, Accepted, Operation, View
from gitfleet.ledger.operations import BY_PERSONS, Decision, operation
from gitfleet.sessions import session_rules


class Dismissal(Struct):
    """Which session is to end, and why. `renewed`: only if it has shown no sign of life since it had this count of them."""

    gone: SessionId = field(SESSION_ID)
    renewed: int = field(WHOLE)
    reason: str = field(TEXT)


@operation(
    "session.dismiss",
    body=Dismissal,
    answer=Ended,
    actors=BY_PERSONS,
    paths=model.of_answer(lambda told: told.released),
)
def dismiss(view: View, operation: Operation, body: Dismissal, generation: int) -> Decision[Ended]:
    """`session.dismiss`: a person ends a session of another node, with a `reason`; its claims go, but for those that are retained.

    Raises PolicyRefused for who is no person, NoSession, UsageError for a session of the own node or without a reason,
    Conflict where the session has shown a sign of life meanwhile.
    """
    person, session = session_rules.own(view, operation), session_rules.required(view, body.gone)
    reason = body.reason.strip()
    if not person.person:
        raise PolicyRefused(
            "Only a person may end a session of another clone.", hint="Ask your user, and take other work."
        )
    if not reason:
        raise UsageError("Ending a session of another clone needs a reason.", hint="Say it: `--reason TEXT`.")
    if session.node == operation.node:
        words = f"The session '{session.id}' is one of this clone."
        raise UsageError(words, hint=f"End it without `--lost`: {advice.END.of(session.id)}.")
    if session.renewed != body.renewed:
        words = f"The session '{session.id}' has just shown a sign of life, so its machine is not lost."
        raise Conflict(words, hint=f"See {advice.SESSIONS}.", conflicts=(session_rules.obstacle(session),))
    kept = [claim for claim in model.held_by(view, session.id) if claim.retained]
    changes, answer = ending(view, operation, session, kept, generation)
    released = f"releasing {counted(len(answer.released), 'claim')}{retaining(kept)}{waiting_line.given(answer.served)}"
    subject = f"{person.id} ends session {session.id} of node {session.node}, {released}: {reason}"
    return Accepted(changes, answer, one_line(subject))


KINDS = (dismiss,)
