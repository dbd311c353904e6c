"""One scan of this host from beginning to end: look, say whose each process is, put together what belongs together, judge.

What it finds stays here; `candidate_form` puts into words what may leave.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from gitfleet.onhost import grouping, judging, places, procfs, provenance, snapshot
from gitfleet.onhost.acting.preview import previewed
from gitfleet.onhost.procfs import exists
from gitfleet.onhost.records import Origin, ProcessGroup, ProcessTable, ScanRequest, TriageCandidate


@dataclass(frozen=True)
class ScanFindings:
    """What a scan has found. `origins` by pid; `groups` are all of them, `candidates` those that were judged and may be acted on."""

    table: ProcessTable
    origins: dict[int, Origin]
    groups: tuple[ProcessGroup, ...]
    candidates: tuple[TriageCandidate, ...] = ()
    judged: int = 0
    session_id: str = field(default="")

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
    candidates, judged = judging.candidates(table, groups, known, request, root)
    if root == procfs.PROC:
        candidates = tuple(map(previewed, candidates))
    return ScanFindings(table, known, groups, candidates, judged, request.session_id)
