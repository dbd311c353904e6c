"""What stays of a claim that is over."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.base import canonical
from gitfleet.base.ids import ulid
from gitfleet.base.names import SessionId
from gitfleet.claims import ended_grants
from gitfleet.claims.ended_grants import EndedGrant, Former
from gitfleet.errors import Corrupt, FleetError, NewerFormat
from gitfleet.ledger import format as records
from gitfleet.upkeep import forgetting
from tests.claims.world import World, wanted
from tests.fleetbench import Fleets

ADA_1 = SessionId("ada-1")


def remembered(world: World) -> dict[str, EndedGrant]:
    """By pattern, the last grant that is over; there must be one record of each pattern and mode."""
    found = [grant for _, grant in ended_grants.everything(world.view)]
    assert all(isinstance(grant, EndedGrant) for grant in found), found
    return {grant.pattern: grant for grant in found if isinstance(grant, EndedGrant)}


def claim(world: World, session: str, *paths: str, **more: Any) -> list[dict[str, Any]]:
    answer = world.take(session, "claim.acquire", **wanted(*paths, **more))
    return list(answer["granted"])


def test_claim_that_stands_leaves_no_record() -> None:
    world = World("a-1")
    claim(world, "a-1", "src/a.py")
    assert remembered(world) == {}


@pytest.mark.parametrize(("kind", "body"), [("claim.release", {"patterns": None}), ("session.end", {})])
def test_claim_that_ends_is_remembered(kind: str, body: dict[str, Any]) -> None:
    world = World("a-1")
    (granted,) = claim(world, "a-1", "src/a.py")
    world.now += 60
    world.take("a-1", kind, **body)
    assert remembered(world) == {
        "src/a.py": EndedGrant(
            granted["id"], granted["token"], SessionId("a-1"), "src/a.py", "exclusive", world.now
        )
    }


def test_record_is_filed_as_claims_are() -> None:
    world = World("a-1")
    claim(world, "a-1", "src/a.py", "*.md", "Src/")
    world.take("a-1", "claim.release", patterns=None)
    assert sorted(where.rpartition("/@")[0] for where, _ in ended_grants.everything(world.view)) == [
        "past",
        "past/=src",
        "past/=src/=a.py",
    ]


def test_claim_taken_over_is_remembered_with_its_token() -> None:
    world = World("a-1", "b-1")
    (first,) = claim(world, "a-1", "src/a.py")
    lapsed = {first["id"]: world.session("a-1").renewed}
    world.take("b-1", "claim.acquire", **wanted("src/a.py", lapsed=lapsed))
    assert (remembered(world)["src/a.py"].session, remembered(world)["src/a.py"].token) == (
        "a-1",
        first["token"],
    )


def test_claim_that_is_broken_is_remembered() -> None:
    world = World("a-1")
    world.take("p-1", "session.start", worktree="/p", agent="", title="", person=True)
    (first,) = claim(world, "a-1", "src/a.py")
    world.take("p-1", "claim.break", patterns=["src/a.py"], reason="needed")
    assert remembered(world)["src/a.py"].id == first["id"]


def test_claim_that_moves_is_remembered_as_its_former_holders() -> None:
    world = World("a-1", "b-1")
    (first,) = claim(world, "a-1", "src/a.py")
    world.take("a-1", "offer.make", patterns=["src/a.py"], to="b-1")
    world.take("b-1", "offer.accept")
    assert remembered(world)["src/a.py"].session == "a-1"
    assert world.claims()["src/a.py"].token > first["token"]


def test_records_grow_with_patterns_and_not_with_claims() -> None:
    world = World("a-1", "b-1")
    for _ in range(ended_grants.EARLIER + 8):
        for session in ("a-1", "b-1", "a-1"):
            claim(world, session, "src/a.py", "docs/")
            world.take(session, "claim.release", patterns=None)
    assert len(list(world.view.files(ended_grants.ROOT))) == 2
    assert all(
        len(data or b"") < 4096 for where, data in world.records().items() if where.startswith("past/")
    )


def test_grants_of_one_session_in_a_row_are_remembered_until_another_has_the_pattern() -> None:
    world = World("a-1", "b-1")
    ids = []
    for _ in range(3):
        ids.append(claim(world, "a-1", "src/a.py")[0])
        world.take("a-1", "claim.release", patterns=None)
    kept = remembered(world)["src/a.py"]
    assert kept.earlier == tuple(Former(one["id"], one["token"]) for one in ids[:2])
    assert (kept.id, kept.after) == (ids[2]["id"], None)
    (other,) = claim(world, "b-1", "src/a.py")
    world.take("b-1", "claim.release", patterns=None)
    kept = remembered(world)["src/a.py"]
    assert (kept.session, kept.earlier, kept.after) == ("b-1", (), Former("a-1", ids[2]["token"]))
    claim(world, "a-1", "src/a.py")
    world.take("a-1", "claim.release", patterns=None)
    assert remembered(world)["src/a.py"].after == Former("b-1", other["token"])


def test_shared_claims_are_remembered_for_each_session() -> None:
    world = World("a-1", "b-1")
    for session in ("a-1", "b-1"):
        claim(world, session, "docs/", mode="shared")
    for session in ("a-1", "b-1"):
        world.take(session, "claim.release", patterns=None)
    found = [grant for _, grant in ended_grants.everything(world.view) if isinstance(grant, EndedGrant)]
    assert sorted(grant.session for grant in found) == ["a-1", "b-1"]


def test_resource_that_is_released_is_not_remembered() -> None:
    world = World("a-1")
    body = wanted("res:gpu")
    body["paths"][0]["capacity"] = 1
    world.take("a-1", "claim.acquire", **body)
    world.take("a-1", "claim.release", patterns=None)
    assert remembered(world) == {}


def test_record_that_cannot_be_read_is_replaced_when_its_pattern_ends_again() -> None:
    world = World("a-1")
    for _ in range(2):
        claim(world, "a-1", "src/a.py")
        world.take("a-1", "claim.release", patterns=None)
        (where,) = world.view.files(ended_grants.ROOT)
        world.view.put(where, b"{}")
    claim(world, "a-1", "src/a.py")
    world.take("a-1", "claim.release", patterns=None)
    assert remembered(world)["src/a.py"].earlier == ()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"v": 2}, NewerFormat),
        ({"kind": "claim"}, Corrupt),
        ({"id": "x"}, Corrupt),
        ({"token": "5"}, Corrupt),
        ({"token": True}, Corrupt),
        ({"session": "../x"}, Corrupt),
        ({"pattern": 5}, Corrupt),
        ({"earlier": [["x"]]}, Corrupt),
        ({"earlier": 5}, Corrupt),
        ({"after": ["b", "x"]}, Corrupt),
        ({"at": None}, Corrupt),
    ],
    ids=str,
)
def test_record_with_broken_fields_is_refused(change: dict[str, Any], error: type[FleetError]) -> None:
    sound = EndedGrant(
        ulid(), 5, SessionId("a-1"), "src/a.py", "exclusive", 7, (Former(ulid(), 3),), Former("b-1", 2)
    )
    assert records.read(EndedGrant, sound.as_bytes(), "past/x") == sound
    with pytest.raises(error):
        records.read(EndedGrant, canonical.dump({**canonical.load(sound.as_bytes()), **change}), "past/x")


def test_forget_drops_only_what_is_still_as_it_was_seen() -> None:
    world = World("a-1")
    claim(world, "a-1", "src/a.py", "docs/")
    world.take("a-1", "claim.release", patterns=None)
    rows = [
        {"where": where, "token": grant.token}
        for where, grant in ended_grants.everything(world.view)
        if isinstance(grant, EndedGrant)
    ]
    claim(world, "a-1", "docs/")
    world.take("a-1", "claim.release", patterns=None)
    rows += [{"where": "claims/=x/@y.json", "token": 1}, {"where": "past/../fleet.json", "token": 1}]
    before = world.records().keys()
    answer = world.take("a-1", "grant.forget", grants=rows)
    assert len(answer["forgotten"]) == 1
    assert before - world.records().keys() == set(answer["forgotten"])
    assert list(remembered(world)) == ["docs/"]


def test_forgetting_what_is_old_needs_no_session_and_makes_no_commit_for_nothing(fleets: Fleets) -> None:
    fleets.claim("ada", "ada-1", "src/")
    with fleets.open() as fleet:
        fleet.claims.release(ADA_1, None)
        before = fleets.tip()
        assert forgetting.forget(fleet) == 0
        assert fleets.tip() == before
        assert forgetting.forget(fleet, keep=-10) == 1
        assert forgetting.forget(fleet, keep=-10) == 0
    fleets.chain()


def test_forgetting_daily_looks_once_a_day(fleets: Fleets) -> None:
    fleets.claim("ada", "ada-1", "src/")
    with fleets.open() as fleet:
        fleet.claims.release(ADA_1, None)
        assert forgetting.forget_daily(fleet, keep=-10) == 1
        fleet.claims.claim(ADA_1, ["docs/"])
        fleet.claims.release(ADA_1, None)
        assert forgetting.forget_daily(fleet, keep=-10) == 0
        assert forgetting.forget(fleet, keep=-10) == 1
