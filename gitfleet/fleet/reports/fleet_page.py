"""The report of a plan over hosts as a page: of all its hosts, or of one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gitfleet.fleet.reports import charts, page
from gitfleet.fleet.views.fleet_plan_rows import LEFT, OFFERED, SELECTED, FleetCandidateRow
from gitfleet.fleet.views.fleet_report_rows import FleetReportAnswer
from gitfleet.triage.acts_wire import FINE
from gitfleet.triage.plan_record import PLANNED

MOST_CARDS = 300
"""Candidates of one kind that are shown with all their evidence; the others are counted, or listed."""
MOST_ROWS = 2000


class CandidateCard(NamedTuple):
    """A candidate with its chart, and how what was done about it ended."""

    row: FleetCandidateRow
    chart: charts.EvidenceChart
    outcomes: tuple[str, ...]


def html(report: FleetReportAnswer) -> str:
    """The page. Pure but for the templates."""
    by_state: dict[str, list[FleetCandidateRow]] = {SELECTED: [], OFFERED: [], LEFT: []}
    for one in report["candidates"]:
        by_state[one["state"]].append(one)
    needed = report["fleet_fdr"]["needed_bits"] if report["fleet_fdr"]["alpha"] else 0.0
    left = by_state[LEFT] if report["host"] else []
    cards = _cards(report, [*by_state[SELECTED], *by_state[OFFERED], *left], needed)
    shown = {state: [card for card in cards if card.row["state"] == state] for state in by_state}
    rest = [] if report["host"] else by_state[LEFT]
    return page.render(
        "plan.html",
        title=f"{report['host'] or 'Fleet'}: {report['fleet_session_id']}",
        plan=report,
        answered=sum(host["status"] == PLANNED for host in report["hosts"]),
        unheard=sum(host["status"] != PLANNED for host in report["hosts"]),
        count={state: len(found) for state, found in by_state.items()},
        done=sum(act["outcome"] in FINE for act in report["actions"]),
        outcomes=dict(sorted(Counter(act["outcome"] for act in report["actions"]).items())),
        shares=_shares(report),
        gaps=[
            host
            for host in report["hosts"]
            if host["status"] == PLANNED and (host["unreadable"] or host["foreign"] or host["hidden"])
        ][:MOST_ROWS],
        curves=None if report["host"] else charts.selection(report["candidates"], report["fleet_fdr"]),
        sections=[
            ("Selected", "Both rules select these: nobody seems to need them.", shown[SELECTED][:MOST_CARDS]),
            ("Offered", "A person decides these: what would be done can be undone.", shown[OFFERED][:MOST_CARDS]),
            ("Left alone", "Not sure enough to be selected or offered.", shown[LEFT][:MOST_CARDS]),
        ],
        rest=rest,
        left_out=sum(max(0, len(found) - MOST_CARDS) for found in shown.values()) + max(0, len(rest) - MOST_ROWS),
        most_rows=MOST_ROWS,
    )  # fmt: skip


def _cards(
    report: FleetReportAnswer, found: Sequence[FleetCandidateRow], needed: float
) -> list[CandidateCard]:
    ended: dict[tuple[str, str], list[str]] = {}
    for act in report["actions"]:
        ended.setdefault((act["host_id"], act["candidate_id"]), []).append(act["outcome"])
    bits = [piece["bits"] for one in found for piece in one["evidence"]]
    scale = charts.scale_of([needed, *bits, *(one["log_e"] for one in found)])
    return [
        CandidateCard(
            one,
            charts.evidence(
                [(piece["feature"], piece["value"], piece["bits"]) for piece in one["evidence"]],
                scale=scale, total=one["log_e"], needed=needed,
            ),
            tuple(ended.get((one["host_id"], one["candidate_id"]), ())),
        )
        for one in found
    ]  # fmt: skip


def _shares(report: FleetReportAnswer) -> Mapping[str, tuple[charts.StackedPart, ...]]:
    counted = Counter((one["host_id"], one["state"]) for one in report["candidates"])
    return {
        host["host_id"]: charts.stacked(
            [counted[host["host_id"], state] for state in (SELECTED, OFFERED, LEFT)]
        )
        for host in report["hosts"]
        if host["candidates"]
    }
