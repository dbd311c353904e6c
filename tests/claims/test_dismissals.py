"""Sessions that a person of another clone ends, decided in memory."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.claims import model
from gitfleet.errors import Conflict, FleetError, NoSession, PolicyRefused, UsageError
from gitfleet.sessions import session_records
from tests.claims.world import World, patterns, wanted

DISMISS = "session.dismiss"
GONE = {"gone": "a-1", "renewed": 0, "reason": "the laptop was stolen"}


@pytest.fixture
def world() -> World:
    """`a-1` claims two folders, one of them retained by a branch; `p-1` is a person of another node, `a-2` one of the same."""
    world = World("a-1", "b-1")
    for person in ("p-1", "a-2"):
        world.take(person, "session.start", worktree="/p", agent="", title="", person=True)
    world.take("a-1", "claim.acquire", **wanted("src/", "docs/"))
    return world


def now(world: World, **other: Any) -> dict[str, Any]:
    session = session_records.find(world.view, "a-1")
    assert session is not None
    return {**GONE, "renewed": session.renewed, **other}


def test_dismissed_session_goes_with_its_claims_and_the_line_is_served(world: World) -> None:
    world.take("b-1", "claim.acquire", **wanted("src/", wait=True, ticket="0" * 26, priority=50))
    ended = world.take("p-1", DISMISS, **now(world))
    assert sorted(patterns(ended["released"])) == ["docs/", "src/"]
    assert patterns(ended["served"]) == ["src/"]
    assert session_records.find(world.view, "a-1") is None
    assert isinstance(world.refuse("a-1", "claim.acquire", **wanted("lib/")), NoSession)


def test_dismissed_session_leaves_its_branch_what_that_retains(world: World) -> None:
    claim = next(one for one in model.held_by(world.view, "a-1") if one.pattern == "src/")
    keeping = {"keeper": {"branch": "work", "head": "1" * 40}, "claims": [claim.id]}
    world.take("a-1", "claim.retain", retain=[keeping])
    ended = world.take("p-1", DISMISS, **now(world))
    assert (patterns(ended["released"]), patterns(ended["retained"])) == (["docs/"], ["src/"])
    assert isinstance(world.refuse("b-1", "claim.acquire", **wanted("src/")), Conflict)


@pytest.mark.parametrize(
    ("by", "other", "error"),
    [
        ("b-1", {}, PolicyRefused),
        ("p-1", {"reason": " "}, UsageError),
        ("p-1", {"gone": "nobody"}, NoSession),
        ("a-2", {}, UsageError),
    ],
)
def test_dismissal_that_may_not_be_is_refused(
    world: World, by: str, other: dict[str, Any], error: type[FleetError]
) -> None:
    assert isinstance(world.refuse(by, DISMISS, **now(world, **other)), error)


def test_session_that_shows_a_sign_of_life_meanwhile_is_not_dismissed(world: World) -> None:
    seen = now(world)
    world.take("a-1", "session.renew")
    assert isinstance(world.refuse("p-1", DISMISS, **seen), Conflict)
    assert world.claims()
