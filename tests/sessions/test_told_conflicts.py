"""What is told of conflicts to come: once, again when worse, and again after it was cleared."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.ledger.model import NODE
from gitfleet.sessions import inbox, told_conflicts
from tests.claims.world import World

PAIR = "a" * 24


@pytest.fixture
def world() -> World:
    return World("n-1", "n-2", "n-3")


def alert(
    *paths: str, pair: str = PAIR, to: str = "n-2", owners: tuple[str, str] = ("n-1", "n-2")
) -> dict[str, Any]:
    return {
        "pair": pair, "branches": ["one", "two"], "owners": list(owners), "paths": list(paths), "to": to,
        "text": f"conflict in {', '.join(paths)}",
    }  # fmt: skip


def tell(world: World, *alerts: dict[str, Any], cleared: tuple[str, ...] = (), node: str = "n") -> list[str]:
    answer = world.take(node, "radar.tell", node=node, who=NODE, alerts=list(alerts), cleared=list(cleared))
    return list(answer["told"])


def heard(world: World, session: str = "n-2") -> list[str]:
    return [message.text for message in inbox.read(world.view, session)]


def test_conflict_is_told_once_whoever_finds_it_again(world: World) -> None:
    assert tell(world, alert("a")) == [PAIR]
    assert tell(world, alert("a")) == []
    assert tell(world, alert("a"), node="m") == []
    assert heard(world) == ["conflict in a"]


@pytest.mark.parametrize(
    ("then", "told"), [(("a", "c"), True), (("c",), True), (("a",), False), (("b", "a"), False)]
)
def test_conflict_that_was_told_is_told_again_only_when_it_is_worse(
    world: World, then: tuple[str, ...], told: bool
) -> None:
    tell(world, alert("a", "b"))
    assert bool(tell(world, alert(*then))) is told
    assert {path for one in told_conflicts.everything(world.view) for path in one.paths} == set(then)


def test_conflict_that_got_better_and_worse_again_is_told_again(world: World) -> None:
    tell(world, alert("a", "b"))
    tell(world, alert("a"))
    assert tell(world, alert("a", "b")) == [PAIR]


def test_cleared_conflict_leaves_no_record_and_may_be_told_again(world: World) -> None:
    tell(world, alert("a"))
    assert tell(world, cleared=(PAIR, "b" * 24)) == []
    assert list(told_conflicts.everything(world.view)) == []
    assert tell(world, alert("a")) == [PAIR]
    assert len(heard(world)) == 2


def test_several_alerts_of_one_operation_are_messages_of_their_own(world: World) -> None:
    pairs = [letter * 24 for letter in "abc"]
    assert tell(world, *(alert(f"f{pair[0]}", pair=pair) for pair in pairs)) == pairs
    assert heard(world) == ["conflict in fa", "conflict in fb", "conflict in fc"]


def test_alert_for_a_session_that_has_ended_is_told_nobody_and_leaves_nothing(world: World) -> None:
    assert tell(world, alert("a", to="n-9", owners=("n-1", "n-9"))) == []
    assert list(told_conflicts.everything(world.view)) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"pair": "../x"},
        {"paths": "a"},
        {"branches": ["one"]},
        {"to": 7},
        {"paths": ["x"] * 51},
        {"owners": [1, 2]},
    ],
)
def test_alert_of_another_form_is_refused_and_changes_nothing(world: World, broken: dict[str, Any]) -> None:
    assert "radar.tell" in str(
        world.refuse("n", "radar.tell", node="n", who=NODE, alerts=[{**alert("a"), **broken}], cleared=[])
    )


def test_session_may_not_tell_in_the_name_of_the_radar(world: World) -> None:
    assert "node" in str(world.refuse("n-1", "radar.tell", who="session", alerts=[alert("a")], cleared=[]))
