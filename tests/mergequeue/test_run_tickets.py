"""When a run is given up: whom nobody asks about any more, and for a hotfix. No disk, no clock."""

from __future__ import annotations

import pytest

from gitfleet.mergequeue import model, states
from gitfleet.mergequeue.model import GateRun, QueueEntry
from gitfleet.mergequeue.run_tickets import hotfix, useless
from gitfleet.mergequeue.states import State
from tests.mergequeue.queues import Queues, head


def taken(world: Queues, *entries: QueueEntry, tree: str = "d" * 40) -> GateRun:
    found = model.run(world.view, world.run(*entries, tree=tree))
    assert found is not None
    return found


@pytest.mark.parametrize("state", states.STATES)
def test_run_is_given_up_when_an_entry_of_it_may_not_land(world: Queues, state: State) -> None:
    one, two = world.add("a", at=1), world.add("b", at=2)
    run = taken(world, one, two)
    world.put(world.entry(one.id), state)
    there = {"a": head(1), "b": head(2)}
    wanted = state in {*states.GOING, "landed"}
    assert (useless(world.view, run, there) == "") == wanted


def test_run_is_given_up_when_all_of_it_has_landed_or_its_ticket_is_gone(world: Queues) -> None:
    one = world.add("a", at=1)
    run = taken(world, one)
    world.put(world.entry(one.id), "landed")
    assert useless(world.view, run, {"a": head(1)})
    world.take("ada", "queue.end", run=run.id, outcome="abandoned")
    assert "lapsed" in useless(world.view, run, {"a": head(1)})


@pytest.mark.parametrize("there", [None, head(7)])
def test_run_is_given_up_when_a_branch_of_it_is_gone_or_elsewhere(world: Queues, there: str | None) -> None:
    run = taken(world, world.add("a", at=1))
    assert useless(world.view, run, {"a": head(1)}) == ""
    assert useless(world.view, run, {"a": there})


@pytest.mark.parametrize(
    ("mode", "floor", "wanted"), [("paused", 60, False), ("paused", 40, True), ("frozen", 60, True)]
)
def test_run_is_given_up_for_a_pause_that_keeps_it_back(
    world: Queues, mode: str, floor: int, *, wanted: bool
) -> None:
    run = taken(world, world.add("a", at=1, priority=50))
    world.take("ada-1", "queue.pause", mode=mode, floor=floor, reason="x")
    assert (useless(world.view, run, {"a": head(1)}) == "") == wanted


def test_youngest_run_of_what_is_less_urgent_gives_way_to_a_hotfix_that_waits(world: Queues) -> None:
    older = taken(world, world.add("a", at=1), tree="1" * 40)
    younger = taken(world, world.add("b", at=2), tree="2" * 40)
    assert hotfix(world.view, younger, world.now) is None
    hot = world.add("h", at=3, priority=90, ceiling=100)
    assert hotfix(world.view, older, world.now) is None
    found = hotfix(world.view, younger, world.now)
    assert found is not None
    assert found.id == hot.id
    taken(world, world.entry(hot.id), tree="3" * 40)
    assert hotfix(world.view, younger, world.now) is None


def test_hotfix_that_cannot_be_tested_yet_takes_no_runner_away(world: Queues) -> None:
    below = world.add("below", at=1)
    run = taken(world, below)
    above = world.add("h", at=3, priority=90, needs=[below.id], ceiling=100)
    assert hotfix(world.view, run, world.now) is None, "it lends its priority to what is being tested"
    world.put(world.entry(above.id), "held")
    assert hotfix(world.view, run, world.now) is None
