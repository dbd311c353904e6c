"""From the answers of all hosts to one plan: what each proposes, what is the same process seen twice, and what is selected of the pool.

Pure: what was asked and what came back are arguments. A host whose answer is none counts as one that failed, and stops no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from gitfleet.base import canonical
from gitfleet.base.text import one_line
from gitfleet.codec import Broken, Struct, replace
from gitfleet.onhost import records
from gitfleet.triage import patterns, plan_record, plan_view, selection, wire
from gitfleet.triage.plan_record import PLANNED, FleetPlan, HostPart, PlanHost, WholePlan
from gitfleet.triage.wire import HostScan, PlannedCandidate, SeenFacts

ERROR = "error"
REVERSIBLE = frozenset([records.RENICE, records.PAUSE, records.THROTTLE])
_OTHER = "Look at what answers there: it is not the gitfleet that was expected."
_EMPTY = HostScan("", ())
_SURELY_FIT = 5
"""Candidates that fit into a record, however long each is."""


class PlanRequest(Struct):
    """What a plan is made for: its id, the time (seconds since 1970), the node and tool that make it, the redaction profile, and the levels.

    `alpha` is what the fleet may risk of what was `asked`. `left_by`: the session whose processes it is about ("": all).
    """

    id: str
    at: int
    node: str
    tool: str
    profile: str
    asked: float
    alpha: float
    left_by: str = ""


class ScanReply(Struct):
    """How it went with one host: its names, a status, its answer to a scan (None: it gave none), and what to say of a failure."""

    host_id: str
    user: str
    host: str
    port: int
    status: str
    session_id: str
    answer: object = None
    words: str = ""
    hint: str = ""
    bootstrap: bool = False


class _Read(NamedTuple):
    """A reply that was read. `kept` is what it proposes, without what another host has proposed already."""

    entry: PlanHost
    scan: HostScan
    facts: SeenFacts | None
    kept: tuple[PlannedCandidate, ...] = ()


def merge(request: PlanRequest, replies: Sequence[ScanReply]) -> WholePlan:
    """The plan, not yet kept nor sealed. Hosts stay in the order given."""
    pool = _without_twins([_read(reply, request.left_by) for reply in replies])
    pairs = [(one.entry.host_id, candidate) for one in pool for candidate in one.kept]
    found = [candidate for _, candidate in pairs]
    tested = sum(max(one.scan.counts.judged, len(one.kept)) for one in pool if not one.entry.twin)
    chosen = selection.select(
        [one.in_use for one in found],
        [one.log_e for one in found],
        alpha=request.alpha,
        tested=tested,
        hosts=[host for host, _ in pairs],
    )
    selected = tuple(sorted(found[position].candidate_id for position in chosen.both))
    parts = {one.entry.host_id: _part(one) for one in pool if one.facts is not None}
    hosts = [_entry(one, number, parts, set(selected)) for number, one in enumerate(pool)]
    plan = FleetPlan(
        request.id, request.at, request.node, request.tool, request.profile, request.asked, request.alpha,
        tested, round(min(1000.0, max(0.0, chosen.needed)), 6), tuple(hosts), selected, _offered(pairs, selected, request.alpha),
        {"bayes": len(chosen.bayes), "e_values": len(chosen.e_values)},
        patterns.across((host, one.pattern) for host, one in pairs),
    )  # fmt: skip
    return WholePlan(plan, parts)


def files_of(whole: WholePlan, secret: bytes) -> tuple[WholePlan, dict[str, bytes]]:
    """The plan with its seal, and the files in which it is kept."""
    plan = plan_record.sealed(whole.plan, secret)
    whole = replace(whole, plan=plan)
    files = {host.part: canonical.dump(whole.parts[host.host_id]) for host in plan.hosts if host.part}
    return whole, {
        plan_record.PLAN: canonical.dump(plan),
        plan_record.VIEW: plan_view.text(whole).encode(),
        **files,
    }


def left_alone(replies: Sequence[ScanReply], left_by: str) -> int:
    """How many groups that this session has left running are not proposed: too little is known of them, or they are kept."""
    found = 0
    for reply in replies:
        with suppress(Broken):
            if reply.status == PLANNED:
                scan, _ = wire.of_scan(reply.answer, session_id=reply.session_id)
                found += sum(one.session == left_by and not one.proposed for one in scan.candidates)
    return found


def _read(reply: ScanReply, left_by: str = "") -> _Read:
    entry = PlanHost(
        reply.host_id, reply.user, reply.host, reply.port, reply.status, None,
        one_line(reply.words, 300), one_line(reply.hint, 300), bootstrap=reply.bootstrap,
    )  # fmt: skip
    if reply.status != PLANNED:
        return _Read(entry, _EMPTY, None)
    try:
        scan, facts = wire.of_scan(reply.answer, session_id=reply.session_id)
    except Broken as error:
        words = f"its answer cannot be read ({one_line(str(error), 160)})"
        return _Read(replace(entry, status=ERROR, problem=words, hint=_OTHER), _EMPTY, None)
    kept = tuple(one for one in scan.candidates if one.proposed and left_by in {"", one.session})
    part = HostPart(scan.session_id, reply.host_id, facts, kept)
    if len(kept) > _SURELY_FIT and len(canonical.dump(part)) > canonical.MAX_BYTES:
        words = f"it proposes {len(kept)} candidates, more than a plan holds"
        return _Read(replace(entry, status=ERROR, problem=words, hint=_OTHER), _EMPTY, None)
    entry = replace(
        entry,
        session_id=scan.session_id,
        boot=facts.boot,
        uid=facts.uid,
        counts=scan.counts,
        hidden=facts.hidden,
    )
    return _Read(entry, scan, facts, kept)


def _without_twins(pool: Iterable[_Read]) -> list[_Read]:
    """The pool in which each process is once: two names of one machine show the same ones, and the first name has them."""
    owners: dict[str, str] = {}
    found = []
    for one in pool:
        own = one.entry.host_id
        for candidate in one.scan.candidates:
            owners.setdefault(candidate.candidate_id, own)
        kept = tuple(c for c in one.kept if owners[c.candidate_id] == own)
        others = [owners[c.candidate_id] for c in one.scan.candidates if owners[c.candidate_id] != own]
        entry = replace(one.entry, twin=others[0]) if others else one.entry
        found.append(one._replace(entry=entry, kept=kept))
    return found


def _part(one: _Read) -> HostPart:
    assert one.facts is not None
    return HostPart(one.scan.session_id, one.entry.host_id, one.facts, one.kept)


def _entry(one: _Read, number: int, parts: Mapping[str, HostPart], selected: set[str]) -> PlanHost:
    part = parts.get(one.entry.host_id)
    if part is None:
        return one.entry
    chosen = sum(candidate.candidate_id in selected for candidate in one.kept)
    digest = plan_record.digest_of(canonical.dump(part))
    where = f"{plan_record.PARTS}/{number:05d}.json"
    return replace(one.entry, candidates=len(one.kept), selected=chosen, part=where, digest=digest)


def _offered(
    pairs: Sequence[tuple[str, PlannedCandidate]], selected: Sequence[str], alpha: float
) -> tuple[str, ...]:
    """What can be slowed down or paused, and taken back, on somebody's word: only what is useful as it is would suffer.

    No e-value speaks of that, so it is never selected; the Bayesian rule alone, on the probability of being useful and for each host by itself, limits it.
    """
    chosen: list[str] = []
    for host in dict.fromkeys(host for host, _ in pairs):
        own = [one for where, one in pairs if where == host]
        soft = [one for one in own if one.action in REVERSIBLE and one.candidate_id not in selected]
        fine = selection.mean_lfdr([one.posterior[records.USEFUL] for one in soft], alpha=alpha)
        chosen += [soft[position].candidate_id for position in fine]
    return tuple(sorted(chosen))
