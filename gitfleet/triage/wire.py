"""What a host answers to a scan, read as the words of a stranger: its form, its bounds, its sense.

A host may be broken into, or run something else under our name. Whatever it says is shown to people, and decides what other
hosts' candidates need to be selected; it never decides what happens on another host. What does not read as an answer is
none, as a whole: `of_scan` raises Broken, and the host counts as one that failed.
"""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.codec import (
    FIELDS,
    FLAG,
    JSON,
    WHOLE,
    Broken,
    Choice,
    Many,
    Maybe,
    One,
    Struct,
    Table,
    Whole,
    field,
)
from gitfleet.onhost import records
from gitfleet.triage.shapes import CANDIDATE_ID, HOST_SESSION, SHARE, WORD, Printable, Real

MOST_CANDIDATES = 4000
"""Candidates of one host."""
MOST_MEMBERS = 4096
MOST_EVIDENCE = 64
MOST_PROCESSES = 1 << 22
_COUNT = Whole(0, MOST_PROCESSES)
_BYTES = Whole(0, 1 << 62)
_INODE = Whole(0, 1 << 64)
_RESOURCES = frozenset(["cpu", "memory", "io", "irq"])
_NAME = Printable(64)
_LONG = Printable(1000)


class PlannedIdentity(Struct):
    """One process, as `onhost.records.Identity` has it."""

    boot: str = field(Printable(64))
    pid: int = field(Whole(1, MOST_PROCESSES))
    start: int = field(_BYTES)
    uid: int = field(Whole(0, 1 << 32))
    exe: tuple[int, ...] | None = field(Maybe(Many(_INODE, least=2, most=2)), default=None)
    pid_namespace: int | None = field(Maybe(_INODE), default=None)
    mount_namespace: int | None = field(Maybe(_INODE), default=None)


class PlannedEvidence(Struct):
    """What one feature says, in bits towards abandonment."""

    feature: str = field(_NAME)
    value: str = field(Printable(200))
    bits: float = field(Real(-1000, 1000))


class PlannedGate(Struct):
    """A safety gate as it stood at the scan; it is asked again before anything happens."""

    name: str = field(_NAME)
    state: str = field(WORD)
    detail: str = field(Printable(300), default="")


class PlannedCandidate(Struct):
    """What a plan may act on: a group of processes of one host, redacted there. Times in seconds, memory in bytes, `cpu` in cores."""

    candidate_id: str = field(CANDIDATE_ID)
    identity: PlannedIdentity = field(One(PlannedIdentity))
    members: tuple[PlannedIdentity, ...] = field(Many(One(PlannedIdentity), most=MOST_MEMBERS))
    category: str = field(WORD)
    signature: str = field(_NAME)
    pattern: str = field(Printable(120))
    action: str = field(Choice[str](*records.ACTIONS))
    posterior: Mapping[str, float] = field(Table(SHARE))
    log_e: float = field(Real(-10_000, 10_000))
    pgid: int = field(_COUNT, default=0)
    command: str = field(_LONG, default="")
    cwd: str = field(_LONG, default="")
    age: float = field(Real(0), default=0.0)
    cpu: float | None = field(Maybe(Real(0)), default=None)
    rss: int = field(_BYTES, default=0)
    pss: int | None = field(Maybe(_BYTES), default=None)
    processes: int = field(_COUNT, default=1)
    listening: tuple[int, ...] | None = field(Maybe(Many(Whole(0, 65535), most=4096)), default=())
    session: str | None = field(Maybe(Printable(128)), default=None)
    origin: str = field(_NAME, default="")
    session_state: str = field(_NAME, default="unknown")
    orphan: bool = field(FLAG, default=False)
    evidence: tuple[PlannedEvidence, ...] = field(Many(One(PlannedEvidence), most=MOST_EVIDENCE), default=())
    missing: tuple[str, ...] = field(Many(_NAME, most=MOST_EVIDENCE), default=())
    loss: Mapping[str, float] = field(Table(Real()), default={})
    gates: tuple[PlannedGate, ...] = field(Many(One(PlannedGate), most=MOST_EVIDENCE), default=())
    reversible: Mapping[str, bool] = field(Table(FLAG), default={})
    protected: str = field(Printable(200), default="")

    def check(self) -> None:
        """Raise Broken where the fields contradict each other."""
        if set(self.posterior) != set(records.CLASSES) or not 0.99 <= sum(self.posterior.values()) <= 1.01:
            raise Broken("a probability for each class was expected", "posterior")
        if not {*self.loss, *self.reversible} <= set(records.ACTIONS):
            raise Broken("an action was expected", "loss")

    @property
    def in_use(self) -> float:
        """The probability that ending it would be a mistake: the local false discovery rate."""
        return min(1.0, self.posterior[records.USEFUL] + self.posterior[records.USEFUL_BAD])

    @property
    def proposed(self) -> bool:
        """Whether anything is proposed for it."""
        return self.action != records.KEEP and not self.protected


class ScanCounts(Struct):
    """What a scan saw: processes, groups that were judged, other users' processes, and own ones that could not be read."""

    processes: int = field(_COUNT, default=0)
    judged: int = field(_COUNT, default=0)
    foreign: int = field(_COUNT, default=0)
    unreadable: int = field(_COUNT, default=0)


class HostScan(Struct):
    """One host's answer. `hidden`: its /proc hides processes, so that what is not seen may still be there."""

    session_id: str = field(HOST_SESSION)
    candidates: tuple[PlannedCandidate, ...] = field(Many(One(PlannedCandidate), most=MOST_CANDIDATES))
    counts: ScanCounts = field(One(ScanCounts), default=ScanCounts())
    facts: Mapping[str, object] = field(FIELDS, default={})
    gaps: object = field(JSON, default=None)

    def check(self) -> None:
        """Raise Broken for candidates that cannot be told apart, or are of several machines."""
        if len({one.candidate_id for one in self.candidates}) < len(self.candidates):
            raise Broken("two candidates have one id", "candidates")
        if len({one.identity.boot for one in self.candidates}) > 1:
            raise Broken("candidates of several machines", "candidates")
        if any(member.boot != one.identity.boot for one in self.candidates for member in one.members):
            raise Broken("members of another machine", "candidates")


class SeenFacts(Struct):
    """What a plan keeps of the machine at the time of a scan. `pressure`: percent of time that something waited for it."""

    boot: str = field(Printable(64))
    uid: int = field(Whole(0, 1 << 32))
    user: str = field(_NAME, default="")
    host_name: str = field(Printable(255), default="")
    system: str = field(Printable(200), default="")
    cores: int = field(_COUNT, default=0)
    memory_total: int = field(_BYTES, default=0)
    memory_available: int = field(_BYTES, default=0)
    swap_total: int = field(_BYTES, default=0)
    swap_free: int = field(_BYTES, default=0)
    load: tuple[float, ...] = field(Many(Real(0), most=3), default=())
    pressure: Mapping[str, float | None] = field(Table(Maybe(Real(0, 100))), default={})
    oom_kills: int | None = field(Maybe(WHOLE), default=None)
    hidden: bool = field(FLAG, default=False)

    def check(self) -> None:
        """Raise Broken for a resource that there is none of."""
        if not set(self.pressure) <= _RESOURCES:
            raise Broken("a resource was expected", "pressure")


def of_scan(raw: object, *, session_id: str) -> tuple[HostScan, SeenFacts]:
    """What a host answered to the scan that was asked for as `session_id`. Raises Broken."""
    scan = HostScan.decode(raw)
    if scan.session_id != session_id:
        raise Broken("the answer to another question", "session_id")
    facts = SeenFacts.decode(scan.facts)
    if any(one.identity.boot != facts.boot for one in scan.candidates):
        raise Broken("candidates of another machine", "candidates")
    if any(one.identity.uid != facts.uid for one in scan.candidates):
        raise Broken("candidates of another user", "candidates")
    return scan, facts
