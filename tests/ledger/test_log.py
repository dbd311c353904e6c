"""The audit log: what one look costs, whatever transactions hold, and what it says of each operation then."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from gitfleet.base.ids import ulid
from gitfleet.base.names import SessionId
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger import log, replay
from gitfleet.ledger.model import SESSION, Actor, Operation
from tests.fleetbench import Fleets, unlogged

ONE, TWO = SessionId("alone-1"), SessionId("alone-2")


def _claims(
    fleet: Fleet, session: SessionId, paths: Sequence[str], *, partial: bool = False, wait: bool = False
) -> Operation:
    rows = [{"pattern": path, "claim": ulid(), "mode": "exclusive"} for path in paths]
    body: dict[str, Any] = {
        "paths": rows, "ttl": 3600, "reason": "", "branch": "", "partial": partial, "case_sensitive": False,
    }  # fmt: skip
    if wait:
        body |= {"wait": True, "ticket": ulid()}
    actor = Actor(SESSION, session)
    return Operation("claim.acquire", ulid(), fleet.ledger.node.id, actor, int(time.time()), body, ulid())


@pytest.fixture
def together(fleets: Fleets) -> Fleets:
    """One transaction of three claims, the second of them a partial one."""
    with fleets.open("alone") as fleet:
        asked = [
            _claims(fleet, ONE, ["a/", "b/"]), _claims(fleet, TWO, ["b/x", "c/"], partial=True), _claims(fleet, ONE, ["d/"]),
        ]  # fmt: skip
        results = fleet.ledger.submit(asked, timeout=60)
        assert all(one.ok for one in results)
        assert len({one.generation for one in results}) == 1
    return fleets


def test_log_of_one_transaction_says_of_each_operation_what_it_did(together: Fleets) -> None:
    with together.open("alone") as fleet:
        found = [(line.subject, line.paths) for line in fleet.log(kind="claim")]
    assert found == [
        ("alone-1 claims d/", ("d/",)), ("alone-2 claims c/", ("c/",)), ("alone-1 claims a/, b/", ("a/", "b/")),
    ]  # fmt: skip


def test_log_of_operations_that_name_their_paths_decides_none_anew(
    together: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    decisions = replay.decisions

    def noted(*given: Any) -> Any:
        asked.append(given)
        return decisions(*given)

    monkeypatch.setattr(replay, "decisions", noted)
    with together.open("alone") as fleet:
        assert [line.subject for line in fleet.log(limit=1)] == ["alone-1 claims d/"]
        assert asked == []
        assert len(fleet.log(limit=2)) == 2
        assert len(asked) == 1


def test_log_decides_so_many_changes_anew_and_no_more_unless_paths_are_asked_for(
    together: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "REPLAYED", 1)
    with together.open("alone") as fleet:
        assert [(line.subject, line.paths) for line in fleet.log(session=TWO, limit=1)] == [
            ("alone-2 claims c/", ())
        ]
        assert [line.paths for line in fleet.log("c/deep", session=TWO, limit=1)] == [("c/",)]


def test_log_of_a_path_has_the_operation_that_freed_another_one_for_who_waits_for_both(
    fleets: Fleets,
) -> None:
    with fleets.open("alone") as fleet:
        fleet.claims.claim(ONE, ["a/"])
        fleet.ledger.submit([_claims(fleet, TWO, ["a/", "b/"], wait=True)], timeout=60)
        fleet.claims.release(ONE, ["a/"])
        (given,) = fleet.log("b/deep", kind="claim.release")
        assert given.paths == ("a/", "b/")
        assert [line.paths for line in fleet.log("a/deep", kind="claim.release")] == [("a/",)]
        assert fleet.log("c/", kind="claim.release") == []


def test_log_of_a_session_has_what_others_did_to_it(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        fleet.claims.tell(ONE, TWO, "hello")
        fleet.claims.claim(ONE, ["a/"])
        fleet.claims.offer(ONE, TWO, ["a/"])
        fleet.claims.accept(TWO)
        assert [line.kind for line in fleet.log(session=TWO)][:3] == [
            "offer.accept",
            "offer.make",
            "message.send",
        ]
        assert [line.kind for line in fleet.log(session=ONE)][:3] == [
            "offer.accept",
            "offer.make",
            "claim.acquire",
        ]
        assert [line.kind for line in fleet.log("a/", session=TWO)] == ["offer.accept", "offer.make"]


def test_log_of_each_record_that_a_commit_changed_has_an_operation_of_that_commit(together: Fleets) -> None:
    with together.open("alone") as fleet:
        fleet.claims.claim(TWO, ["e/"])
        fleet.claims.release(ONE, None)
        fleet.end_session(TWO)
        assert unlogged(fleet, [ONE, TWO]) == []
