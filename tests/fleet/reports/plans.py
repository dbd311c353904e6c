"""Plans to make reports of."""

from __future__ import annotations

from typing import Any

from gitfleet.base import canonical
from gitfleet.codec import replace
from gitfleet.dispatch import risk
from gitfleet.fleet.views import fleet_report_rows
from gitfleet.fleet.views.fleet_report_rows import FleetReportAnswer
from gitfleet.triage import planning
from tests.triage.candidates import candidate, facts, scan
from tests.triage.test_planning import REQUEST, reply, session

OID = "5f3c" * 10
EVIDENCE = [
    {"feature": "session", "value": "ended", "bits": 14.0},
    {"feature": "orphan", "value": "yes", "bits": 1.0},
    {"feature": "age", "value": "53 times the usual life", "bits": 1.5},
    {"feature": "connections", "value": "1", "bits": -4.0},
]


def fleet_of(
    *replies: planning.ScanReply, host: str = "", acts: tuple[dict[str, Any], ...] = ()
) -> FleetReportAnswer:
    """The report of what these hosts answered, and of what was done."""
    whole = replace(planning.merge(REQUEST, list(replies)), oid=OID)
    added = {"applied/01A.json": canonical.dump({"at": 1, "node": "ann", "acts": list(acts)})} if acts else {}
    found = whole.plan.selected[:1]
    reports = tuple(risk.MistakeReport(one, REQUEST.at, "ann", "that was mine") for one in found)
    staked = risk.StakedPlan(REQUEST.id, OID, risk.ALPHA, REQUEST.at, True, False, reports)
    return fleet_report_rows.report_answer(
        whole, added=added, staked=staked, budget=risk.RiskBudget(), host=host
    )


def usual(host: str = "") -> FleetReportAnswer:
    """Two hosts with leaks of all kinds, one that was not reached, and an application that met a gate."""
    one = [
        candidate(
            number,
            evidence=EVIDENCE,
            gates=[{"name": "open-files", "state": "blocked", "detail": "writes ~/h-1/notes.db"}],
        )
        for number in (1, 2, 3)
    ]
    two = [
        candidate(4, evidence=EVIDENCE),
        *(
            candidate(n, log_e=1.0 + n / 4, in_use=0.02 * n, pattern="vite", command="vite --port 5173")
            for n in range(10, 16)
        ),
    ]
    soft = candidate(
        20,
        action="pause",
        in_use=0.2,
        log_e=3.0,
        category="test-runner",
        signature="jest",
        command="jest --watch",
        pss=None,
        cpu=None,
        listening=None,
        session=None,
        reversible={"pause": True},
    )
    hosts = [
        reply(1, *one, judged=180),
        reply(
            2,
            answer={
                **scan(session(2), *two, soft, judged=220),
                "facts": facts(pressure={}, oom_kills=2, hidden=True, swap_total=1 << 32, swap_free=1 << 30),
            },
        ),
        reply(3, status="unreachable"),
    ]
    acts = (
        {"host_id": "host1", "candidate_id": f"c-{1:012x}", "action": "terminate", "outcome": "done"},
        {"host_id": "host1", "candidate_id": f"c-{2:012x}", "action": "terminate", "outcome": "refused-gate", "detail": "open-files: writes ~/h-1/notes.db"},
        {"host_id": "host2", "candidate_id": f"c-{4:012x}", "action": "terminate", "outcome": "unknown"},
    )  # fmt: skip
    return fleet_of(*hosts, host=host, acts=acts)
