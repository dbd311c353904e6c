"""One scan of this host from beginning to end: look, say whose each process is, put together what belongs together, judge.

What it finds stays here; `candidate_form` puts into words what may leave.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Iterable, Mapping

from gitfleet.onhost import grouping, inference, memory, places, procfs, protection, provenance, snapshot
from gitfleet.onhost.acting.gates import GateQuestion, foreseen_gates
from gitfleet.onhost.acting.slowing import reversible
from gitfleet.onhost.holding import holders
from gitfleet.onhost.procfs import exists
from gitfleet.onhost.records import (
    ABANDONED,
    KEEP,
    USEFUL,
    Judgement,
    Origin,
    ProcessGroup,
    ProcessTable,
    ScanRequest,
    TriageCandidate,
)


@dataclass(frozen=True)
class ScanFindings:
    """What a scan has found. `origins` by pid; `groups` are all of them, `candidates` those that were judged and may be acted on."""

    table: ProcessTable
    origins: dict[int, Origin]
    groups: tuple[ProcessGroup, ...]
    candidates: tuple[TriageCandidate, ...] = ()
    judged: int = 0

    def origin(self, group: ProcessGroup) -> Origin:
        """Where a group comes from."""
        return provenance.of_group(group.members, self.origins)


def look(request: ScanRequest, root: str = procfs.PROC) -> ScanFindings:
    """All processes of this user in groups, with where they come from and what is thought of them."""
    table = snapshot.take(request.seconds, root)
    placed = places.placed(table, request.places, root)
    known = provenance.origins(
        table, request.sessions, placed, ends=request.ends, alive=exists, own_pid=os.getpid()
    )
    groups = tuple(grouping.groups(table, known))
    found, judged = candidates(table, groups, known, request, root)
    if root == procfs.PROC:
        found = tuple(map(previewed, found))
    return ScanFindings(table, known, groups, found, judged)


def candidates(
    table: ProcessTable,
    groups: Iterable[ProcessGroup],
    origins: Mapping[int, Origin],
    asked: ScanRequest,
    root: str = procfs.PROC,
) -> tuple[tuple[TriageCandidate, ...], int]:
    """What may be acted on or should be seen, most likely abandoned first, and how many groups were asked about: the m of the selection.

    Every group that is not kept by its kind counts as asked about, also one that is supervised: that somebody looks after it is part
    of the evidence, and to count only those without it would make their e-values too large.
    Only the memory of candidates is weighed (PSS), since that is expensive. Gates are not asked here: see `previewed`.
    """
    found: list[TriageCandidate] = []
    judged = 0
    protect = protection.protected(asked.protect)
    known, holding = dict(origins), holders(table)
    for group in groups:
        origin = provenance.of_group(group.members, known)
        judgement = inference.judge(
            group, origin, table, protect=protect, myself=os.getpid(), holding=holding
        )
        judged += not judgement.protected
        if _is_to_be_seen(origin, judgement):
            found.append(TriageCandidate(memory.weighed(group, root), origin, judgement))
    found.sort(key=lambda one: (-one.judgement.posterior[ABANDONED], -one.judgement.log_e))
    return tuple(found), judged


def _is_to_be_seen(origin: Origin, judgement: Judgement) -> bool:
    """There is something to do, or to know: what an ended session has left is shown also where it is kept."""
    if judgement.action != KEEP or (origin.state == "ended" and not origin.supervised):
        return True
    return not judgement.protected and judgement.posterior[USEFUL] < 0.5


def previewed(candidate: TriageCandidate) -> TriageCandidate:
    """The same candidate with that, if anything is proposed for it. All of it is looked at again before anything is done."""
    action = candidate.judgement.action
    members = tuple(one for one in candidate.group.members if not one.zombie)
    if action == KEEP or candidate.judgement.protected or not members:
        return candidate
    question = GateQuestion(members, action, candidate.judgement.category, candidate.group.pgid)
    return replace(candidate, gates=foreseen_gates(question), reversible=reversible(members))
