"""What a report of a plan over hosts tells: the plan, its hosts' machines, and all that has become of it, of all hosts or of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from gitfleet.dispatch import risk
from gitfleet.errors import UsageError
from gitfleet.fleet.views import fleet_plan_rows
from gitfleet.fleet.views.fleet_plan_rows import SELECTED, FleetCandidateRow, FleetPlanHead, RiskBudgetRow
from gitfleet.fleet.views.rows import row_of
from gitfleet.fleet.views.scan_rows import MachineRow
from gitfleet.triage import outcomes
from gitfleet.triage.plan_record import HostPart, WholePlan
from gitfleet.triage.service import FleetPlans


class ReportMachineRow(MachineRow):
    """The machine of one host."""

    host_id: str


class ReportActRow(TypedDict):
    """One action that was asked for, and the newest that is known of it."""

    host_id: str
    candidate_id: str
    category: str
    pattern: str
    action: str
    outcome: str
    """As in `fleet apply`; or `undone`."""
    detail: str


class ReportMistakeRow(TypedDict):
    """A candidate that was reported as a mistake."""

    candidate_id: str
    at: int
    reason: str


class FleetReportAnswer(FleetPlanHead):
    """`fleet report`: what the page says."""

    host: str
    """The host that it is about; empty: all of the plan."""
    file: str
    """Where the page was written."""
    candidates: list[FleetCandidateRow]
    machines: list[ReportMachineRow]
    actions: list[ReportActRow]
    mistakes: list[ReportMistakeRow]
    budget: RiskBudgetRow
    memory_selected: int
    """Bytes that what is selected uses, memory that several share counted in part where that is known."""
    expected_mistakes: float
    """How many of what the whole plan selects are in use after all, by their probabilities."""


def report_of(plans: FleetPlans, fleet_session: str, host: str = "") -> FleetReportAnswer:
    """The report of a plan as it is known here now. Raises UsageError for a host that it has not, and as `FleetPlans.get`."""
    kept = plans.get(fleet_session)
    return report_answer(
        kept.whole, added=kept.added, staked=plans.staked(kept.whole), budget=plans.budget(), host=host
    )


def report_answer(
    whole: WholePlan,
    *,
    added: Mapping[str, bytes],
    staked: risk.StakedPlan | None,
    budget: risk.RiskBudget,
    host: str = "",
) -> FleetReportAnswer:
    """The report of a plan, or of one of its hosts. Raises UsageError for a host that it has not."""
    hosts = [one for one in whole.plan.hosts if host in {"", one.host_id}]
    if not hosts:
        names = ", ".join(one.host_id for one in whole.plan.hosts[:8])
        raise UsageError(f"The plan {whole.plan.id} has no host '{host[:64]}'.", hint=f"It has {names}.")
    every = fleet_plan_rows.candidates(whole)
    found = [one for one in every if host in {"", one["host_id"]}]
    ids, chosen = {one["candidate_id"] for one in found}, [one for one in every if one["state"] == SELECTED]
    weights = [
        one["pss"] if one["pss"] is not None else one["rss"] for one in found if one["state"] == SELECTED
    ]
    return {
        **fleet_plan_rows.head(whole, host),
        "host": host,
        "file": "",
        "candidates": found,
        "machines": [_machine(whole.parts[one.host_id]) for one in hosts if one.host_id in whole.parts],
        "actions": _acts(whole, added, found),
        "mistakes": _mistakes(staked, ids),
        "budget": fleet_plan_rows.budget_row(budget),
        "memory_selected": sum(weights),
        "expected_mistakes": round(sum(one["mistake"] for one in chosen), 6),
    }


def _machine(part: HostPart) -> ReportMachineRow:
    return row_of(ReportMachineRow, part.facts, host_id=part.host_id, pressure=dict(part.facts.pressure))


def _acts(
    whole: WholePlan, added: Mapping[str, bytes], found: Iterable[FleetCandidateRow]
) -> list[ReportActRow]:
    shown = {(one["host_id"], one["candidate_id"]): one for one in found}
    return [
        row_of(ReportActRow, act, category=shown[key[:2]]["category"], pattern=shown[key[:2]]["pattern"])
        for key, act in outcomes.newest(whole, added).items()
        if key[:2] in shown
    ]


def _mistakes(staked: risk.StakedPlan | None, ids: Iterable[str]) -> list[ReportMistakeRow]:
    known = set(ids)
    return [
        {"candidate_id": one.candidate, "at": one.at, "reason": one.reason}
        for one in (staked.reports if staked else ())
        if one.candidate in known
    ]
