"""What is asked of the queue, and what is answered: the bodies and answers of its operations. Pure."""

from __future__ import annotations

from typing import Literal

from gitfleet.base.identity import ProcessIdentity
from gitfleet.base.names import BranchName, Oid, SessionId
from gitfleet.base.statefile import PROCESS
from gitfleet.claims.model import CLAIMS, Claim
from gitfleet.codec import FLAG, WHOLE, Broken, Choice, Many, Maybe, One, Struct, Text, Whole, field
from gitfleet.ledger.model import NAME, SESSION_ID, Answer
from gitfleet.mergequeue.model import (
    BRANCH,
    MAX_ENTRIES,
    MAX_LEASE,
    MODE,
    NOTHING_FOUND,
    OID,
    OID_OR_NONE,
    OUTCOME,
    PRIORITY,
    TITLE,
    ULID,
    ULID_OR_NONE,
    WORDS,
    EntryEvidence,
    EntryPin,
    GateRun,
    Mode,
    Outcome,
    QueueEntry,
    QueuePause,
)  # fmt: skip
from gitfleet.mergequeue.reasons import REASON, Reason
from gitfleet.mergequeue.states import STATE, State

REASON_TEXT = Text[str](1000)


class Add(Struct):
    """A branch at a head, to land on `target`; None keeps what the entry has, if it is there already.

    `base`, `claims`: see `model.QueueEntry`. `needs` are entries that land before it; `stack` is the one of them that it is built upon,
    at the commit `under`.
    `ceiling`: the priority that sessions may have, `most_tries`: how often an entry may come back repaired, both by the rules of
    the requester's trunk. `owner`: the session that it belongs to, if that is not the one that asks.
    """

    branch: BranchName = field(BRANCH)
    head: Oid = field(OID)
    target: BranchName = field(BRANCH)
    base: Oid = field(OID_OR_NONE, default=Oid(""))
    title: str | None = field(Maybe(TITLE), default=None, omit=True)
    priority: int | None = field(Maybe(PRIORITY), default=None, omit=True)
    needs: tuple[str, ...] | None = field(Maybe(Many(ULID, most=100)), default=None, omit=True)
    stack: str | None = field(Maybe(ULID_OR_NONE), default=None, omit=True)
    under: Oid = field(OID_OR_NONE, default=Oid(""), omit=True)
    claims: tuple[str, ...] = field(Many(ULID, most=MAX_ENTRIES), default=(), omit=True)
    ceiling: int = field(PRIORITY, default=100)
    most_tries: int = field(WHOLE, default=1000)
    owner: SessionId = field(SESSION_ID, default=SessionId(""), omit=True)


class Added(Answer):
    """The entry; whether it is `new`, and in words what of one that was there has changed."""

    entry: QueueEntry = field(One(QueueEntry))
    new: bool = field(FLAG)
    changes: tuple[str, ...] = field(Many(WORDS), default=())


class Change(Struct):
    """Another priority or title; None: as it is. `ceiling` as in `Add`."""

    entry: str = field(ULID)
    priority: int | None = field(Maybe(PRIORITY), default=None, omit=True)
    title: str | None = field(Maybe(TITLE), default=None, omit=True)
    ceiling: int = field(PRIORITY, default=100)


class Because(Struct):
    """An entry, and why."""

    entry: str = field(ULID)
    reason: str = field(REASON_TEXT, default="")


class OfEntry(Struct):
    """An entry."""

    entry: str = field(ULID)


class Retry(Struct):
    """An entry, and how often one may come back by the rules."""

    entry: str = field(ULID)
    most_tries: int = field(Whole(0, 1000), default=1000)


class Approve(Struct):
    """An entry at the head that was looked at."""

    pin: EntryPin = field(One(EntryPin))


class EntryChanged(Answer):
    """The entry as it is now, and how many entries above it are held since it was dropped."""

    entry: QueueEntry = field(One(QueueEntry))
    held: tuple[QueueEntry, ...] = field(Many(One(QueueEntry)), default=())


class SetPause(Struct):
    """See `model.QueuePause`."""

    mode: Mode = field(MODE)
    floor: int = field(Whole(0, 101), default=101)
    reason: str = field(REASON_TEXT, default="")


class QueuePaused(Answer):
    """The pause as it is now, and as it was."""

    pause: QueuePause = field(One(QueuePause))
    before: QueuePause = field(One(QueuePause))


class Take(Struct):
    """A run that this node is about to make (see `model.GateRun`)."""

    target: BranchName = field(BRANCH)
    base: Oid = field(OID)
    entries: tuple[EntryPin, ...] = field(Many(One(EntryPin), most=MAX_ENTRIES))
    commit: Oid = field(OID)
    tree: Oid = field(OID)
    keys: tuple[str, ...] = field(Many(NAME, most=100), default=())
    lease: int = field(Whole(1, MAX_LEASE), default=180)
    process: ProcessIdentity | None = field(PROCESS, default=None)
    purpose: str = field(WORDS, default="", omit=True)


class RunTaken(Answer):
    """The ticket."""

    run: GateRun = field(One(GateRun))


class OfRun(Struct):
    """The ticket of a run."""

    run: str = field(ULID)


class EndRun(Struct):
    """How a run ended. `suspects`: those of its entries that are to be narrowed down. `flaky`: it failed, and a pass vouches for it.

    `lapsed`: whoever ends it has seen it over with this many renewals: it is another node's, or its process is gone.
    """

    run: str = field(ULID)
    outcome: Outcome = field(OUTCOME)
    seconds: int = field(Whole(0), default=0)
    suspects: tuple[str, ...] = field(Many(ULID, most=MAX_ENTRIES), default=(), omit=True)
    flaky: bool = field(FLAG, default=False, omit=True)
    words: str = field(WORDS, default="", omit=True)
    lapsed: int | None = field(Maybe(WHOLE), default=None, omit=True)


class RunEnded(Answer):
    """The ticket that is gone."""

    run: GateRun = field(One(GateRun))


class Marked(Struct):
    """What a processor found of an entry at a head, and the state that this puts it in. See `model.EntryEvidence`."""

    pin: EntryPin = field(One(EntryPin))
    state: State = field(STATE)
    reason: Reason | Literal[""] = field(REASON, default="")
    evidence: EntryEvidence = field(One(EntryEvidence), default=NOTHING_FOUND)


class Mark(Struct):
    """Findings, all of them or none."""

    found: tuple[Marked, ...] = field(Many(One(Marked), least=1, most=MAX_ENTRIES))


class EntriesChanged(Answer):
    """The entries as they are now."""

    entries: tuple[QueueEntry, ...] = field(Many(One(QueueEntry)))


class Reject(Struct):
    """An entry that failed its gate at a head, and the evidence. `window`: how many entries the next candidate may have (0: as it is)."""

    pin: EntryPin = field(One(EntryPin))
    evidence: EntryEvidence = field(One(EntryEvidence))
    window: int = field(Whole(0), default=0, omit=True)
    reason: Reason | Literal[""] = field(REASON, default="gate-failed")


class Expire(Struct):
    """An entry at a head that was not repaired in time, as the requester's clock has it."""

    pin: EntryPin = field(One(EntryPin))


GateWord = Literal["none", "verdicts"]


class Proof(Struct):
    """Why a candidate may land: the rules of the target ask for no gate (`none`), or these verdicts say so.

    `trust`: the kinds of actors whose verdicts count, by those rules.
    """

    gate: GateWord = field(Choice[GateWord]("none", "verdicts"))
    keys: tuple[str, ...] = field(Many(NAME, most=100), default=())
    trust: tuple[str, ...] = field(Many(NAME, most=10), default=())

    def check(self) -> None:
        """Raise Broken for a gate without verdicts."""
        if (self.gate == "verdicts") != bool(self.keys):
            raise Broken("verdicts were expected", "keys")


MOST_HEADS = 100


class EntryLanding(Struct):
    """An entry that lands as `commit`, on top of `before`. `heads`: commits of the branch that this contains, beside its head; claims that stay with it go."""

    id: str = field(ULID)
    head: Oid = field(OID)
    commit: Oid = field(OID)
    before: Oid = field(OID_OR_NONE, default=Oid(""), omit=True)
    heads: tuple[Oid, ...] = field(Many(OID, most=MOST_HEADS), default=(), omit=True)

    @property
    def pin(self) -> EntryPin:
        """The entry at its head."""
        return EntryPin(self.id, self.head)


class Land(Struct):
    """`target` moves from `base` to `commit`, and with that these entries have landed, in this order.

    `window`: how many entries the next candidate may have (0: as it is).
    """

    target: BranchName = field(BRANCH)
    base: Oid = field(OID)
    commit: Oid = field(OID)
    entries: tuple[EntryLanding, ...] = field(Many(One(EntryLanding), least=1, most=MAX_ENTRIES))
    proof: Proof = field(One(Proof))
    seconds: int = field(Whole(0), default=0)
    window: int = field(Whole(0), default=0, omit=True)


class EntriesLanded(Answer):
    """The entries that have landed, and the claims that went and came by that."""

    entries: tuple[QueueEntry, ...] = field(Many(One(QueueEntry)))
    released: tuple[Claim, ...] = field(CLAIMS)
    retained: tuple[Claim, ...] = field(CLAIMS)
    served: tuple[Claim, ...] = field(CLAIMS)


class Reconcile(Struct):
    """Entries that the target has already, each with the commit that shows it."""

    entries: tuple[EntryLanding, ...] = field(Many(One(EntryLanding), least=1, most=MAX_ENTRIES))
