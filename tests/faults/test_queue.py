"""Landings of the merge queue whose process or connection ends in the middle: they happen once, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.mergequeue import model
from tests.faults import test_uncertain_push as pushes
from tests.fleetbench import Fleets
from tests.races.crowd import Crowd, Task
from tests.races.queue_tasks import land
from tests.races.test_queue_race import LAND, MAIN, now, queued, sync
from tests.workbench import Git

faults = pushes.faults


@pytest.mark.parametrize("fault", pushes.FAULTS)
def test_landing_whose_push_lost_its_answer_has_landed_once(
    fleets: Fleets, git: Git, faults: Path, fault: str
) -> None:
    entry = queued(fleets, git, "feat")
    pushes.arm(faults, pushes.FAULTS[fault])
    assert land(str(fleets.clone("ada")), entry.id) == {"landed": True}
    assert (now(fleets, entry).state, git(fleets.hub, "rev-parse", MAIN)) == ("landed", entry.head)
    fleets.chain(overlaps=False)


@pytest.mark.parametrize("fault", pushes.KILLED)
@pytest.mark.always
def test_landing_of_a_killed_process_is_settled_by_the_next_and_nobody_lands_it_again(
    fleets: Fleets, git: Git, faults: Path, crowd: Crowd, fault: str
) -> None:
    entry = queued(fleets, git, "feat")
    place = fleets.clone("ada")
    pushes.arm(faults, pushes.KILLED[fault])
    (killed,) = crowd([Task(place, call=LAND, arguments=(str(place), entry.id))])
    assert killed.code == -9
    sync(fleets, git, "ada", "bob")
    after = now(fleets, entry)
    assert (after.state == "landed") == (git(fleets.hub, "rev-parse", MAIN) == entry.head)
    land(str(fleets.clone("bob")), entry.id)
    assert (now(fleets, entry).state, git(fleets.hub, "rev-parse", MAIN)) == ("landed", entry.head)
    with fleets.view() as view:
        assert model.queue(view).counts["landed"] == 1
    fleets.chain(overlaps=False)


@pytest.mark.parametrize("fault", pushes.KILLED)
def test_change_that_a_killed_process_was_making_is_made_once(
    fleets: Fleets, git: Git, faults: Path, crowd: Crowd, fault: str
) -> None:
    entry = queued(fleets, git, "feat")
    place = fleets.clone("bob")
    with fleets.open("bob") as fleet:
        fleet.ledger.sync()
    again = Task(place, ("queue", "bump", entry.id, "20", "--session", "bob-1"))
    pushes.arm(faults, pushes.KILLED[fault])
    (killed,) = crowd([again])
    assert killed.code == -9
    (done,) = crowd([again])
    assert done.code == 0, done
    with fleets.view() as view:
        assert [(one.id, one.priority) for one in model.readable(view)] == [(entry.id, 20)]
    fleets.chain(overlaps=False)
