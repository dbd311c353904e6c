"""Which of the groups of a scan are candidates, and how many were asked about: the m of the selection.

Every group that is not kept by its kind counts as asked about, also one that is supervised: that somebody looks after it is part
of the evidence, and to count only those without it would make their e-values too large.
"""

from __future__ import annotations

import os
from typing import Iterable, Mapping

from gitfleet.onhost import inference, memory, procfs, protection
from gitfleet.onhost.holding import holders
from gitfleet.onhost.provenance import of_group
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


def candidates(
    table: ProcessTable,
    groups: Iterable[ProcessGroup],
    origins: Mapping[int, Origin],
    asked: ScanRequest,
    root: str = procfs.PROC,
) -> tuple[tuple[TriageCandidate, ...], int]:
    """What may be acted on or should be seen, most likely abandoned first, and how many groups were judged in all.

    Only the memory of candidates is weighed (PSS), since that is expensive. Gates are not asked here: see `acting.preview`.
    """
    found: list[TriageCandidate] = []
    judged = 0
    protect = protection.protected(asked.protect)
    known, holding = dict(origins), holders(table)
    for group in groups:
        origin = of_group(group.members, known)
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
