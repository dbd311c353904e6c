"""Tasks of work sources (issues, task files) as the ledger keeps them: who does which, and which are done. Pure.

    work/<source>/<id>.json   one task that somebody has taken

A task is taken by the operation `work.take`; of two nodes the first has it. It is had by a lease, which is counted up while its job has not
ended; one that stood still for its time may be taken by another node. What the source has yet to be told of an end stays here (`told`), so
that any node can make up for it. A task that its source forgets itself, such as an issue without its label, is forgotten then; one of a
source that cannot be written to, such as a folder, stays known by its `version`.
"""

from __future__ import annotations

from typing import Literal

from gitfleet.base import canonical
from gitfleet.base.digests import sha256
from gitfleet.base.ids import is_name
from gitfleet.base.names import NodeId
from gitfleet.base.text import display, one_line
from gitfleet.codec import FLAG, WHOLE, Choice, Many, Maybe, One, Record, Struct, Text, field, replace
from gitfleet.dispatch.model import JOB_ID, SECONDS, WORD
from gitfleet.dispatch.rules import LapsedLease
from gitfleet.errors import Conflict, PolicyRefused
from gitfleet.ledger import filing
from gitfleet.ledger.model import NODE_ID, Accepted, Answer, Changes, Operation, Refused, View
from gitfleet.ledger.operations import BY_NODES, Decision, operation

FOLDER = "work"
MOST = 1000
"""Tasks of one source that are known at once; beyond that the oldest are forgotten that nobody does."""
MOST_TAKES = 3
"""So often a task is begun; one that nobody has brought to an end by then has failed."""
TTL = 900
"""Seconds that a lease lives without being renewed."""
_TITLE: Text[str] = Text(200, cut=True)
_REF: Text[str] = Text(300)
_KEY: Text[str] = Text(64, valid=is_name)
WorkStatus = Literal["done", "failed"]
GivenUp = Literal["done", "failed", "free", "unused"]


class WorkLease(Struct):
    """Who does a task: a job of a node, in one of its state directories (`place`, a digest)."""

    node: NodeId = field(NODE_ID)
    place: str = field(WORD)
    job: str = field(JOB_ID)
    fence: int = field(WHOLE)
    at: int = field(WHOLE)
    renewed: int = field(WHOLE, default=0)


class WorkEnd(Struct):
    """How a task ended, when by the clock of its node, and whose job it was."""

    status: WorkStatus = field(Choice[WorkStatus]("done", "failed"))
    at: int = field(WHOLE)
    node: NodeId = field(NODE_ID)
    job: str = field(JOB_ID)
    fence: int = field(WHOLE)


class TakenWork(Record):
    """`ref`: its name in its source; `version`: what of it was taken, where that can change. `takes`: how often it was begun.

    `told`: whether its source has been told of its end. `entry`: that of the merge queue in which its work waits to land.
    """

    KIND = "takenwork"
    id: str = field(_KEY)
    source: str = field(_KEY)
    ref: str = field(_REF)
    title: str = field(_TITLE, default="")
    version: str = field(WORD, default="", omit=True)
    ttl: int = field(SECONDS, default=TTL)
    takes: int = field(WHOLE, default=0)
    lease: WorkLease | None = field(Maybe(One(WorkLease)), default=None)
    end: WorkEnd | None = field(Maybe(One(WorkEnd)), default=None)
    told: bool = field(FLAG, default=False)
    entry: str = field(WORD, default="", omit=True)


def key(ref: str) -> str:
    """The id of a task in its source."""
    return sha256(ref.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def of_source(view: View, source: str) -> list[TakenWork]:
    """The tasks of a source that somebody has taken and that can be read, by id."""
    return filing.readable(view, TakenWork, f"{FOLDER}/{source}") if is_name(source) else []


def find(view: View, source: str, ref: str) -> TakenWork | None:
    """One of them. Raises Corrupt, NewerFormat."""
    return _known(view, source, key(ref))


class TakeWork(Struct):
    """A task to be done by a job of the operation's node. `lapsed`: the lease of who had it, which is over."""

    source: str = field(_KEY)
    ref: str = field(_REF)
    job: str = field(JOB_ID)
    place: str = field(WORD)
    title: str = field(_TITLE, default="")
    version: str = field(WORD, default="", omit=True)
    ttl: int = field(SECONDS, default=TTL)
    lapsed: LapsedLease | None = field(Maybe(One(LapsedLease)), default=None)


class WorkTold(Answer):
    """The task as it is now; None: it is forgotten."""

    work: TakenWork | None = field(Maybe(One(TakenWork)), default=None)


@operation("work.take", body=TakeWork, answer=WorkTold, actors=BY_NODES, waits=False)
def take(view: View, operation: Operation, body: TakeWork, generation: int) -> Decision[WorkTold]:
    """`work.take`: a job does a task. Raises Conflict where another one does or did, PolicyRefused where too many are being done.

    One that was begun too often without an end has failed: it comes back ended.
    """
    known = _known(view, body.source, key(body.ref))
    refusal = _taken_before(known, body, operation.node) if known else None
    if refusal is not None:
        return refusal
    takes = 1 + (known.takes if known and known.end is None else 0)
    mine = WorkLease(operation.node, body.place, body.job, generation, operation.at)
    made = TakenWork(
        key(body.ref), body.source, body.ref, body.title, body.version, body.ttl, takes, mine
    )  # fmt: skip
    if takes > MOST_TAKES:
        end = WorkEnd("failed", operation.at, operation.node, body.job, generation)
        made = replace(made, takes=MOST_TAKES, lease=None, end=end)
        return Accepted(_put(made), WorkTold(made), one_line(f"{made.ref} has failed: begun too often"))
    changes = _put(made) if known else {**_put(made), **_forgotten(view, body.source)}
    if known is None and len(view.names(f"{FOLDER}/{body.source}")) - len(changes) + 1 >= MOST:
        words = f"{MOST} tasks of one source are being done, and no more can be."
        return Refused(PolicyRefused(words, hint="Wait until some of them have ended."))
    return Accepted(changes, WorkTold(made), one_line(f"{made.ref} is done by {operation.node}"))


def _taken_before(known: TakenWork, body: TakeWork, node: str) -> Decision[WorkTold] | None:
    """What there is to say to who wants a task that somebody has taken before; None: it may be taken."""
    lease, end = known.lease, known.end
    if lease is not None:
        if (lease.node, lease.place, lease.job) == (node, body.place, body.job):
            return Accepted({}, WorkTold(known), one_line(f"{known.ref} was taken before"))
        if body.lapsed and (lease.fence, lease.renewed) == (body.lapsed.fence, body.lapsed.renewed):
            return None
        words = f"'{display(known.ref)}' is done by node {display(lease.node)}, in {display(lease.job)}."
    elif end is None or end.job == body.job:
        return None
    elif not known.told:
        words = f"'{display(known.ref)}' has ended, and its source has yet to be told."
    elif known.version == body.version:
        words = f"'{display(known.ref)}' was done before, in {display(end.job)}: {end.status}."
    else:
        return None
    return Refused(Conflict(words, hint="There is nothing to do."))


class HeldTask(Struct):
    """A task, and the fence by which it is had, or was."""

    source: str = field(_KEY)
    id: str = field(_KEY)
    fence: int = field(WHOLE)


class RenewWork(Struct):
    """All that a node has taken from one state directory; `entry`: that of the merge queue in which their work is."""

    leases: tuple[HeldTask, ...] = field(Many(One(HeldTask), least=1, most=MOST))
    entry: str = field(WORD, default="", omit=True)


class WorkRenewed(Answer):
    """Which of them are still the node's."""

    kept: tuple[HeldTask, ...] = field(Many(One(HeldTask)))


@operation("work.renew", body=RenewWork, answer=WorkRenewed, actors=BY_NODES, waits=False)
def renew(view: View, operation: Operation, body: RenewWork, generation: int) -> Decision[WorkRenewed]:
    """`work.renew`: a node goes on with its tasks."""
    del generation
    changes: Changes = {}
    kept = []
    for held in body.leases:
        found = _held(view, operation, held)
        if found is not None and found.lease is not None:
            kept.append(held)
            lease = replace(found.lease, renewed=found.lease.renewed + 1)
            changes |= _put(replace(found, lease=lease, entry=body.entry or found.entry))
    return Accepted(changes, WorkRenewed(tuple(kept)), f"{operation.node} goes on with {len(kept)} tasks")


class EndWork(Struct):
    """`free`: somebody else may do it, or this node once more; `unused`: so, and nothing of it was begun. `told`: its source is told already."""

    held: HeldTask = field(One(HeldTask))
    status: GivenUp = field(Choice[GivenUp]("done", "failed", "free", "unused"))
    told: bool = field(FLAG, default=False)


@operation("work.end", body=EndWork, answer=WorkTold, actors=BY_NODES)
def end(view: View, operation: Operation, body: EndWork, generation: int) -> Decision[WorkTold]:
    """`work.end`: a task is done, has failed, or is given up. Raises Conflict where it is another one's by now."""
    del generation
    held = body.held
    found = _held(view, operation, held)
    if found is None or found.lease is None:
        known = _known(view, held.source, held.id)
        if known is None or (known.end is not None and known.end.fence == held.fence):
            return Accepted({}, WorkTold(known), f"{held.id} has ended before")
        return Refused(Conflict("The task is no longer this node's.", hint="There is nothing to do."))
    if body.status in {"free", "unused"}:
        takes = found.takes - (body.status == "unused")
        freed = replace(found, lease=None, takes=takes) if takes else None
        changes: Changes = _put(freed) if freed else {_at(held.source, held.id): None}
        return Accepted(changes, WorkTold(freed), one_line(f"{found.ref} may be done by anybody"))
    status: WorkStatus = "done" if body.status == "done" else "failed"
    over = WorkEnd(status, operation.at, operation.node, found.lease.job, held.fence)
    done = replace(found, lease=None, end=over, told=body.told)
    return Accepted(_put(done), WorkTold(done), one_line(f"{found.ref}: {status}"))


class TellWork(Struct):
    """A task that has ended by this fence."""

    held: HeldTask = field(One(HeldTask))


@operation("work.told", body=TellWork, answer=WorkTold, actors=BY_NODES)
def told(view: View, operation: Operation, body: TellWork, generation: int) -> Decision[WorkTold]:
    """`work.told`: the source of a task knows of its end. Twice is harmless."""
    del operation, generation
    known = _known(view, body.held.source, body.held.id)
    if known is None or known.end is None or known.end.fence != body.held.fence:
        return Accepted({}, WorkTold(known), f"{body.held.id} is as it was")
    kept = replace(known, told=True) if known.version else None
    changes: Changes = _put(kept) if kept else {_at(known.source, known.id): None}
    return Accepted(changes, WorkTold(kept), one_line(f"the source of {known.ref} knows of its end"))


def _held(view: View, operation: Operation, held: HeldTask) -> TakenWork | None:
    """The task, if it is the operation's node's by this fence."""
    known = _known(view, held.source, held.id)
    lease = known.lease if known else None
    return known if lease and (lease.node, lease.fence) == (operation.node, held.fence) else None


def _forgotten(view: View, source: str) -> Changes:
    """The changes that forget the oldest of those that nobody does, where another one is to be known, too."""
    if len(view.names(f"{FOLDER}/{source}")) < MOST:
        return {}
    over = [one for one in of_source(view, source) if not one.lease and (one.end is None or one.told)]
    over.sort(key=lambda one: one.end.fence if one.end else 0)
    return {_at(source, one.id): None for one in over[:1]}


def _put(work: TakenWork) -> Changes:
    return {_at(work.source, work.id): canonical.dump(work.encode())}


def _known(view: View, source: str, id: str) -> TakenWork | None:
    where = _at(source, id)
    data = view.get(where) if is_name(source) and is_name(id) else None
    return filing.one(TakenWork, data, where) if data is not None else None


def _at(source: str, id: str) -> str:
    return f"{FOLDER}/{source}/{id}.json"


KINDS = (take, renew, end, told)
