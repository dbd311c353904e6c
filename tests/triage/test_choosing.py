"""What of a plan is applied: by what was named, within the caps, the gentlest first."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.errors import PolicyRefused, UsageError
from gitfleet.triage.choosing import ApplyChoice, PlannedAct, by_host, choose
from gitfleet.triage.plan_record import WholePlan
from gitfleet.triage.planning import PlanRequest, ScanReply, merge
from tests.triage.candidates import candidate, scan

REQUEST = PlanRequest("fleet-20260115-143022-a7b3", 1_768_487_422, "node", "0.1.0", "safe", 0.05, 0.05)


def plan(**hosts: list[dict[str, Any]]) -> WholePlan:
    """The plan of hosts with these candidates, each host another machine."""
    replies = []
    for number, (name, found) in enumerate(hosts.items()):
        session = f"pt-20260115-143022-000{number}"
        replies.append(ScanReply(name, "", name, 0, "planned", session, scan(session, *found)))
    return merge(REQUEST, replies)


WHOLE = plan(
    a=[candidate(1, in_use=0.001), candidate(2, in_use=0.002, category="test-runner", pattern="jest")],
    b=[candidate(3, in_use=0.003), candidate(4, in_use=0.0005, action="pause"), candidate(5, log_e=0.1)],
)


def number(act: PlannedAct) -> int:
    return int(act.candidate.candidate_id.removeprefix("c-"), 16)


def numbers(**choice: Any) -> list[int]:
    return [number(act) for act in choose(WHOLE, ApplyChoice(**choice)).acts]


def left(**choice: Any) -> dict[int, str]:
    return {number(act): why for act, why in choose(WHOLE, ApplyChoice(**choice)).left_out}


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({"recommended": True}, [4, 1, 2, 3]),
        ({"categories": ("test-runner",)}, [2]),
        ({"categories": ("test-runner", "dev-server")}, [4, 1, 2, 3]),
        ({"recommended": True, "categories": ("test-runner",)}, [2]),
        ({"categories": ("mcp-server",)}, []),
        ({"targets": ("c-000000000003", "c-000000000003")}, [3]),
        ({"recommended": True, "min_posterior": 0.9985}, [4, 1]),
        ({"recommended": True, "max_kills": 1}, [4, 1]),
        ({"recommended": True, "max_kills": 0}, [4]),
        ({"recommended": True, "max_kills_per_host": 1}, [4, 1, 3]),
        ({"recommended": True, "max_kills_per_pattern": 1}, [4, 1, 2]),
    ],
)
def test_what_is_named_is_chosen_within_the_caps(choice: dict[str, Any], wanted: list[int]) -> None:
    assert numbers(**choice) == wanted


def test_what_a_cap_leaves_out_is_told_with_its_reason() -> None:
    assert left(recommended=True, max_kills=2) == {3: "over --max-kills 2"}
    assert left(recommended=True, max_kills_per_host=1) == {2: "over --max-kills-per-host 1"}
    assert left(recommended=True, min_posterior=0.998) == {3: "below --min-posterior 0.998"}


def test_what_a_host_would_refuse_is_left_out_unless_it_is_named_by_its_id() -> None:
    shut = {"name": "open-files", "state": "blocked", "detail": "1 files"}
    whole = plan(a=[candidate(1), candidate(2, gates=[shut])])
    chosen = choose(whole, ApplyChoice(recommended=True))
    assert [number(act) for act in chosen.acts] == [1]
    assert [(number(act), why) for act, why in chosen.left_out] == [
        (2, "its host would refuse it: open-files (1 files)")
    ]
    assert len(choose(whole, ApplyChoice(targets=("c-000000000002",))).acts) == 1


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"recommended": True, "targets": ("c-000000000002",)},
        {"categories": ("dev-server",), "targets": ("c-000000000002",)},
        {"categories": ("dev-servers",)},
        {"targets": ("c-0000000000ff",)},
        {"recommended": True, "min_posterior": 1.5},
        {"recommended": True, "max_kills": -1},
    ],
)
def test_choice_that_makes_no_sense_is_refused(choice: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        choose(WHOLE, ApplyChoice(**choice))


def test_candidate_that_was_not_selected_is_refused_by_policy() -> None:
    with pytest.raises(PolicyRefused):
        choose(WHOLE, ApplyChoice(targets=("c-000000000005",)))


def test_host_with_the_least_to_be_done_comes_first_and_there_the_gentlest_action() -> None:
    order = by_host(choose(WHOLE, ApplyChoice(recommended=True)).acts)
    assert [(host, [act.action for act in acts]) for host, acts in order] == [
        ("a", ["terminate", "terminate"]),
        ("b", ["pause", "terminate"]),
    ]
    gentle = by_host(choose(WHOLE, ApplyChoice(targets=("c-000000000004", "c-000000000001"))).acts)
    assert [host for host, _ in gentle] == ["b", "a"]
