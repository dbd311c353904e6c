"""How the ledger changes when sessions start, go on, and change. Pure.

The end of a session releases its claims; that rule is with the claims.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gitfleet.base.text import one_line
from gitfleet.errors import Conflict, NoSession
from gitfleet.ledger.model import Accepted, Decision, Operation, Refused, View
from gitfleet.sessions import model
from gitfleet.sessions.model import Session

CHANGEABLE = frozenset(
    [
        "branch",
        "base",
        "agent",
        "command",
        "pid",
        "start",
        "boot",
        "namespace",
        "title",
        "orchestrator",
        "pattern",
        "log",
        "worktree",
        "user",
    ]
)


def start(view: View, operation: Operation, generation: int) -> Decision:
    """`session.start`: body is the session's fields, and `resume` when the same node goes on with the same id.

    `was` names the process (pid, start) that the session lived with as far as the caller knows. Refused (Conflict)
    when another session has that id, or somebody else has taken it up since.
    """
    del generation
    present = model.find(view, operation.session)
    facts = _facts(operation)
    if present is None:
        session = Session(
            id=operation.session, node=operation.node, nonce=operation.nonce, started_at=operation.at,
            renewed_at=operation.at, uptime=str(operation.body.get("uptime", ""))[:128],
            person=operation.body.get("person") is True, **facts,
        )  # fmt: skip
        subject = f"session {session.id} starts" + (
            f" ({one_line(session.agent, 40)})" if session.agent else ""
        )
        return _accepted(session, subject)
    was = operation.body.get("was", {"pid": present.pid, "start": present.start})
    taken_up = was != {"pid": present.pid, "start": present.start}
    if present.node != operation.node or operation.body.get("resume") is not True or taken_up:
        error = Conflict(
            f"The session '{operation.session}' exists already, on node {present.node}.",
            hint="Choose another id, or leave `--id` out to get a new one.",
            conflicts=[
                {"session": present.id, "node": present.node, "agent": present.agent, "title": present.title}
            ],
        )
        return Refused(error)
    return _accepted(_renewed(replace(present, **facts), operation), f"session {present.id} goes on")


def renew(view: View, operation: Operation, generation: int) -> Decision:
    """`session.renew`: all its claims count as renewed now."""
    del generation
    session = own(view, operation)
    return _accepted(_renewed(session, operation), f"session {session.id} renewed")


def change(view: View, operation: Operation, generation: int) -> Decision:
    """`session.change`: new values for some of its facts."""
    del generation
    session = own(view, operation)
    return _accepted(
        _renewed(replace(session, **_facts(operation)), operation), f"session {session.id} changed"
    )


def required(view: View, session_id: str) -> Session:
    """The session, or NoSession."""
    session = model.find(view, session_id)
    if session is None:
        raise NoSession(
            f"The fleet has no session '{session_id}' (it may have ended).",
            hint=f"Start it: `gitfleet session start --id {session_id}`. Or act for another: see `gitfleet session list`.",
            candidates=[],
        )
    return session


def recipient(view: View, session_id: str) -> Session:
    """The session that something is for, or NoSession."""
    try:
        return required(view, session_id)
    except NoSession as error:
        hint = "See who is there: `gitfleet session list`."
        raise NoSession(error.message, hint=hint, candidates=[]) from error


def own(view: View, operation: Operation) -> Session:
    """The session that the operation is for, which must be one of the operation's own node. Raises NoSession, Conflict.

    Only its own node knows whether it is alive, and its lease is measured by that node's clock.
    """
    session = required(view, operation.session)
    if session.node != operation.node:
        raise Conflict(
            f"The session '{session.id}' is at work on node {session.node}, and this is node {operation.node}.",
            hint="Act for a session of this clone: see `gitfleet session list`.",
            conflicts=[
                {"session": session.id, "node": session.node, "agent": session.agent, "title": session.title}
            ],
        )
    return session


def renewed(session: Session, operation: Operation) -> tuple[str, bytes]:
    """The session's record with its lease renewed, as a change."""
    return model.path(session.id), _renewed(session, operation).as_bytes()


def _renewed(session: Session, operation: Operation) -> Session:
    moment = str(operation.body.get("uptime", ""))[:128]
    return replace(session, renewed=session.renewed + 1, renewed_at=operation.at, uptime=moment)


def _facts(operation: Operation) -> dict[str, Any]:
    sample = Session(id="", node="", worktree="")
    facts = {}
    for name in CHANGEABLE & operation.body.keys():
        value = operation.body[name]
        if type(value) is not type(getattr(sample, name)):
            raise ValueError(f"{name} has the wrong type")
        facts[name] = value[: model.MAX_TEXT] if isinstance(value, str) else value
    return facts


def _accepted(session: Session, subject: str) -> Accepted:
    return Accepted({model.path(session.id): session.as_bytes()}, {"session": session.as_record()}, subject)


RULES = {"session.start": start, "session.renew": renew, "session.change": change}
