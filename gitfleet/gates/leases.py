"""Runs that are under way, as leases in the ledger: so that no two nodes run the same, and never more at once than a part bears.

Pure. A lease (`gates/runs/<id>.json`) saves work and decides nothing: a verdict counts whoever made it. Its runner counts up
`renewed` while it runs. One that another node has watched standing still for its time (`watching`), on its own clock, is
taken away by whoever wants its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from gitfleet.base import canonical
from gitfleet.base.identity import ProcessIdentity
from gitfleet.base.ids import is_ulid
from gitfleet.base.names import NodeId, Oid, SessionId
from gitfleet.base.statefile import PROCESS
from gitfleet.base.text import counted, display, one_line
from gitfleet.codec import WHOLE, Broken, Many, One, Record, Struct, Table, Text, Whole, field, replace
from gitfleet.errors import Conflict, PolicyRefused, Queued
from gitfleet.gates.model import BY_SESSION, FAILED, GATE_OID, PASSED, PUBLISHER, GateSubject, Publisher
from gitfleet.gates.standing import standing
from gitfleet.ledger import filing, format
from gitfleet.ledger.model import (
    NODE,
    NODE_ID,
    PERSON,
    SESSION,
    SESSION_ID,
    Accepted,
    Answer,
    Changes,
    Operation,
    Refused,
    View,
)
from gitfleet.ledger.operations import Decision, operation
from gitfleet.obstacles import RunAhead

RUNS = "gates/runs"
MOST_RUNS = 500
TTL = 180
"""Seconds that a lease lives without a renewal. Runners renew three times as often."""
WHO = (SESSION, PERSON, NODE)
_ID = Text[str](26, valid=is_ulid)


class GateLease(Record):
    """One run that is under way: of the subject with this `key` and `line`, whose, and since when by the clock of its node.

    `process` is the runner's, for its own node.
    """

    KIND: ClassVar[str] = "gaterun"

    id: str = field(_ID)
    key: str = field(Text[str](64))
    line: str = field(Text[str](64))
    by: Publisher = field(PUBLISHER)
    node: NodeId = field(NODE_ID)
    at: int = field(WHOLE)
    session: SessionId = field(SESSION_ID, default=SessionId(""), omit=True)
    part: str = field(Text[str](64), default="", omit=True)
    commit: Oid = field(GATE_OID, default=Oid(""), omit=True)
    tree: Oid = field(GATE_OID, default=Oid(""), omit=True)
    ttl: int = field(Whole(30, 86400), default=TTL)
    renewed: int = field(WHOLE, default=0)
    process: ProcessIdentity | None = field(PROCESS, default=None)

    def as_bytes(self) -> bytes:
        """The record's canonical bytes."""
        return canonical.dump(self.encode())

    @property
    def who(self) -> str:
        """Whose run it is, in words."""
        whose = f"session {self.session}" if self.session else f"the {self.by}" if self.by != "ci" else "CI"
        return f"{display(whose)} on node {display(self.node)}"


def running(view: View) -> Iterator[GateLease]:
    """The runs that are under way, the oldest first. One that cannot be read is passed over."""
    yield from filing.readable(view, GateLease, RUNS)


def lease_path(id_: str) -> str:
    """Where a lease is filed."""
    return f"{RUNS}/{id_}.json"


class TakeGate(Struct):
    """What is to be run, and where. `capacity`: how many of its command may run at once in the fleet (0: any number).

    `trust`: whose verdict would do instead. `gone` has the leases that are over, each with its counter as it was seen.
    """

    subject: GateSubject = field(One(GateSubject))
    by: Publisher = field(PUBLISHER)
    commit: Oid = field(GATE_OID, default=Oid(""))
    tree: Oid = field(GATE_OID, default=Oid(""))
    capacity: int = field(Whole(0, 10**6), default=0)
    trust: tuple[Publisher, ...] = field(Many(PUBLISHER, most=3), default=())
    gone: Mapping[str, int] = field(Table(WHOLE), default={}, omit=True)
    ttl: int = field(Whole(30, 86400), default=TTL)
    process: ProcessIdentity | None = field(PROCESS, default=None)

    def check(self) -> None:
        """Raise Broken for more leases than there can be."""
        if len(self.gone) > 2 * MOST_RUNS:
            raise Broken("fewer were expected", "gone")


class GateTaken(Answer):
    """The lease; "" where the verdict is known already, and nothing is to be run."""

    lease: str = field(Text[str](26))


@operation("gate.take", body=TakeGate, answer=GateTaken, actors=WHO)
def take(view: View, operation: Operation, body: TakeGate, generation: int) -> Decision[GateTaken]:
    """`gate.take`: a run begins. Raises Queued where the same is being run, or as many as may are."""
    del generation
    demand_own_name(operation, body.by)
    subject = body.subject
    if standing(view, subject, body.trust).word in {PASSED, FAILED}:
        return Accepted({}, GateTaken(""), "a run of a gate is not needed: its verdict is known")
    changes: Changes = {}
    live = []
    for one in running(view):
        if body.gone.get(one.id) == one.renewed:
            changes[lease_path(one.id)] = None
        else:
            live.append(one)
    full = in_the_way(live, subject, body.capacity)
    if full is not None:
        return Refused(full)
    if len(live) >= MOST_RUNS:
        return Refused(_queued("More runs are under way than the fleet keeps:", live[:10]))
    lease = GateLease(
        operation.id, subject.key, subject.line, body.by, operation.node, operation.at, session=operation.session,
        part=subject.part, commit=body.commit, tree=body.tree, ttl=body.ttl, process=body.process,
    )  # fmt: skip
    changes[lease_path(lease.id)] = lease.as_bytes()
    name = f" ({display(subject.part)})" if subject.part else ""
    words = f"gate{name} begins on tree {body.tree[:12] or '?'}, run by {body.by}"
    return Accepted(changes, GateTaken(lease.id), one_line(words))


def in_the_way(live: Sequence[GateLease], subject: GateSubject, capacity: int) -> Queued | None:
    """Why a run may not begin beside those that are under way: the same is being run, or as many as may are; None where it may. Pure."""
    same = [one for one in live if one.key == subject.key]
    if same:
        return _queued("The same is being run by", same)
    beside = [one for one in live if one.line == subject.line]
    if capacity and len(beside) >= capacity:
        return _queued(f"{counted(capacity, 'run')} of this at once, and so many are under way:", beside)
    return None


def _queued(words: str, ahead: list[GateLease]) -> Queued:
    who = ", ".join(one.who for one in ahead)
    rows = tuple(RunAhead(one.id, one.node, one.session, one.by, one.part, one.at) for one in ahead)
    hint = "Try again when it has ended; a runner that has died is passed over after three minutes."
    return Queued(f"{words} {who}.", hint=hint, unharmed="Nothing was run.", blocked_by=rows)


class KeepGate(Struct):
    """A lease of the same node."""

    lease: str = field(_ID)


class GateKept(Answer):
    """How often the lease was renewed."""

    renewed: int = field(WHOLE)


@operation("gate.renew", body=KeepGate, answer=GateKept, actors=WHO)
def renew(view: View, operation: Operation, body: KeepGate, generation: int) -> Decision[GateKept]:
    """`gate.renew`: a run goes on. Raises Conflict when its lease was taken away; the run itself is none the worse."""
    del generation
    found = _own(view, operation, body.lease)
    if found is None:
        return Refused(
            Conflict("This run of a gate has lost its place.", hint="Its verdict counts all the same.")
        )
    lease = replace(found, renewed=found.renewed + 1)
    return Accepted({lease_path(lease.id): lease.as_bytes()}, GateKept(lease.renewed), "a gate runs on")


@operation("gate.leave", body=KeepGate, answer=GateKept, actors=WHO)
def leave(view: View, operation: Operation, body: KeepGate, generation: int) -> Decision[GateKept]:
    """`gate.leave`: a run has ended without a verdict. One that has lost its place already is no error."""
    del generation
    found = _own(view, operation, body.lease)
    changes: Changes = {lease_path(found.id): None} if found else {}
    return Accepted(
        changes, GateKept(found.renewed if found else 0), "a run of a gate ends without a verdict"
    )


def ended(view: View, operation: Operation, lease: str) -> Changes:
    """The changes that end a lease of the operation's node; none where there is none."""
    found = _own(view, operation, lease) if is_ulid(lease) else None
    return {lease_path(found.id): None} if found else {}


def demand_own_name(operation: Operation, by: Publisher) -> None:
    """Raise PolicyRefused where a session would be CI or a processor."""
    if operation.session and by != BY_SESSION:
        words = f"A session's verdict is a session's: '{operation.session}' cannot give one as {by}."
        raise PolicyRefused(words, hint="Let CI or the queue run the gate.")


def _own(view: View, operation: Operation, id_: str) -> GateLease | None:
    where = lease_path(id_)
    data = view.get(where)
    if data is None:
        return None
    found = format.read(GateLease, data, where)
    return found if found.node == operation.node and found.id == id_ else None


KINDS = (take, renew, leave)
