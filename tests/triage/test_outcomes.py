"""What became of a plan, by what was added to it: the newest word counts, and what is none is passed over."""

from __future__ import annotations

from typing import Any

from gitfleet.base import canonical
from gitfleet.triage import outcomes, planning
from tests.triage.candidates import candidate
from tests.triage.test_planning import REQUEST, reply


def run(*acts: dict[str, Any], **more: Any) -> bytes:
    return canonical.dump({"acts": list(acts), "at": 1, "node": "ann", **more})


def act(number: int, outcome: str, host: str = "host1") -> dict[str, Any]:
    return {"host_id": host, "candidate_id": f"c-{number:012x}", "action": "terminate", "outcome": outcome}


def test_newest_outcome_of_each_action_counts_and_what_is_none_is_passed_over() -> None:
    whole = planning.merge(REQUEST, [reply(1, candidate(1), candidate(2), candidate(3))])
    added = {
        "applied/01A.json": run(act(1, "unknown"), act(2, "done"), detail="x"),
        "applied/01B.json": run(act(1, "done"), act(9, "done"), act(2, "survived", "host9")),
        "applied/01C.json": b"{",
        "applied/01D.json": run(act(3, "\x1b[2J")),
        "review/01E.yaml": run(act(3, "done")),
    }
    assert outcomes.counted(whole, added) == {"done": 2}
    assert outcomes.counted(whole, {}) == {}
