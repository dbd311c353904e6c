"""The plans of a clone in a list, and one of them with what became of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gitfleet.base import canonical, clock
from gitfleet.codec import replace
from gitfleet.errors import UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import plan_shelf
from gitfleet.onhost.version import __version__
from gitfleet.triage import planning, redaction_key
from gitfleet.triage.plan_record import WholePlan
from gitfleet.triage.planning import PlanRequest
from tests.fleetbench import Fleets
from tests.triage.candidates import candidate
from tests.triage.test_planning import reply


def planned(fleet: Fleet, ago: int, *, end: str = "a7b3", found: bool = True) -> WholePlan:
    """A plan that this clone made so many seconds ago: two hosts, of which one answered, with two selected (or, not `found`, nothing)."""
    at = clock.now() - ago
    name = time.strftime(f"fleet-%Y%m%d-%H%M%S-{end}", time.gmtime(at))
    request = PlanRequest(name, at, fleet.ledger.node.id, __version__, "safe", 0.05, 0.05)
    proposed = [candidate(1), candidate(2)] if found else []
    whole = planning.merge(request, [reply(1, *proposed, judged=40), reply(2, status="unreachable")])
    key = redaction_key.derived(redaction_key.key(fleet.ledger.state), "seal")
    whole, files = planning.files_of(whole, key)
    oid, _ = fleet.plans.refs.write(name, files, "A plan")
    return replace(whole, oid=oid)


def ended(fleet: Fleet, whole: WholePlan, *acts: str) -> None:
    rows = [
        {"host_id": "host1", "candidate_id": f"c-{number:012x}", "action": "terminate", "outcome": outcome}
        for number, outcome in enumerate(acts, 1)
    ]
    data = canonical.dump({"at": 1, "node": "ann", "acts": rows})
    fleet.plans.refs.append(whole.plan.id, {f"applied/{len(acts)}.json": data}, "applied")


@pytest.mark.parametrize(
    ("outcomes", "staked", "age", "state"),
    [
        ({}, False, 60, "new"),
        ({}, False, 5 * 3600, "old"),
        ({}, True, 60, "partial"),
        ({"done": 2, "gone-before": 1}, True, 60, "applied"),
        ({"undone": 2}, True, 86400, "applied"),
        ({"done": 2, "survived": 1}, True, 60, "partial"),
        ({"from-the-future": 1}, True, 60, "partial"),
    ],
)
def test_state_of_a_plan_is_what_has_become_of_it(
    outcomes: dict[str, int], staked: bool, age: int, state: str
) -> None:
    assert plan_shelf.state_of(outcomes, staked=staked, age=age) == state


def test_shelf_is_empty_without_a_plan(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        assert plan_shelf.look(fleet) == plan_shelf.PlanShelf()
        with pytest.raises(UsageError, match="no plan"):
            plan_shelf.look(fleet, "fleet-20261130-120000-a7b3")


def test_plans_are_listed_newest_first_and_the_newest_is_looked_at_unless_another_is_named(
    fleets: Fleets,
) -> None:
    with fleets.open("alone") as fleet:
        old, new = planned(fleet, 20_000), planned(fleet, 60)
        found = plan_shelf.look(fleet)
        assert [(one.key, one.state, one.hosts, one.answered, one.selected) for one in found.lines] == [
            (new.plan.id, "new", 2, 1, 2), (old.plan.id, "old", 2, 1, 2),
        ]  # fmt: skip
        assert found.report
        assert (found.report["fleet_session_id"], found.step) == (
            new.plan.id,
            f"⟨show a plan over hosts: {new.plan.id}⟩",
        )
        fleet.plans.note_shown(new)
        assert plan_shelf.look(fleet).step == f"⟨apply a plan over hosts: {new.plan.id}⟩"
        named = plan_shelf.look(fleet, old.plan.id)
        assert named.report
        assert (named.report["fleet_session_id"], named.step) == (old.plan.id, "")


def test_plan_that_proposes_nothing_is_no_work_for_anybody(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        planned(fleet, 60, found=False)
        found = plan_shelf.look(fleet)
    assert found.line
    assert (found.line.state, found.step) == ("empty", "")


def test_what_came_of_a_plan_is_told_as_it_is_added(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        whole = planned(fleet, 60)
        ended(fleet, whole, "done")
        found = plan_shelf.look(fleet)
        assert found.line
        assert (found.line.state, dict(found.line.outcomes)) == ("applied", {"done": 1})
        ended(fleet, whole, "done", "survived")
        found = plan_shelf.look(fleet)
        assert found.line
        assert (found.line.state, found.step) == ("partial", f"⟨resume a plan over hosts: {whole.plan.id}⟩")


def test_plan_that_cannot_be_read_is_listed_as_broken_and_hides_no_other(
    fleets: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fleets.open("alone") as fleet:
        good = planned(fleet, 600)
        bad = "fleet-20991130-120000-ffff"
        fleet.plans.refs.write(bad, {"plan.json": b"{}\n"}, "none")
        found = plan_shelf.look(fleet)
        assert [(one.key, one.state, bool(one.fault)) for one in found.lines] == [
            (bad, "broken", True),
            (good.plan.id, "new", False),
        ]
        assert found.report
        assert found.report["fleet_session_id"] == good.plan.id
        broken: Any = plan_shelf.look(fleet, bad)
        assert (broken.report, broken.line.state) == (None, "broken")
        monkeypatch.setattr(plan_shelf, "MOST", 1)
        assert plan_shelf.look(fleet, good.plan.id).more == 1
