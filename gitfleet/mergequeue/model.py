"""Entries, runs and the state of the queue as records, and where they are filed. Pure.

`queue/live/<id>.json` has the entries that may still move, `queue/done/<start of the id>/<id>.json` those that are finished: an id
begins with its time, so the newest are in the last folders, and nothing that asks about the queue reads the others.
`queue/runs/<id>.json` are the tickets of gate runs, `queue/results/<id>.json` how they ended while that says anything of an entry that
waits. `queue/recalled/<id>.json` are entries that the host has and is to let go. `queue/state.json` is about the queue as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from gitfleet.base import canonical
from gitfleet.base.identity import ProcessIdentity
from gitfleet.base.ids import is_oid, is_ulid
from gitfleet.base.names import BranchName, NodeId, Oid, SessionId
from gitfleet.base.statefile import PROCESS
from gitfleet.claims.model import PATTERNS
from gitfleet.codec import WHOLE, Choice, Many, One, Record, Struct, Table, Text, Whole, field
from gitfleet.errors import FleetError
from gitfleet.ledger import filing, format
from gitfleet.ledger.model import NAME, NODE_ID, SESSION_ID, Changes, View
from gitfleet.mergequeue.reasons import REASON, Reason
from gitfleet.mergequeue.states import FINISHED, GOING, LANDED, STATE, State

ROOT = "queue"
LIVE, DONE, RUNS, RESULTS = f"{ROOT}/live", f"{ROOT}/done", f"{ROOT}/runs", f"{ROOT}/results"
RECALLED = f"{ROOT}/recalled"
STATE_FILE = f"{ROOT}/state.json"
_FOLDER = 5
"""Characters of an id that name the folder of a finished entry: some nine hours."""
MAX_TITLE = 200
MAX_LOG = 8000
MAX_BRANCH = 1024
MAX_LEASE = 86400
MAX_RESULTS = 300
"""Results that the queue remembers; it tests again what it has forgotten."""
MAX_ENTRIES = 1000
"""Entries that one operation is about, at most."""
RECENT = 20
"""Landings, and finished entries, that the state of the queue remembers."""
DEFAULT_PRIORITY = 50

_BRANCH = r"(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)))[^-./\x00-\x20\x7f~^:?*\[\\](?:[^\x00-\x20\x7f~^:?*\[\\]*[^\x00-\x20\x7f~^:?*\[\\/.])?"

ULID = Text[str](26, valid=is_ulid)
ULID_OR_NONE = Text[str](26, valid=lambda text: not text or is_ulid(text))
OID = Text[Oid](40, valid=is_oid)
OID_OR_NONE = Text[Oid](40, valid=lambda text: not text or is_oid(text))


def is_branch(text: str) -> bool:
    """Whether git would have a branch of that name, and a refspec can name it."""
    return re.fullmatch(_BRANCH, text) is not None


BRANCH = Text[BranchName](MAX_BRANCH, least=1, valid=is_branch)
TITLE = Text[str](MAX_TITLE, cut=True)
PRIORITY = Whole(0, 100)
WORDS = Text[str](1000, cut=True)
_LINES = Text[str](MAX_LOG, cut=True)
Mode = Literal["", "paused", "frozen", "draining"]
MODE = Choice[Mode]("", "paused", "frozen", "draining")
Outcome = Literal["passed", "failed", "indeterminate", "abandoned"]
OUTCOME = Choice[Outcome]("passed", "failed", "indeterminate", "abandoned")


class EntryPin(Struct):
    """An entry at one head of it."""

    id: str = field(ULID)
    head: Oid = field(OID)


class EntryEvidence(Struct):
    """What was found, by whoever moved an entry. `words`: one sentence without a full stop; `paths`: the files that it is about.

    `entry`, `branch`, `session`, `title`: the other side; where that is no entry, its `title` is the subject of a commit by `author`.
    `theirs` is that commit of the target. `node` has the log of the archive. `hunks`: the conflict as git shows it. `verdict`: the key of the gate's
    verdict, `log`: the end of its log, `archive`: the name of all of it. `commit`: where it was found;
    `tree`: the tested tree that the host was handed.
    """

    words: str = field(WORDS, default="", omit=True)
    paths: tuple[str, ...] = field(PATTERNS, default=(), omit=True)
    entry: str = field(ULID_OR_NONE, default="", omit=True)
    branch: str = field(Text[str](MAX_BRANCH, cut=True), default="", omit=True)
    session: str = field(NAME, default="", omit=True)
    title: str = field(TITLE, default="", omit=True)
    hunks: str = field(_LINES, default="", omit=True)
    verdict: str = field(NAME, default="", omit=True)
    log: str = field(_LINES, default="", omit=True)
    archive: str = field(NAME, default="", omit=True)
    commit: Oid = field(OID_OR_NONE, default=Oid(""), omit=True)
    tree: Oid = field(OID_OR_NONE, default=Oid(""), omit=True)
    theirs: Oid = field(OID_OR_NONE, default=Oid(""), omit=True)
    author: str = field(Text[str](200, cut=True), default="", omit=True)
    node: str = field(NAME, default="", omit=True)

    @property
    def rival(self) -> str:
        """The other side in words; "" where it is not known."""
        if self.branch:
            name = f"{self.branch} ({self.title})" if self.title else self.branch
            return name + (f" of {self.session}" if self.session else "")
        return f"commit {self.theirs[:12]} ({self.title}) by {self.author}" if self.theirs else ""


NOTHING_FOUND = EntryEvidence()


class HostHolding(Struct):
    """What the host was handed last and may merge: a branch at `head`, which makes `tree` of the target at `base`."""

    head: Oid = field(OID_OR_NONE, default=Oid(""), omit=True)
    base: Oid = field(OID_OR_NONE, default=Oid(""), omit=True)
    tree: Oid = field(OID_OR_NONE, default=Oid(""), omit=True)


NOTHING_HANDED = HostHolding()


class QueueEntry(Record):
    """A branch in the queue, pinned to `head`. Times are seconds by the clock of whoever made the operation; for display.

    `seq` is given once, by the ledger. `base` is where it left the target when it was added. `needs` are entries that land before
    it, `stack` the one among them that it is built upon, at the commit `under`, which the branch has. `approved` is the head that somebody let pass. `tries` counts the
    heads that came in repair; `handed` is when its session last got it back (0: it has not). `since` is the generation at which
    this head came, or at which somebody asked for another try: verdicts before it do not speak against the entry. `headed` is when
    this head came. `claims` are the session's claims that it was made under. `by` moved it last.
    It has `landed` as that commit, which (or whose first part) is on top of `before`. `host`: what the host has in hand of it.
    """

    KIND = "entry"

    id: str = field(ULID)
    seq: int = field(Whole(0))
    branch: BranchName = field(BRANCH)
    head: Oid = field(OID)
    target: BranchName = field(BRANCH)
    session: SessionId = field(SESSION_ID)
    node: NodeId = field(NODE_ID)
    priority: int = field(PRIORITY)
    state: State = field(STATE)
    since: int = field(WHOLE)
    at: int = field(WHOLE)
    headed: int = field(WHOLE)
    changed: int = field(WHOLE)
    by: str = field(NAME)
    nonce: str = field(NAME)
    base: Oid = field(OID_OR_NONE, default=Oid(""))
    title: str = field(TITLE, default="")
    needs: tuple[str, ...] = field(Many(ULID, most=100), default=(), omit=True)
    stack: str = field(ULID_OR_NONE, default="", omit=True)
    under: Oid = field(OID_OR_NONE, default=Oid(""), omit=True)
    claims: tuple[str, ...] = field(Many(ULID, most=MAX_ENTRIES), default=(), omit=True)
    reason: Reason | Literal[""] = field(REASON, default="", omit=True)
    evidence: EntryEvidence = field(One(EntryEvidence), default=NOTHING_FOUND, omit=True)
    approved: Oid = field(OID_OR_NONE, default=Oid(""), omit=True)
    tries: int = field(Whole(0), default=0, omit=True)
    handed: int = field(WHOLE, default=0, omit=True)
    landed: Oid = field(OID_OR_NONE, default=Oid(""), omit=True)
    before: Oid = field(OID_OR_NONE, default=Oid(""), omit=True)
    host: HostHolding = field(One(HostHolding), default=NOTHING_HANDED, omit=True)

    def as_bytes(self) -> bytes:
        """The record's canonical bytes."""
        return canonical.dump(self.encode())

    @property
    def pin(self) -> EntryPin:
        """The entry at its head."""
        return EntryPin(self.id, self.head)

    @property
    def recalled(self) -> bool:
        """Whether the host was handed it, and is not to land it any more."""
        return bool(self.host.tree) and self.state not in (*GOING, LANDED)

    @property
    def required(self) -> tuple[str, ...]:
        """The entries that land before it, what it is built upon first; each once."""
        return tuple(need for need in dict.fromkeys((self.stack, *self.needs)) if need)

    @property
    def name(self) -> str:
        """What people call it: branch and title."""
        return f"{self.branch} ({self.title})" if self.title else self.branch


class GateRun(Record):
    """The ticket of one gate run, of `node`: `entries` on `base`, as the commit `commit` of the tree `tree`.

    `keys` are the verdicts that it is to give. Its lease lasts `lease` seconds beyond the last renewal, as others watch
    that (`renewed` counts); `purpose` says for people what it is to show.
    """

    KIND = "run"

    id: str = field(ULID)
    target: BranchName = field(BRANCH)
    base: Oid = field(OID)
    entries: tuple[EntryPin, ...] = field(Many(One(EntryPin), most=MAX_ENTRIES))
    commit: Oid = field(OID)
    tree: Oid = field(OID)
    keys: tuple[str, ...] = field(Many(NAME, most=100))
    node: NodeId = field(NODE_ID)
    lease: int = field(Whole(1, MAX_LEASE))
    at: int = field(WHOLE)
    nonce: str = field(NAME)
    renewed: int = field(WHOLE, default=0)
    purpose: str = field(WORDS, default="", omit=True)
    process: ProcessIdentity | None = field(PROCESS, default=None)

    def as_bytes(self) -> bytes:
        """The record's canonical bytes."""
        return canonical.dump(self.encode())

    @property
    def where(self) -> str:
        """Where it is filed."""
        return f"{RUNS}/{self.id}.json"

    @property
    def ttl(self) -> int:
        """Seconds of its lease."""
        return self.lease


class CandidateResult(Record):
    """How a run ended: of `entries` (none: the target alone) on `base`, as `commit` with `tree`, at the generation `ended`."""

    KIND = "result"

    id: str = field(ULID)
    base: Oid = field(OID)
    entries: tuple[EntryPin, ...] = field(Many(One(EntryPin), most=MAX_ENTRIES))
    commit: Oid = field(OID)
    tree: Oid = field(OID)
    outcome: Outcome = field(OUTCOME)
    ended: int = field(WHOLE)
    keys: tuple[str, ...] = field(Many(NAME, most=100), default=(), omit=True)
    seconds: int = field(WHOLE, default=0)

    def as_bytes(self) -> bytes:
        """The record's canonical bytes."""
        return canonical.dump(self.encode())

    @property
    def where(self) -> str:
        """Where it is filed."""
        return f"{RESULTS}/{self.id}.json"


class QueuePause(Struct):
    """`mode` "": the queue goes on. Else nothing below `floor` is tested or lands (`paused`), lands (`frozen`), or is added (`draining`)."""

    mode: Mode = field(MODE, default="")
    floor: int = field(Whole(0, 101), default=101)
    reason: str = field(WORDS, default="")
    by: str = field(NAME, default="")
    at: int = field(WHOLE, default=0)


class LandingNote(Struct):
    """One landing: from which commit to which, when, how many entries, after how many gate runs since the one before, and the
    seconds of the last.
    """

    base: Oid = field(OID)
    commit: Oid = field(OID)
    at: int = field(WHOLE)
    entries: int = field(WHOLE)
    runs: int = field(WHOLE)
    seconds: int = field(WHOLE)


class QueueState(Record):
    """What is known of the queue as a whole: the next number, its pause, the last landings and finished entries, and counts by word.

    `window`: how many entries the next candidate may have, as the last rounds went (0: as policy says).
    """

    KIND = "queue"

    seq: int = field(Whole(1), default=1)
    pause: QueuePause = field(One(QueuePause), default=QueuePause())
    window: int = field(Whole(0), default=0)
    landings: tuple[LandingNote, ...] = field(Many(One(LandingNote), most=RECENT), default=())
    finished: tuple[str, ...] = field(Many(ULID, most=RECENT), default=())
    counts: Mapping[str, int] = field(Table(Whole(0)), default={})

    def as_bytes(self) -> bytes:
        """The record's canonical bytes."""
        return canonical.dump(self.encode())


def live(entry_id: str) -> str:
    """Where an entry is that may still move."""
    return f"{LIVE}/{entry_id}.json"


def done(entry_id: str) -> str:
    """Where a finished entry is."""
    return f"{DONE}/{entry_id[:_FOLDER]}/{entry_id}.json"


def recall(entry_id: str) -> str:
    """Where an entry is filed once more as long as the host may land it, and is not to."""
    return f"{RECALLED}/{entry_id}.json"


def queue(view: View) -> QueueState:
    """What is known of the queue as a whole. Raises Corrupt, NewerFormat."""
    data = view.get(STATE_FILE)
    return parse_queue(data) if data is not None else QueueState()


def parse_queue(data: bytes) -> QueueState:
    """The same in a record. Raises Corrupt, NewerFormat."""
    return format.read(QueueState, data, STATE_FILE)


def find(view: View, entry_id: str) -> QueueEntry | None:
    """The entry with this id, live or finished. Raises Corrupt, NewerFormat."""
    if not is_ulid(entry_id):
        return None
    for where in (live(entry_id), done(entry_id)):
        data = view.get(where)
        if data is not None:
            return filing.one(QueueEntry, data, where)
    return None


def has_landed(view: View, entry_id: str) -> bool:
    """Whether an entry is known, and has landed. Raises Corrupt, NewerFormat."""
    found = find(view, entry_id)
    return found is not None and found.state == LANDED


def run(view: View, run_id: str) -> GateRun | None:
    """The ticket of a run that has not ended. Raises Corrupt, NewerFormat."""
    where = f"{RUNS}/{run_id}.json"
    data = view.get(where) if is_ulid(run_id) else None
    return filing.one(GateRun, data, where) if data is not None else None


def entries(view: View) -> Iterator[QueueEntry | FleetError]:
    """The entries that may still move, by id; for a record that cannot be read, the error about it."""
    return filing.each(view, QueueEntry, LIVE)


def readable(view: View) -> list[QueueEntry]:
    """The entries that may still move and can be read, by id."""
    return filing.readable(view, QueueEntry, LIVE)


def awaiting(view: View, target: str) -> list[QueueEntry]:
    """Those of them that are to land on `target`. What is for a branch that no node lands on is in nobody's way."""
    return [entry for entry in readable(view) if entry.target == target]


def recalled(view: View) -> list[QueueEntry]:
    """The entries, finished ones too, that the host was handed, is not to land, and has not been heard to let go of; by id."""
    return filing.readable(view, QueueEntry, RECALLED)


def runs(view: View) -> list[GateRun]:
    """The tickets of the runs that have not ended and can be read, by id."""
    return filing.readable(view, GateRun, RUNS)


def results(view: View) -> list[CandidateResult]:
    """How runs ended, in the order in which they did."""
    return sorted(filing.readable(view, CandidateResult, RESULTS), key=lambda one: (one.ended, one.id))


def finished(view: View) -> Iterator[QueueEntry]:
    """Finished entries, those that were added last first; one that cannot be read is passed over."""
    for folder, _ in reversed(view.names(DONE)):
        yield from reversed(filing.readable(view, QueueEntry, f"{DONE}/{folder}"))


def lately(view: View) -> list[QueueEntry]:
    """The entries that were finished last, the newest first."""
    return [entry for one in reversed(queue(view).finished) if (entry := find(view, one)) is not None]


def put(entry: QueueEntry) -> Changes:
    """The changes that file an entry where its state says."""
    data = entry.as_bytes()
    changes: Changes = {live(entry.id): data}
    if entry.state in FINISHED:
        changes = {live(entry.id): None, done(entry.id): data}
    if entry.host.tree:
        changes[recall(entry.id)] = data if entry.recalled else None
    return changes
