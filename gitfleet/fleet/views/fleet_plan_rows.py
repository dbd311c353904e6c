"""Plans over hosts as rows. The names of the fields that a plan's answer begins with are those of the guide to operating fleets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict

from gitfleet.base.text import one_line
from gitfleet.dispatch import risk
from gitfleet.fleet.views.rows import row_of
from gitfleet.triage.plan_record import PLANNED, FleetPlan, PlanHost, WholePlan
from gitfleet.triage.wire import PlannedCandidate

SELECTED, OFFERED, LEFT = "selected", "offered", "left"


class FleetHostRow(TypedDict):
    """One host that was asked."""

    host_id: str
    """As it was named."""
    session_id: str | None
    """What the host keeps its snapshot as; null where it gave no answer."""
    status: str
    """`planned`, or why it is not: `unreachable`, `blocked`, `no-tool`, `version-mismatch`, `timeout`, `died`, `error`."""
    problem: str
    hint: str
    """What to do about it."""
    candidates: int
    selected: int
    processes: int
    """Processes that were seen."""
    tested: int
    """Groups of processes that were judged."""
    unreadable: int
    """Own processes of which something that matters could not be read: nothing is known of these."""
    foreign: int
    """Processes of other users, which are not judged."""
    hidden: bool
    """Whether the host hides processes, so that what was not seen may still be there."""
    same_machine_as: str
    """The host that shows the same processes, which count there; empty: none."""


class FleetSummaryRow(TypedDict):
    """All hosts together. `hosts_by_status` adds up to `total_hosts`."""

    total_hosts: int
    total_candidates: int
    total_processes: int
    hosts_by_status: dict[str, int]


class FleetFdrRow(TypedDict):
    """How candidates were selected, from all hosts as one pool."""

    pooled: bool
    alpha: float
    """The share of mistakes among what is selected that is not to be exceeded."""
    total_selected: int
    """What both rules select."""
    total_offered: int
    """What can be slowed down or paused, and taken back, on somebody's word; not part of what is selected."""
    asked: float
    """The level that was asked for; the fleet may risk less."""
    tested: int
    """How many groups were judged on all hosts: what the selection was corrected for."""
    needed_bits: float
    """Bits of evidence that the weakest selected one had to have; with none selected, that the strongest would have to have."""
    by_rule: dict[str, int]
    """How many each rule alone would select: `bayes` by mean local false discovery rate, `e_values` by e-BH."""


class CrossHostPatternRow(TypedDict):
    """What is proposed on several hosts alike."""

    pattern: str
    hosts: list[str]
    count: int


class FleetEvidenceRow(TypedDict):
    """What one feature says, in bits towards abandonment; negative: away from it."""

    feature: str
    value: str
    bits: float


class FleetGateRow(TypedDict):
    """A safety gate as it stood when it was asked: `passed`, `blocked` or `unknown`."""

    name: str
    state: str
    detail: str


class FleetCandidateRow(TypedDict):
    """A group of processes that something is proposed for. Memory in bytes, times in seconds, `cpu` in cores."""

    candidate_id: str
    host_id: str
    category: str
    signature: str
    pattern: str
    command: str
    """As far as the redaction profile lets it leave its host."""
    cwd: str
    action: str
    """`terminate`, or what is less: `throttle`, `pause`, `renice`."""
    state: str
    """`selected`; `offered` (for somebody to decide); or `left`."""
    mistake: float
    """The probability that it is in use."""
    posterior: dict[str, float]
    log_e: float
    """Bits of evidence against every way of being in use."""
    evidence: list[FleetEvidenceRow]
    missing: list[str]
    """What could not be known of it."""
    gates: list[FleetGateRow]
    reversible: dict[str, bool]
    """Which actions can be taken back on that host."""
    pid: int
    processes: int
    rss: int
    pss: int | None
    cpu: float | None
    age: float
    listening: list[int] | None
    session: str | None
    """The session that started it."""
    origin: str
    """How that is known."""
    session_state: str
    orphan: bool


class FleetPlanHead(TypedDict):
    """What every answer about one plan begins with."""

    fleet_session_id: str
    hosts: list[FleetHostRow]
    fleet_summary: FleetSummaryRow
    """Of these hosts."""
    fleet_fdr: FleetFdrRow
    """Of the whole plan."""
    cross_host_patterns: list[CrossHostPatternRow]
    plan_oid: str
    """The commit that is the plan: it is applied by this, and as it stands."""
    made_at: int
    profile: str


class FleetPlanAnswer(FleetPlanHead):
    """`fleet plan`, `fleet show`."""

    candidates: list[FleetCandidateRow]


class RiskBudgetRow(TypedDict):
    """What plans may risk: each mistake that is reported costs what its plan staked."""

    level: float
    """The highest level that a plan can be made at now."""
    wealth: float
    """What is left of the initial wealth, as a share of it."""
    lost: float
    """What mistakes have cost so far, as a share of it."""


class FleetStatusAnswer(FleetPlanHead):
    """`fleet status`."""

    made_here: bool
    """Whether this clone made it."""
    shown: bool
    """Whether all of it was shown to somebody in this clone."""
    mistakes: list[str]
    """Candidates that were reported as mistakes."""
    applied: bool
    """Whether the fleet was told that it is applied."""
    outcomes: dict[str, int]
    """How many actions ended in which way, as far as that was kept with the plan."""
    budget: RiskBudgetRow


class FleetListRow(TypedDict):
    """One plan."""

    fleet_session_id: str
    tip: str
    """The newest commit of its ref."""
    here: bool
    """Whether this clone has it."""


class FleetListAnswer(TypedDict):
    """`fleet list`."""

    plans: list[FleetListRow]
    budget: RiskBudgetRow


class FleetMistakeAnswer(TypedDict):
    """`fleet mistake`."""

    fleet_session_id: str
    candidate_id: str
    changed: bool
    """Whether it was not reported before."""
    budget: RiskBudgetRow


class FleetTrustAnswer(TypedDict):
    """`fleet trust`."""

    changed: bool
    budget: RiskBudgetRow


class FleetReviewAnswer(TypedDict):
    """`fleet review`."""

    fleet_session_id: str
    plan_oid: str
    comments: int
    """Lines with comments in the file."""


def plan_answer(whole: WholePlan) -> FleetPlanAnswer:
    """A plan with all its candidates, selected ones first."""
    return {**head(whole), "candidates": candidates(whole)}


def head(whole: WholePlan, host: str = "") -> FleetPlanHead:
    """What is said of the plan, or of one of its hosts, in every answer."""
    plan = whole.plan
    hosts = [one for one in plan.hosts if host in {"", one.host_id}]
    return {
        "fleet_session_id": plan.id,
        "hosts": [host_row(one) for one in hosts],
        "fleet_summary": summary(hosts),
        "fleet_fdr": fdr(plan),
        "cross_host_patterns": [one for one in patterns(plan) if not host or host in one["hosts"]],
        "plan_oid": whole.oid,
        "made_at": plan.at,
        "profile": plan.profile,
    }


def status_answer(
    whole: WholePlan,
    *,
    ours: bool,
    shown: bool,
    staked: risk.StakedPlan | None,
    budget: risk.RiskBudget,
    ended: Mapping[str, int],
) -> FleetStatusAnswer:
    """A plan without its candidates, and what has become of it."""
    return {
        **head(whole),
        "made_here": ours,
        "shown": shown,
        "mistakes": [one.candidate for one in staked.reports] if staked else [],
        "applied": bool(ended or (staked and staked.applied)),
        "outcomes": dict(ended),
        "budget": budget_row(budget),
    }


def listing(found: Mapping[str, str], own: Iterable[str], budget: risk.RiskBudget) -> FleetListAnswer:
    """All plans, newest first."""
    here = set(own)
    rows: list[FleetListRow] = [
        {"fleet_session_id": name, "tip": tip, "here": name in here} for name, tip in found.items()
    ]
    return {"plans": rows, "budget": budget_row(budget)}


def host_row(host: PlanHost) -> FleetHostRow:
    """One host."""
    counts = host.counts
    return row_of(
        FleetHostRow, host, processes=counts.processes, tested=counts.judged, unreadable=counts.unreadable,
        foreign=counts.foreign, same_machine_as=host.twin,
    )  # fmt: skip


def summary(hosts: Sequence[PlanHost]) -> FleetSummaryRow:
    """All hosts together."""
    return {
        "total_hosts": len(hosts),
        "total_candidates": sum(host.candidates for host in hosts),
        "total_processes": sum(host.counts.processes for host in hosts if not host.twin),
        "hosts_by_status": dict(sorted(Counter(host.status for host in hosts).items())),
    }


def fdr(plan: FleetPlan) -> FleetFdrRow:
    """How it was selected."""
    return {
        "pooled": True,
        "alpha": plan.alpha,
        "total_selected": len(plan.selected),
        "total_offered": len(plan.offered),
        "asked": plan.asked,
        "tested": plan.tested,
        "needed_bits": round(plan.needed, 2),
        "by_rule": dict(plan.by_rule),
    }


def patterns(plan: FleetPlan) -> list[CrossHostPatternRow]:
    """What several hosts have in common."""
    return [row_of(CrossHostPatternRow, one) for one in plan.patterns]


def candidates(whole: WholePlan) -> list[FleetCandidateRow]:
    """All of them: selected ones first, then by probability of being in use."""
    states = {**dict.fromkeys(whole.plan.offered, OFFERED), **dict.fromkeys(whole.plan.selected, SELECTED)}
    found = [(states.get(one.candidate_id, LEFT), host.host_id, one) for host, one in whole.candidates()]
    found.sort(key=lambda row: ((SELECTED, OFFERED, LEFT).index(row[0]), row[2].in_use, row[2].candidate_id))
    return [_candidate(one, host_id, state) for state, host_id, one in found]


def _candidate(one: PlannedCandidate, host_id: str, state: str) -> FleetCandidateRow:
    return row_of(
        FleetCandidateRow, one, host_id=host_id, state=state, mistake=round(one.in_use, 6), pid=one.identity.pid,
        posterior=dict(one.posterior), reversible=dict(one.reversible),
        evidence=[row_of(FleetEvidenceRow, piece) for piece in one.evidence],
        gates=[row_of(FleetGateRow, gate) for gate in one.gates],
    )  # fmt: skip


def budget_row(budget: risk.RiskBudget) -> RiskBudgetRow:
    """What may be risked, in numbers for people."""
    return {
        "level": round(budget.level / risk.UNIT, 6),
        "wealth": round(budget.wealth / risk.START, 6),
        "lost": round(budget.lost / risk.START, 6),
    }


def status_of(plan: FleetPlan) -> tuple[str, int]:
    """The word and the exit code: all hosts have answered, some have, or none has."""
    planned = sum(host.status == PLANNED for host in plan.hosts)
    if planned == len(plan.hosts):
        return "success", 0
    return ("partial", 21) if planned else ("error", 30)


def host_words(host: PlanHost) -> str:
    """How it went with a host, in one line."""
    return one_line(host.problem or (f"the same machine as {host.twin}" if host.twin else ""), 120)
