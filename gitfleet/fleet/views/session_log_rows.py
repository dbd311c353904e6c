"""The log of one session as rows."""

from __future__ import annotations

from gitfleet.base import advice
from gitfleet.base.names import SessionId
from gitfleet.errors import NoSession
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views.knowledge import Knowledge, knowledge
from gitfleet.nodes import details, log_tails
from gitfleet.nodes.details import WantedTail
from gitfleet.sessions import session_records
from gitfleet.sessions.local import LocalSessions
from gitfleet.trunk import position


class SessionLogAnswer(Knowledge):
    """The end of a session's log, as `log_tail` in `status` has it."""

    session: SessionId
    node: str
    log_tail: list[str]
    """Its last lines, safe to show; empty where it has no log. Of another node's session what that has sent: at most 50."""


def look(fleet: Fleet, session_id: SessionId, lines: int) -> tuple[SessionLogAnswer, list[str]]:
    """The last `lines` lines of a session's log; and warnings. No network. Raises NoSession, BadName, Corrupt, NewerFormat."""
    state, node = fleet.current(), fleet.ledger.node
    session = session_records.find(state.view, session_id)
    if session is None:
        words = f"The fleet has no session '{session_id}' now."
        raise NoSession(words, hint=f"{advice.SESSIONS} shows those that are there.", candidates=())
    warnings: list[str] = []
    if session.node == node.id:
        wanted = WantedTail(lines=lines)
        told, warnings = details.gather(
            fleet.repository,
            fleet.ledger,
            [session],
            wanted,
            lambda: position.tip(fleet.repository.git, node),
        )
        detail = told.get(session.id)
    else:
        with fleet.peers() as peers:
            detail = peers.detail(session.node, session.id)
            warnings = list(peers.warnings)
    tail = log_tails.shown(detail.log_tail, lines) if detail else []
    return {"session": session.id, "node": session.node, "log_tail": tail, **knowledge(state)}, warnings


def tail(fleet: Fleet, session_id: SessionId, lines: int) -> list[str]:
    """Only the lines, for who shows them often: no process. Empty where there is no log, or no such session. Raises as `look`."""
    session = session_records.find(fleet.current().view, session_id)
    if session is None:
        return []
    if session.node == fleet.ledger.node.id:
        here = LocalSessions(fleet.ledger.state).get(session.id)
        raw = log_tails.read(here.log, lines) if here and here.log else None
    else:
        with fleet.peers() as peers:
            detail = peers.detail(session.node, session.id)
        raw = detail.log_tail if detail else None
    return log_tails.shown(raw or "", lines)
