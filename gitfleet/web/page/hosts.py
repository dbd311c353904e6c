"""The page of hosts: the plans over them, one of these with what it proposes and what came of it, and one candidate with its evidence."""

from __future__ import annotations

from collections.abc import Sequence

from gitfleet.codec import Struct
from gitfleet.errors import UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.reports import charts
from gitfleet.fleet.reports.charts import EvidenceChart
from gitfleet.fleet.views import plan_shelf
from gitfleet.fleet.views.fleet_plan_rows import (
    SELECTED,
    CrossHostPatternRow,
    FleetCandidateRow,
    FleetHostRow,
    RiskBudgetRow,
)
from gitfleet.fleet.views.fleet_report_rows import FleetReportAnswer, ReportActRow, ReportMachineRow
from gitfleet.fleet.views.plan_shelf import PlanLine
from gitfleet.triage.acts_wire import FINE
from gitfleet.triage.plan_record import PLANNED
from gitfleet.web.page.page import PageQuery

ASKS = ("plan", "id")
"""The fields of its address."""
MOST = 400
"""Candidates that are listed: what is selected and offered comes first."""
_WORST = (
    "failed",
    "survived",
    "unknown",
    "refused-identity",
    "refused-gate",
    "refused",
    "left-out",
    "not-asked",
)


class CandidateLine(Struct):
    """A candidate in the list; `outcomes`: how what was done about it ended."""

    key: str
    plan: str
    row: FleetCandidateRow
    memory: int
    outcomes: tuple[str, ...]
    fine: bool
    open: bool


class HostLine(Struct):
    """A host that was asked, and its machine as it was then."""

    key: str
    row: FleetHostRow
    machine: ReportMachineRow | None


class ActLine(Struct):
    """An action, and what came of it."""

    key: str
    row: ReportActRow
    fine: bool


class PatternLine(Struct):
    """What is proposed on several hosts alike."""

    key: str
    row: CrossHostPatternRow


class CandidateLook(Struct):
    """A candidate with all that is known of it. `blocked`: gates that stood against it at the scan."""

    row: FleetCandidateRow
    memory: int
    chart: EvidenceChart
    acts: tuple[ReportActRow, ...]
    blocked: tuple[str, ...]


class HostsView(Struct):
    """The page. `hosts` are the candidates on them (the browser finds the row of an address by the page's name), `machines` the hosts. `kills`, `gentle`: how much of what is selected is ended, and how much slowed down or paused."""

    plans: tuple[PlanLine, ...]
    more: int
    line: PlanLine | None
    plan: FleetReportAnswer | None
    step: str
    budget: RiskBudgetRow | None
    answered: int
    kills: int
    gentle: int
    done: int
    hosts: tuple[CandidateLine, ...]
    left_out: int
    machines: tuple[HostLine, ...]
    acts: tuple[ActLine, ...]
    patterns: tuple[PatternLine, ...]
    candidate: CandidateLook | None
    lost: str


def look(fleet: Fleet, asked: PageQuery) -> HostsView:
    """The page as it stands."""
    lost = ""
    try:
        shelf = plan_shelf.look(fleet, asked.get("plan"))
    except UsageError as error:
        lost, shelf = f"{error.message} {error.hint}", plan_shelf.look(fleet)
    plan = shelf.report
    found = _candidate(plan, asked.get("id")) if plan else None
    if plan and asked.get("id") and found is None:
        lost = "This plan has no such candidate."
    chosen = [one for one in plan["candidates"] if one["state"] == SELECTED] if plan else []
    lines = _candidates(plan, asked.get("id")) if plan else []
    return HostsView(
        plans=shelf.lines, more=shelf.more, line=shelf.line, plan=plan, step=shelf.step,
        budget=plan["budget"] if plan else None,
        answered=sum(host["status"] == PLANNED for host in plan["hosts"]) if plan else 0,
        kills=sum(one["action"] == "terminate" for one in chosen),
        gentle=sum(one["action"] != "terminate" for one in chosen),
        done=sum(act["outcome"] in FINE for act in plan["actions"]) if plan else 0,
        hosts=tuple(lines[:MOST]), left_out=max(0, len(lines) - MOST),
        machines=_hosts(plan) if plan else (), acts=_acts(plan["actions"]) if plan else (),
        patterns=tuple(PatternLine(row["pattern"], row) for row in plan["cross_host_patterns"]) if plan else (),
        candidate=found, lost=lost,
    )  # fmt: skip


def memory_of(row: FleetCandidateRow) -> int:
    """Bytes that would be won, memory that several share counted in part where that is known. Pure."""
    return row["pss"] if row["pss"] is not None else row["rss"]


def _candidates(plan: FleetReportAnswer, open_: str) -> list[CandidateLine]:
    ended: dict[tuple[str, str], list[str]] = {}
    for act in plan["actions"]:
        ended.setdefault((act["host_id"], act["candidate_id"]), []).append(act["outcome"])
    lines: list[CandidateLine] = []
    known: set[str] = set()
    for row in plan["candidates"]:
        words = ended.get((row["host_id"], row["candidate_id"]), [])
        fine = all(word in FINE or word == "undone" for word in words)
        key = (
            row["candidate_id"]
            if row["candidate_id"] not in known
            else f"{row['candidate_id']}@{row['host_id']}"
        )
        known.add(row["candidate_id"])
        is_open = row["candidate_id"] == open_
        lines.append(
            CandidateLine(key, plan["fleet_session_id"], row, memory_of(row), tuple(words), fine, is_open)
        )
    return lines


def _candidate(plan: FleetReportAnswer, candidate_id: str) -> CandidateLook | None:
    row = next((one for one in plan["candidates"] if one["candidate_id"] == candidate_id), None)
    if row is None:
        return None
    fdr = plan["fleet_fdr"]
    needed = fdr["needed_bits"] if fdr["alpha"] else 0.0
    bits = [piece["bits"] for piece in row["evidence"]]
    chart = charts.evidence(
        [(piece["feature"], piece["value"], piece["bits"]) for piece in row["evidence"]],
        scale=charts.scale_of([needed, row["log_e"], *bits]),
        total=row["log_e"],
        needed=needed,
    )
    acts = tuple(act for act in plan["actions"] if act["candidate_id"] == candidate_id)
    blocked = tuple(
        f"{gate['name']}: {gate['state']} {gate['detail']}".strip()
        for gate in row["gates"]
        if gate["state"] != "passed"
    )
    return CandidateLook(row, memory_of(row), chart, acts, blocked)


def _hosts(plan: FleetReportAnswer) -> tuple[HostLine, ...]:
    """Those that did not answer first: what is not known matters more than what is."""
    machines = {one["host_id"]: one for one in plan["machines"]}
    rows = sorted(
        plan["hosts"], key=lambda row: (row["status"] == PLANNED, -row["selected"], -row["candidates"])
    )
    return tuple(HostLine(row["host_id"], row, machines.get(row["host_id"])) for row in rows)


def _acts(rows: Sequence[ReportActRow]) -> tuple[ActLine, ...]:
    """What went wrong first."""
    lines = [
        ActLine(
            f"{row['host_id']} {row['candidate_id']} {row['action']}",
            row,
            row["outcome"] in FINE or row["outcome"] == "undone",
        )
        for row in rows
    ]
    return tuple(sorted(lines, key=lambda one: (one.fine, _rank(one.row["outcome"]), one.key)))


def _rank(outcome: str) -> int:
    return _WORST.index(outcome) if outcome in _WORST else len(_WORST)
