"""Claims that are offered, accepted and broken, decided in memory."""

from __future__ import annotations

import pytest

from gitfleet.base import advice
from gitfleet.claims import model
from gitfleet.claims.model import SHARED
from gitfleet.errors import Conflict, FleetError, NoSession, UsageError
from gitfleet.sessions import inbox
from tests.claims.world import World, patterns, wanted

ACQUIRE, OFFER, TAKE, BREAK = "claim.acquire", "offer.make", "offer.accept", "claim.break"


@pytest.fixture
def world() -> World:
    """`a-1` claims a folder and a file; `p-1` is a person."""
    world = World("a-1", "b-1", "c-1")
    world.take("p-1", "session.start", worktree="/p", agent="", title="", person=True)
    world.take("a-1", ACQUIRE, **wanted("src/", "docs/a.md"))
    return world


def told(world: World, session: str) -> list[str]:
    return [message.words for message in inbox.read(world.view, session)]


@pytest.mark.parametrize(
    ("to", "named", "error", "words"),
    [
        ("nobody", ["src/"], NoSession, "no session 'nobody'"),
        ("a-1", ["src/"], UsageError, "to itself"),
        ("b-1", ["src/a.py"], UsageError, "src/a.py is only part"),
        ("b-1", ["src/**/*.py"], UsageError, "only part"),
        ("b-1", ["src/", "docs/a.md", "lib/"], Conflict, "no claim on lib/"),
        ("b-1", ["lib/"], Conflict, "no claim on lib/"),
    ],
)
def test_offer_that_makes_no_sense_is_refused_whole(
    world: World, to: str, named: list[str], error: type[FleetError], words: str
) -> None:
    refused = world.refuse("a-1", OFFER, patterns=named, to=to)
    assert isinstance(refused, error)
    assert words in refused.message
    assert advice.START not in refused.hint
    assert isinstance(world.refuse("b-1", TAKE), Conflict)


def test_offer_of_what_lies_below_moves_every_claim_named_in_one_operation(world: World) -> None:
    world.take("a-1", OFFER, patterns=["src/", "docs/"], to="b-1")
    assert sorted(patterns(world.take("b-1", TAKE)["taken"])) == ["docs/a.md", "src/"]
    assert {claim.session for claim in world.claims().values()} == {"b-1"}


def test_offer_that_is_accepted_is_told_no_more_and_what_else_was_said_stays(world: World) -> None:
    world.take("a-1", OFFER, patterns=["src/", "docs/"], to="b-1")
    world.take("a-1", OFFER, patterns=["src/"], to="b-1")
    world.take("a-1", "message.send", to="b-1", text="take them")
    world.take("b-1", TAKE)
    assert told(world, "b-1") == ['a-1 says: "take them"']


def test_of_several_who_were_offered_the_same_one_gets_it_and_an_offer_does_not_come_to_life_again(
    world: World,
) -> None:
    for to in ("b-1", "c-1"):
        world.take("a-1", OFFER, patterns=["src/"], to=to)
    world.take("b-1", TAKE)
    assert isinstance(world.refuse("c-1", TAKE), Conflict)
    world.take("b-1", OFFER, patterns=["src/"], to="a-1")
    world.take("a-1", TAKE)
    assert isinstance(world.refuse("c-1", TAKE), Conflict)
    assert world.claims()["src/"].session == "a-1"


def test_offer_is_void_when_the_claim_was_released_and_made_anew(world: World) -> None:
    world.take("a-1", OFFER, patterns=["src/"], to="b-1")
    world.take("a-1", "claim.release", patterns=["src/"])
    world.take("a-1", ACQUIRE, **wanted("src/"))
    assert isinstance(world.refuse("b-1", TAKE), Conflict)


def test_break_takes_shared_claims_from_each_of_their_holders_who_are_told_once(world: World) -> None:
    for session in ("b-1", "c-1", "p-1"):
        world.take(session, ACQUIRE, **wanted("lib/", mode=SHARED))
    broken = world.take("p-1", BREAK, patterns=["lib/", "lib/", "l*/"], reason="so\nsaid")["broken"]
    assert sorted(record["session"] for record in broken) == ["b-1", "c-1"]
    left = [claim for claim in model.everything(world.view) if not isinstance(claim, model.Unreadable)]
    assert [claim.session for claim in left if claim.pattern == "lib/"] == ["p-1"]
    assert told(world, "b-1") == ["Your claim on lib/ was broken by p-1: so said"]


def test_break_of_a_part_is_refused_with_the_whole_named(world: World) -> None:
    refused = world.refuse("p-1", BREAK, patterns=["src/a.py"], reason="now")
    assert isinstance(refused, UsageError)
    assert "only part of a claim of a-1: src/" in refused.message
    assert isinstance(world.refuse("p-1", BREAK, patterns=["lib/"], reason="now"), Conflict)


def test_what_breaking_and_accepting_give_to_the_line_is_in_the_log(world: World) -> None:
    world.take("b-1", ACQUIRE, **wanted("src/x.py", wait=True, ticket="0" * 26, priority=50))
    decision = world.ask("p-1", BREAK, patterns=["src/"], reason="now")
    assert getattr(decision, "subject", "") == "p-1 breaks src/ of a-1; b-1 is given src/x.py: now"


def test_session_that_ends_is_told_what_it_has_not_been_shown(world: World) -> None:
    for text in ("one", "two"):
        world.take("b-1", "message.send", to="a-1", text=text)
    shown = next(inbox.read(world.view, "a-1")).name
    assert world.take("a-1", "session.end", heard=[shown])["unheard"] == ['b-1 says: "two"']
