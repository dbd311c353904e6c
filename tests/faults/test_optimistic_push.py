"""A push on the last verified state keeps every promise: what waited comes first, and a hub that went back is found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.errors import Conflict, HubAlarm
from gitfleet.ledger.model import Status
from gitfleet.ledger.notices import LOST
from tests.fleetbench import Fleets
from tests.workbench import Git

COORD = "refs/fleet/coord"


@pytest.fixture
def away(fleets: Fleets) -> Path:
    """Where the hub is while nobody can reach it: ada has claimed src/a.py meanwhile."""
    with fleets.open() as fleet:
        fleet.ledger.sync()
    place = fleets.root / "away.git"
    fleets.hub.rename(place)
    assert fleets.claim("ada", "ada-1", "src/a.py").status is Status.TENTATIVE
    return place


def test_work_that_waited_is_decided_before_new_work_where_nothing_has_changed(
    fleets: Fleets, away: Path
) -> None:
    away.rename(fleets.hub)
    with pytest.raises(Conflict, match="ada-1"):
        fleets.claim("ada", "ada-2", "src/a.py")
    assert fleets.claim("ada", "ada-2", "docs/").status is Status.CONFIRMED
    chain = fleets.chain()
    assert (chain.holders("src/a.py"), chain.holders("docs/")) == (["ada-1"], ["ada-2"])
    assert fleets.waiting() == []


def test_work_that_waited_and_lost_is_told_and_new_work_beside_it_is_granted(
    fleets: Fleets, away: Path
) -> None:
    away.rename(fleets.hub)
    fleets.claim("bob", "bob-1", "src/a.py")
    assert fleets.claim("ada", "ada-2", "docs/").status is Status.CONFIRMED
    chain = fleets.chain()
    assert (chain.holders("src/a.py"), chain.holders("docs/")) == (["bob-1"], ["ada-2"])
    with fleets.open() as fleet:
        assert [notice.kind for notice in fleet.ledger.notices.kept(SessionId("ada-1"))] == [LOST]
    assert fleets.waiting() == []


def test_hub_that_went_back_to_what_one_clone_knows_is_found_out_by_the_one_that_knows_more(
    fleets: Fleets, git: Git
) -> None:
    fleets.claim("ada", "ada-1", "docs/")
    before = fleets.tip()
    fleets.claim("bob", "bob-1", "src/a.py")
    verified = fleets.tip("bob")
    assert before
    git(fleets.hub, "update-ref", COORD, before)
    assert fleets.claim("ada", "ada-1", "src/b.py").status is Status.CONFIRMED  # as far as ada can know
    found = fleets.tip()
    with pytest.raises(HubAlarm) as caught:
        fleets.claim("bob", "bob-1", "src/c.py")
    assert caught.value.kind == "diverged"
    assert (fleets.tip(), fleets.tip("bob")) == (found, verified)
    assert fleets.waiting("bob") == []


def test_hub_whose_ledger_was_replaced_by_one_of_the_same_length_is_found_out(
    fleets: Fleets, git: Git
) -> None:
    fleets.claim("ada", "ada-1", "docs/")
    verified = fleets.tip("ada")
    assert verified
    git(fleets.hub, "update-ref", COORD, git(fleets.hub, "rev-parse", f"{COORD}^"))
    with fleets.open("bob") as fleet:
        fleet.ledger.sync()
    fleets.claim("bob", "bob-1", "docs/")
    with pytest.raises(HubAlarm) as caught:
        fleets.claim("ada", "ada-2", "src/")
    assert caught.value.kind == "diverged"
    assert fleets.tip("ada") == verified
    assert fleets.chain("ada").holders("docs/") == ["ada-1"]
