"""What a plan says: which hosts were asked, how it went with each, what was proposed there, and what was selected of all.

A plan is written once. It is one record for the whole and one for each host that answered, kept in one commit whose id is the
plan's: what is applied is named by that id. `seal` is a keyed digest of all of it; the key stays in the clone that made the plan.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping

from gitfleet.base import canonical
from gitfleet.codec import (
    FLAG,
    TEXT,
    WHOLE,
    Many,
    Maybe,
    One,
    Record,
    Struct,
    Table,
    Text,
    Whole,
    field,
    replace,
)
from gitfleet.errors import Corrupt
from gitfleet.ledger import format
from gitfleet.triage.patterns import CrossHostPattern
from gitfleet.triage.shapes import CANDIDATE_ID, FLEET_SESSION, HOST_SESSION, SHARE, WORD, Printable, Real
from gitfleet.triage.wire import MOST_CANDIDATES, PlannedCandidate, ScanCounts, SeenFacts

MOST_HOSTS = 10_000
PLANNED = "planned"
PLAN, VIEW, PARTS = "plan.json", "plan.yaml", "hosts"
"""The files of a plan, and the folder of its hosts' parts."""
_WORDS = Printable(500)


class PlanHost(Struct):
    """One host that was asked: how it was named, how it went, and by which boot and user it is known again.

    `part` is the file of its candidates ("": it has none), `digest` that file's SHA-256. `twin` is the host that is the same
    machine, whose candidates count for both.
    """

    host_id: str = field(Text[str](320, least=1))
    user: str = field(Text[str](64))
    host: str = field(Text[str](320, least=1))
    port: int = field(Whole(0, 65535))
    status: str = field(WORD)
    session_id: str | None = field(Maybe(HOST_SESSION), default=None)
    problem: str = field(_WORDS, default="")
    hint: str = field(_WORDS, default="")
    boot: str = field(Printable(64), default="")
    uid: int | None = field(Maybe(WHOLE), default=None)
    counts: ScanCounts = field(One(ScanCounts), default=ScanCounts())
    hidden: bool = field(FLAG, default=False)
    candidates: int = field(Whole(0), default=0)
    selected: int = field(Whole(0), default=0)
    part: str = field(Text[str](64), default="")
    digest: str = field(Text[str](64), default="")
    twin: str = field(Text[str](320), default="", omit=True)
    bootstrap: bool = field(FLAG, default=False, omit=True)


class FleetPlan(Record):
    """The whole of a plan but for the candidates. `alpha` is what was granted of `asked`; `at`: seconds since 1970, when it was made.

    `tested` is how many groups were judged on all hosts, `needed` the bits of evidence that the weakest selected candidate had to have.
    `selected` and `offered` are ids of candidates: what both rules select, and what may be slowed down or paused on somebody's word.
    """

    KIND = "fleetplan"
    id: str = field(FLEET_SESSION)
    at: int = field(WHOLE)
    node: str = field(Text[str](256))
    tool: str = field(Printable(64))
    profile: str = field(WORD)
    asked: float = field(SHARE)
    alpha: float = field(SHARE)
    tested: int = field(WHOLE)
    needed: float = field(Real(0, 1000))
    hosts: tuple[PlanHost, ...] = field(Many(One(PlanHost), most=MOST_HOSTS))
    selected: tuple[str, ...] = field(Many(CANDIDATE_ID), default=())
    offered: tuple[str, ...] = field(Many(CANDIDATE_ID), default=())
    by_rule: Mapping[str, int] = field(Table(WHOLE), default={})
    patterns: tuple[CrossHostPattern, ...] = field(Many(One(CrossHostPattern), most=1000), default=())
    seal: str = field(Text[str](64), default="")

    @property
    def planned(self) -> tuple[PlanHost, ...]:
        """The hosts that have answered."""
        return tuple(host for host in self.hosts if host.status == PLANNED)


class HostPart(Record):
    """What one host has answered, of a plan: `id` is its own session."""

    KIND = "fleetplanhost"
    id: str = field(HOST_SESSION)
    host_id: str = field(TEXT)
    facts: SeenFacts = field(One(SeenFacts))
    candidates: tuple[PlannedCandidate, ...] = field(Many(One(PlannedCandidate), most=MOST_CANDIDATES))


class WholePlan(Struct):
    """A plan with its hosts' parts, by the host's id. `oid` is the plan's: the commit that holds it ("": it is not kept yet)."""

    plan: FleetPlan
    parts: Mapping[str, HostPart]
    oid: str = ""

    def candidates(self) -> Iterator[tuple[PlanHost, PlannedCandidate]]:
        """All that is proposed, by host in the order of the plan, and there as the host has sorted it."""
        for host in self.plan.hosts:
            if host.host_id in self.parts:
                yield from ((host, one) for one in self.parts[host.host_id].candidates)


def digest_of(part: bytes) -> str:
    """What the plan keeps of a host's part, so that no other can be put in its place."""
    return hashlib.sha256(part).hexdigest()


def sealed(plan: FleetPlan, key: bytes) -> FleetPlan:
    """The plan with its seal; the parts are in it by their digests."""
    return replace(plan, seal=_seal(plan, key))


def is_sealed(plan: FleetPlan, key: bytes) -> bool:
    """Whether the plan is as whoever has this key made it."""
    return hmac.compare_digest(plan.seal, _seal(plan, key))


def _seal(plan: FleetPlan, key: bytes) -> str:
    return hmac.new(key, canonical.dump(replace(plan, seal="")), hashlib.sha256).hexdigest()


def read(files: Mapping[str, bytes], fleet_session: str, oid: str) -> WholePlan:
    """The plan that these files hold. Raises NewerFormat, and Corrupt where one of them is not the one that was planned."""
    where = f"the plan {fleet_session}"
    plan = format.read(FleetPlan, files.get(PLAN, b""), PLAN, of=f" of {where}", then=_THEN)
    if plan.id != fleet_session:
        raise corrupt(where, f"it is the plan {plan.id} under another name")
    parts = {}
    for host in plan.hosts:
        data = files.get(host.part, b"")
        if not host.part:
            continue
        if digest_of(data) != host.digest:
            raise corrupt(where, f"the part of {host.host_id} is not the one that was planned")
        part = format.read(HostPart, data, host.part, of=f" of {where}", then=_THEN)
        if part.host_id != host.host_id or part.id != host.session_id:
            raise corrupt(where, f"the part of {host.host_id} is another host's")
        parts[host.host_id] = part
    whole = WholePlan(plan, parts, oid)
    found = {one.candidate_id for _, one in whole.candidates()}
    if not found.issuperset(plan.selected) or len(parts) != len(
        {host.host_id for host in plan.hosts if host.part}
    ):
        raise corrupt(where, "it names parts that it does not hold")
    return whole


_THEN = "Nothing of it was applied."


def corrupt(where: str, why: str) -> Corrupt:
    """The error about a plan that cannot be used."""
    return Corrupt(
        f"{where[:1].upper()}{where[1:]} cannot be used: {why}. {_THEN}", hint="Plan again.", where=where
    )
