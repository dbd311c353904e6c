"""Claims that pass to who begins or goes on in the same worktree, decided in memory."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.ledger.model import PERSON
from tests.claims.world import World, patterns, wanted

ACQUIRE, START, END, RULES = "claim.acquire", "session.start", "session.end", "gitfleet.yaml"


@pytest.fixture
def world() -> World:
    """A person `n-1` in the worktree `/api`, who holds the rules."""
    world = World()
    begin(world, "n-1", person=True)
    world.take("n-1", ACQUIRE, **wanted(RULES))
    return world


def begin(world: World, session: str, where: str = "/api", **more: Any) -> None:
    who = PERSON if more.get("person") else None
    world.ask(session, START, who=who, worktree=where, agent="agent", title="", **more)


def end(world: World, session: str, **more: Any) -> dict[str, Any]:
    """End it; its worktree would keep what it has there."""
    tree = {"worktree": "/api", "node": "n", "tree": "api"}
    rows = [{"keeper": tree, "claims": [claim.id for claim in world.claims(session).values()]}]
    return world.take(session, END, retain=rows, **more)


def holder(world: World) -> str:
    return world.claims()[RULES].session


def test_claim_of_a_person_passes_to_the_session_that_begins_beside_it_with_a_new_token(world: World) -> None:
    before = world.claims()[RULES]
    begin(world, "n-2", takes=[RULES])
    now = world.claims()[RULES]
    assert (now.session, now.id) == ("n-2", before.id)
    assert now.token > before.token
    assert world.claims("n-1") == {}


@pytest.mark.parametrize(
    ("session", "more"),
    [
        ("n-2", {"where": "/other", "takes": [RULES]}),
        ("m-2", {"takes": [RULES]}),
        ("n-2", {"takes": ["src/"]}),
        ("n-2", {"takes": ["*.yaml"]}),
        ("n-2", {}),
    ],
)
def test_claim_does_not_pass_to_another_worktree_or_node_or_by_another_pattern(
    world: World, session: str, more: dict[str, Any]
) -> None:
    begin(world, session, **more)
    assert holder(world) == "n-1"


def test_claim_of_an_agent_does_not_pass_to_who_begins_beside_it(world: World) -> None:
    begin(world, "n-2", takes=[RULES])
    begin(world, "n-3", takes=[RULES])
    assert holder(world) == "n-2"


def test_claim_that_meets_another_of_its_holder_stays(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("*.yaml"))
    begin(world, "n-2", takes=[RULES])
    assert holder(world) == "n-1"


def test_session_whose_start_is_refused_gets_nothing(world: World) -> None:
    begin(world, "m-2", where="/far")
    begin(world, "n-3", where="/far")
    world.refuse("m-2", START, node="n", worktree="/api", agent="agent", title="", takes=[RULES])
    assert holder(world) == "n-1"


def test_claim_that_a_worktree_would_keep_passes_to_the_heir_there(world: World) -> None:
    begin(world, "n-2", takes=[RULES])
    world.take("n-2", ACQUIRE, **wanted("src/"))
    told = end(world, "n-2", heir="n-1", gives=[RULES])
    assert holder(world) == "n-1"
    assert (patterns(told["given"]), patterns(told["retained"])) == ([RULES], ["src/"])


@pytest.mark.parametrize("heir", ["n-9", "n-4", "m-1", "n-2", "a/../b", ""])
def test_claim_stays_with_the_worktree_where_the_heir_is_not_there(world: World, heir: str) -> None:
    begin(world, "n-4", where="/other")
    begin(world, "m-1")
    begin(world, "n-2", takes=[RULES])
    told = end(world, "n-2", heir=heir, gives=[RULES])
    assert (patterns(told["given"]), patterns(told["retained"])) == ([], [RULES])


def test_claim_that_nothing_would_keep_is_released_and_passes_to_nobody(world: World) -> None:
    begin(world, "n-2", takes=[RULES])
    told = world.take("n-2", END, heir="n-1", gives=[RULES])
    assert (patterns(told["given"]), patterns(told["released"])) == ([], [RULES])
