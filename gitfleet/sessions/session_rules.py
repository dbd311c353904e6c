"""How the ledger changes when sessions start and go on. Pure.

The end of a session releases its claims, and its start may take up claims that were left; these rules are with the claims.
"""

from __future__ import annotations

from gitfleet.base import advice, canonical
from gitfleet.base.text import one_line
from gitfleet.codec import FLAG, WHOLE, Maybe, One, Struct, Text, changed, field, replace
from gitfleet.errors import Conflict, NoSession
from gitfleet.ledger.model import Accepted, Answer, Changes, Operation, Refused, View
from gitfleet.ledger.operations import Decision, operation
from gitfleet.obstacles import Obstacle
from gitfleet.sessions import session_records
from gitfleet.sessions.session_records import Session

_SAID = Text[str](session_records.MAX_TEXT, cut=True)


class Process(Struct):
    """The process that a session lives with, as far as its caller knows."""

    pid: int = field(WHOLE, default=0)
    start: int = field(WHOLE, default=0)

    @classmethod
    def of(cls, session: Session) -> Process:
        """That of a session."""
        return cls(session.pid, session.start)


class StartFacts(Struct):
    """The facts of a session that starts (see `Session`); what is None stays as it is known.

    `resume`: it may be one that goes on, and `was` the process that this lived with.
    """

    worktree: str = field(_SAID)
    branch: str | None = field(Maybe(_SAID), default=None, omit=True)
    base: str | None = field(Maybe(_SAID), default=None, omit=True)
    agent: str | None = field(Maybe(_SAID), default=None, omit=True)
    command: str | None = field(Maybe(_SAID), default=None, omit=True)
    pid: int | None = field(Maybe(WHOLE), default=None, omit=True)
    start: int | None = field(Maybe(WHOLE), default=None, omit=True)
    boot: str | None = field(Maybe(_SAID), default=None, omit=True)
    namespace: int | None = field(Maybe(WHOLE), default=None, omit=True)
    user: str | None = field(Maybe(_SAID), default=None, omit=True)
    title: str | None = field(Maybe(_SAID), default=None, omit=True)
    orchestrator: str | None = field(Maybe(_SAID), default=None, omit=True)
    pattern: str | None = field(Maybe(_SAID), default=None, omit=True)
    log: str | None = field(Maybe(_SAID), default=None, omit=True)

    person: bool = field(FLAG, default=False, omit=True)
    resume: bool = field(FLAG, default=False, omit=True)
    was: Process | None = field(Maybe(One(Process)), default=None, omit=True)

    def facts(self) -> dict[str, object]:
        """Those that were told, by name."""
        values = {one.name: getattr(self, one.name) for one in StartFacts.FIELDS}
        return {name: values[name] for name in values if name not in _APART and values[name] is not None}


_APART = frozenset(["person", "resume", "was"])


class Renewed(Answer):
    """The session as it is now."""

    session: Session = field(One(Session))


def start(view: View, operation: Operation, body: StartFacts) -> Accepted[Renewed] | Refused:
    """Start a session, or have it go on in the same node. One whose own process says so again, having not heard the answer, goes on.

    Refused (Conflict) when another session has that id, or somebody else has taken it up since.
    """
    present = session_records.find(view, operation.session)
    facts = body.facts()
    if present is None:
        session = Session(
            id=operation.session, node=operation.node, worktree=body.worktree, nonce=operation.nonce, started_at=operation.at,
            renewed_at=operation.at, uptime=operation.timing.uptime, person=body.person,
        )  # fmt: skip
        session = changed(session, facts)
        subject = f"session {session.id} starts" + (
            f" ({one_line(session.agent, 40)})" if session.agent else ""
        )
        return _accepted(session, subject)
    taken_up = body.was is not None and body.was != Process.of(present)
    may = (body.resume and not taken_up) or _is_its_own(present, body)
    if present.node != operation.node or not may:
        error = Conflict(
            f"The session '{operation.session}' exists already, on node {present.node}.",
            hint="Choose another id, or leave `--id` out to get a new one.",
            conflicts=(obstacle(present),),
        )
        return Refused(error)
    return _accepted(_renewed(changed(present, facts), operation), f"session {present.id} goes on")


def _is_its_own(present: Session, body: StartFacts) -> bool:
    """Whether it is the session's own process that starts it."""
    told = (body.pid, body.start, body.boot, body.namespace or 0)
    return bool(body.pid) and told == (present.pid, present.start, present.boot, present.namespace or 0)


class Renew(Struct):
    """`regrant`: claims that had lapsed or grown too old come back, also if the last renewal was just now; `accept`: what the
    waiting line gave is taken up.
    """

    regrant: bool = field(FLAG, default=False, omit=True)
    accept: bool = field(FLAG, default=False, omit=True)


@operation("session.renew", body=Renew, answer=Renewed)
def renew(view: View, operation: Operation, body: Renew, generation: int) -> Decision[Renewed]:
    """`session.renew`: all claims of the session count as renewed now."""
    del generation, body
    session = own(view, operation)
    return _accepted(_renewed(session, operation), f"session {session.id} renewed")


def required(view: View, session_id: str) -> Session:
    """The session, or NoSession."""
    session = session_records.find(view, session_id)
    if session is None:
        raise NoSession(
            f"The fleet has no session '{session_id}' (it may have ended).",
            hint=f"Start it: {advice.START_AS.of(session_id)}. Or act for another: see {advice.SESSIONS}.",
        )
    return session


def recipient(view: View, session_id: str) -> Session:
    """The session that something is for, or NoSession."""
    try:
        return required(view, session_id)
    except NoSession as error:
        raise error.again(hint=f"See who is there: {advice.SESSIONS}.") from error


def own(view: View, operation: Operation) -> Session:
    """The session that the operation is for, which must be one of the operation's own node. Raises NoSession, Conflict."""
    return of_node(view, operation.session, operation.node)


def of_node(view: View, session_id: str, node: str) -> Session:
    """The session, which must be one of that node. Raises NoSession, Conflict.

    Only its own node knows whether it is alive, and its lease is measured by that node's clock.
    """
    session = required(view, session_id)
    if session.node != node:
        raise Conflict(
            f"The session '{session.id}' is at work on node {session.node}, and this is node {node}.",
            hint=f"Act for a session of this clone: see {advice.SESSIONS}.",
            conflicts=(obstacle(session),),
        )
    return session


def obstacle(session: Session) -> Obstacle:
    """A session that is in the way itself."""
    return Obstacle(session=session.id, node=session.node, agent=session.agent, title=session.title)


def renewed(session: Session, operation: Operation) -> Changes:
    """The change that renews the session's lease."""
    return {session_records.path(session.id): canonical.dump(_renewed(session, operation))}


def _renewed(session: Session, operation: Operation) -> Session:
    return replace(
        session, renewed=session.renewed + 1, renewed_at=operation.at, uptime=operation.timing.uptime
    )


def _accepted(session: Session, subject: str) -> Accepted[Renewed]:
    return Accepted({session_records.path(session.id): canonical.dump(session)}, Renewed(session), subject)


KINDS = (renew,)
