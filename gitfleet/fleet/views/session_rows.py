"""Sessions as rows: their records, and what is known of them now."""

from gitfleet.base import advice
from gitfleet.base.names import SessionId
from gitfleet.claims import model
from gitfleet.clone import Clone
from gitfleet.errors import FleetError, NoSession
from gitfleet.fleet.views import knowledge, records
from gitfleet.fleet.views.knowledge import Knowledge
from gitfleet.fleet.views.records import ClaimRecord, SessionRecord
from gitfleet.nodes import liveness
from gitfleet.nodes.liveness import Liveness, Word
from gitfleet.sessions import session_records
from gitfleet.sessions.session_records import Session


class SessionRow(SessionRecord):
    """A session with what is known of it now."""

    liveness: Word
    quiet_for: int | None
    """Seconds that its node has not moved while this one watched; null unless `quiet`."""
    orchestration_pattern: str


class SessionListAnswer(Knowledge):
    """`session` and `session list`."""

    sessions: list[SessionRow]
    """Those that started first come first."""


class SessionShowAnswer(Knowledge):
    """`session show`."""

    session: SessionRow
    claims: list[ClaimRecord]


def known(session: Session, liveness: Liveness) -> SessionRow:
    """A session as the ledger has it, with whether it is alive."""
    return {
        **records.session(session),
        "liveness": liveness.word,
        "quiet_for": liveness.quiet_for,
        "orchestration_pattern": session.pattern,
    }


def everyone(fleet: Clone) -> tuple[SessionListAnswer, list[str]]:
    """All sessions of the fleet; and warnings."""
    state, node = fleet.current(), fleet.ledger.node.id
    rows, warnings = [], []
    with fleet.peers() as peers:
        for item in session_records.everyone(state.view):
            if isinstance(item, FleetError):
                warnings.append(item.message)
            else:
                rows.append(known(item, liveness.liveness(item, node, peers)))
    rows.sort(key=lambda row: (row["started_at"], row["id"]))
    return {"sessions": rows, **knowledge.knowledge(state)}, [*warnings, *peers.warnings]


def one(fleet: Clone, session_id: SessionId) -> SessionShowAnswer:
    """One session and its claims. Raises NoSession, BadName, Corrupt, NewerFormat."""
    state = fleet.current()
    session = session_records.find(state.view, session_id)
    if session is None:
        raise NoSession(
            f"The fleet has no session '{session_id}' now.",
            hint=f"{advice.SESSIONS} shows those that are there; {advice.LOG_OF.of(session_id)} what it did.",
        )
    with fleet.peers() as peers:
        row = known(session, liveness.liveness(session, fleet.ledger.node.id, peers))
    held = [
        records.claim(item)
        for item in model.of_session(state.view, session_id)
        if isinstance(item, model.Claim)
    ]
    return {"session": row, "claims": held, **knowledge.knowledge(state)}
