"""How often a fleet writes to its hub: each commit of the ledger is one push, in the minute in which it was made."""

from __future__ import annotations

import pytest

from gitfleet.base import clock
from gitfleet.fleet.views import hub_pace
from tests.fleetbench import Fleets
from tests.workbench import Git


def test_pushes_are_counted_in_their_minute_whoever_made_them(fleets: Fleets) -> None:
    fleets.claim("ada", "ada-1", "src/")
    fleets.claim("bob", "bob-1", "docs/")
    with fleets.open("bob") as fleet:
        made = fleet.current().tip.generation
        now = clock.now()
        assert (
            sum(hub_pace.look(fleet, now).minutes) <= made
        )  # the fleet of the tests may be older than half an hour
        later = hub_pace.look(fleet, now + 120)
        assert sum(later.minutes[-4:-1]) >= 2
        assert (later.hub, later.now, later.limit, later.often) == ("origin", 0, 0, False)
        assert hub_pace.look(fleet, now + 86_400).busiest == 0


def test_clone_that_is_its_own_hub_has_no_pace(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        assert hub_pace.look(fleet) == hub_pace.HubPace()


@pytest.mark.parametrize(
    ("address", "host", "limit"),
    [
        ("git@github.com:acme/harbor.git", "github.com", 6),
        ("https://user:word@GitHub.com/acme/harbor", "github.com", 6),
        ("https://github.example.org/acme/harbor", "github.example.org", 0),
        ("https://gitlab.com/acme/harbor.git", "gitlab.com", 0),
        ("/srv/github.com/harbor.git", "", 0),
    ],
)
def test_limit_is_that_of_a_host_that_advises_one(
    fleets: Fleets, git: Git, address: str, host: str, limit: int
) -> None:
    git(fleets.clone("ada"), "remote", "set-url", "origin", address)
    with fleets.open("ada") as fleet:
        found = hub_pace.look(fleet)
    assert (found.host, found.limit) == (host, limit)
