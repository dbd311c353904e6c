"""Ending a session of another clone: not while that clone is seen to be at work."""

from __future__ import annotations

import pytest

from gitfleet.base.names import SessionId
from gitfleet.errors import Conflict
from gitfleet.sessions.service import Start
from tests.fleetbench import Fleets

GONE, PERSON = SessionId("gone"), SessionId("ada")


def test_session_of_a_node_that_moves_is_not_dismissed_until_that_is_not_known_any_more(
    fleets: Fleets,
) -> None:
    with fleets.open("bob") as bob, fleets.open("ada") as ada:
        bob.sessions.start(Start(id=GONE, person=True))
        ada.sessions.start(Start(id=PERSON, person=True))
        bob.claims.claim(GONE, ["src/"])
        for fleet in (bob, ada, bob, ada):
            fleet.sync()
        with pytest.raises(Conflict, match="signs of life"):
            ada.dismiss_session(PERSON, GONE, "it is lost")
        (fleets.state("ada") / "pulse.json").unlink()
        assert ada.dismiss_session(PERSON, GONE, "it is lost").session.id == GONE
        assert list(ada.claims.find(ada.current(), texts=["src/"])) == []
