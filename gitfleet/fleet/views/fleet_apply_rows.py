"""Applications of plans over hosts as rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypedDict

from gitfleet.fleet.views import fleet_plan_rows
from gitfleet.fleet.views.fleet_plan_rows import (
    CrossHostPatternRow,
    FleetFdrRow,
    FleetGateRow,
    FleetSummaryRow,
)
from gitfleet.fleet.views.rows import row_of
from gitfleet.triage.acts_wire import NOT_ASKED
from gitfleet.triage.applications import ApplyReport, HostActs
from gitfleet.triage.applying import ActResult
from gitfleet.triage.choosing import PlannedAct

LEFT_OUT = "left-out"


class ApplyActRow(TypedDict):
    """One action on one candidate."""

    host_id: str
    candidate_id: str
    category: str
    pattern: str
    action: str
    outcome: str
    """`done`; `gone-before` (it had ended already); `skipped`; `refused-identity`, `refused-gate`, `refused` (nothing was touched); `failed`; `survived` (asked to end, and runs on); `unknown` (nobody knows: resume);
    `not-asked` (nothing was touched); `left-out` (by a cap)."""
    detail: str
    left: list[int]
    """Processes that still run."""
    respawned: list[int]
    """Copies that came up afterwards."""
    gates: list[FleetGateRow]
    """Those that forbade it: `blocked`, or `unknown`, which forbids, too."""
    reversible: bool
    """Whether it can be undone there."""
    paused_until: float | None
    """When what is paused goes on by itself, in seconds since 1970."""
    repeated: bool
    """Whether the host only told what it had done before."""


class ApplyHostRow(TypedDict):
    """One host of those that something was to be done on."""

    host_id: str
    session_id: str | None
    status: str
    """`applied`, `partial`, `refused`, or why it could not be asked, as in a plan."""
    actions: int
    done: int


class ApplySummaryRow(TypedDict):
    """All hosts together."""

    total_actions: int
    total_done: int
    outcomes: dict[str, int]


class FleetApplyAnswer(TypedDict):
    """`fleet apply`, `fleet resume`."""

    fleet_session_id: str
    plan_oid: str
    hosts: list[ApplyHostRow]
    actions: list[ApplyActRow]
    apply_summary: ApplySummaryRow
    fleet_summary: FleetSummaryRow
    """The plan's: all its hosts, and what was proposed there."""
    fleet_fdr: FleetFdrRow
    cross_host_patterns: list[CrossHostPatternRow]
    stopped: str
    """What stopped it before all was done; empty: nothing."""


class HostActRow(TypedDict):
    """One action, as its host knows it."""

    candidate_id: str
    action: str
    at: float
    """When it was begun, in seconds since 1970, on the host's clock."""
    outcome: str | None
    """What came of it then; null: it was interrupted."""
    detail: str
    paused_until: float | None
    now: str
    """`gone`, `running`, `paused`, `respawned` (a copy of it runs); empty where that was not asked."""
    running: list[int]
    respawned: list[int]
    undo: str
    """`undone`, `cannot`, `gone`, `nothing`; empty where that was not asked."""


class HostActsRow(TypedDict):
    """What one host answered."""

    host_id: str
    status: str
    """`ok`, or why it could not be asked, as in a plan."""
    problem: str
    actions: list[HostActRow]


class FleetActsAnswer(TypedDict):
    """`fleet verify`, `fleet undo`."""

    fleet_session_id: str
    plan_oid: str
    hosts: list[HostActsRow]


def apply_answer(report: ApplyReport) -> FleetApplyAnswer:
    """An application."""
    plan, selected = report.whole.plan, [act_row(one) for one in report.results]
    rows = [*selected, *(left_out_row(act, why) for act, why in report.left_out)]
    done = sum(one.fine for one in report.results)
    return {
        "fleet_session_id": plan.id,
        "plan_oid": report.whole.oid,
        "hosts": _hosts(report),
        "actions": rows,
        "apply_summary": {
            "total_actions": len(rows),
            "total_done": done,
            "outcomes": dict(sorted(Counter(row["outcome"] for row in rows).items())),
        },
        "fleet_summary": fleet_plan_rows.summary(plan.hosts),
        "fleet_fdr": fleet_plan_rows.fdr(plan),
        "cross_host_patterns": fleet_plan_rows.patterns(plan),
        "stopped": report.stopped,
    }


def act_row(one: ActResult) -> ApplyActRow:
    """One action that was chosen."""
    act, answer = one.act, one.answer
    return row_of(
        ApplyActRow, answer, host_id=act.host_id, category=act.candidate.category, pattern=act.candidate.pattern,
        gates=[row_of(FleetGateRow, gate) for gate in answer.gates], paused_until=answer.until,
        reversible=bool(act.candidate.reversible.get(act.action)),
    )  # fmt: skip


def left_out_row(act: PlannedAct, why: str) -> ApplyActRow:
    """One action that a cap left out."""
    one = act.candidate
    return {
        "host_id": act.host_id, "candidate_id": one.candidate_id, "category": one.category, "pattern": one.pattern,
        "action": act.action, "outcome": LEFT_OUT, "detail": why, "left": [], "respawned": [], "gates": [],
        "reversible": bool(one.reversible.get(act.action)), "paused_until": None, "repeated": False,
    }  # fmt: skip


def acts_answer(fleet_session: str, oid: str, found: Iterable[HostActs]) -> FleetActsAnswer:
    """What hosts said of what was done there."""
    return {
        "fleet_session_id": fleet_session,
        "plan_oid": oid,
        "hosts": [
            {
                "host_id": one.host.host_id, "status": one.status, "problem": one.problem,
                "actions": [row_of(HostActRow, row) for row in one.rows],
            }
            for one in found
        ],
    }  # fmt: skip


def status_of(report: ApplyReport) -> tuple[str, int]:
    """The word and the exit code: all done; some; or nothing, since gates forbade it or no host could be asked."""
    results = report.results
    if all(one.fine for one in results):
        return "success", 0
    if any(
        one.fine or one.answer.outcome not in {NOT_ASKED, "refused-gate", "refused-identity", "refused"}
        for one in results
    ):
        return "partial", 21
    unreachable = all(one.problem for one in results)
    return "error", 30 if unreachable else 20


def acts_status(found: Sequence[HostActs], *, bad: frozenset[str]) -> tuple[str, int]:
    """The same for what hosts said; `bad` are words of `now` or `undo` with which something is left to do."""
    if found and all(one.status != "ok" for one in found):
        return "error", 30
    fine = all(one.status == "ok" for one in found)
    rows = [row for one in found for row in one.rows]
    return ("success", 0) if fine and not any({row.now, row.undo} & bad for row in rows) else ("partial", 21)


def _hosts(report: ApplyReport) -> list[ApplyHostRow]:
    sessions = {host.host_id: host.session_id for host in report.whole.plan.hosts}
    found: dict[str, list[ActResult]] = {}
    for one in report.results:
        found.setdefault(one.act.host_id, []).append(one)
    return [
        {
            "host_id": name, "session_id": sessions.get(name), "status": _status(results), "actions": len(results),
            "done": sum(one.fine for one in results),
        }
        for name, results in found.items()
    ]  # fmt: skip


def _status(results: Sequence[ActResult]) -> str:
    if all(one.fine for one in results):
        return "applied"
    problem = next((one.problem for one in results if one.problem), "")
    return problem or ("partial" if any(one.fine for one in results) else "refused")
