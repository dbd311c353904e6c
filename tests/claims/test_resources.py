"""Resources: their spelling, how many sessions have units of one, and what waits for them."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.base import canonical
from gitfleet.base.ids import ulid
from gitfleet.claims import model
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.errors import BadPath, BadPattern, Conflict, Deadlock, Malformed, UsageError
from gitfleet.patterns import language
from gitfleet.patterns.overlap import covers, overlap
from tests.claims.world import World, wanted

HOSTILE = [
    "res:", "res:..", "res:.", "res:.git", "res:a/b", "res:a b", "res:é", "res:*", "res:a?", "res:{a,b}", "res:-x", "res:_x",
    "res:a:", "res:a:0", "res:a:-1", "res:a:1001", "res:a:1:2", "res:a:x", "res:a:٣", "res:a: 1", "res:" + "a" * 65,
    "res:a:99999999999999999999", "res::", "res:./x", "res:\udce9", "res:a/", "res:!a", "res:a\\",
]  # fmt: skip


def units(world: World, name: str) -> dict[str, tuple[int, ...]]:
    """Who has which units of a resource."""
    near = model.near(world.view, ("", name))
    return {claim.session: claim.slots for claim in near if isinstance(claim, Claim)}


def asked(*texts: str, capacity: int = 2, **more: Any) -> dict[str, Any]:
    """The body of a `claim.acquire` for resources and paths, from a clone that knows this capacity."""
    body = wanted(*texts, **more)
    for row in body["paths"]:
        if row["pattern"].startswith("res:"):
            row["capacity"] = capacity
    if more.get("wait"):
        body["ticket"] = ulid()
    return body


# Spelling


@pytest.mark.parametrize(
    ("text", "canonical_text", "count"),
    [
        ("res:gpu", "res:gpu", 1),
        ("res:GPU", "res:gpu", 1),
        ("res:gpu:1", "res:gpu", 1),
        ("res:gpu:2", "res:gpu:2", 2),
        ("res:gpu:007", "res:gpu:7", 7),
        ("res:port-8080.tcp_x:1000", "res:port-8080.tcp_x:1000", 1000),
        ("res:0", "res:0", 1),
        ("res:" + "a" * 64, "res:" + "a" * 64, 1),
    ],
)
def test_parse_resource_is_read_and_spelled_one_way(text: str, canonical_text: str, count: int) -> None:
    (pattern,) = language.parse(text)
    assert (pattern.text, pattern.units, pattern.shape) == (canonical_text, count, "resource")
    assert language.parse(pattern.text) == (pattern,)


@pytest.mark.parametrize("text", HOSTILE)
def test_parse_what_only_begins_like_a_resource_is_refused(text: str) -> None:
    with pytest.raises((BadPattern, BadPath)) as refused:
        language.parse(text)
    assert refused.value.exit_code == 2
    assert refused.value.unharmed == "Nothing was changed."


@pytest.mark.parametrize("text", ["res:a\n", "res:a\x1b[0m", "res:a\0", "res:\x7f"])
def test_parse_resource_with_a_control_character_is_refused(text: str) -> None:
    with pytest.raises(BadPath):
        language.parse(text)


@pytest.mark.parametrize("name", ["res:x", "res:x/y", "res:", "res:*", "res:a b", "res:{a"])
def test_literal_file_that_is_called_like_a_resource_stays_a_file(name: str) -> None:
    pattern = language.literal(name)
    assert pattern.shape == "path"
    assert pattern.text.startswith(":/res:")
    assert language.parse(pattern.text) == (pattern,)
    assert language.matches(pattern, name)
    assert language.matches(language.parse("res:x")[0], name) is False


@pytest.mark.parametrize("other", ["**", "*", "./res:gpu", "res*", "gpu", "**/gpu", "*/", "res:gpux"])
def test_overlap_resource_meets_no_path_and_no_other_resource(other: str) -> None:
    (one,), (two,) = language.parse("res:gpu"), language.parse(other)
    assert overlap(one, two) is overlap(two, one) is None
    assert not covers(two, one)
    assert not covers(one, two)


def test_overlap_resource_meets_itself_however_many_units() -> None:
    (one,), (two,) = language.parse("res:gpu"), language.parse("res:GPU:3")
    met = overlap(one, two)
    assert met is not None
    assert (met.witness, met.exact) == ("res:gpu", True)
    assert covers(one, two)
    assert covers(two, one)


# Capacity


def test_acquire_units_are_granted_up_to_the_capacity_with_the_lowest_free_numbers() -> None:
    world = World("a-1", "a-2", "b-1")
    world.take("a-1", "claim.acquire", **asked("res:gpu"))
    world.take("a-2", "claim.acquire", **asked("res:gpu"))
    refused = world.refuse("b-1", "claim.acquire", **asked("res:gpu"))
    assert isinstance(refused, Conflict)
    assert [(item.session, item.slots, item.capacity) for item in refused.conflicts] == [
        ("a-1", (0,), 2),
        ("a-2", (1,), 2),
    ]
    world.take("a-1", "claim.release", patterns=["res:gpu"])
    world.take("b-1", "claim.acquire", **asked("res:gpu"))
    assert units(world, "gpu") == {"a-2": (1,), "b-1": (0,)}


def test_acquire_resource_and_paths_all_or_nothing() -> None:
    world = World("a-1", "b-1", "c-1")
    world.take("a-1", "claim.acquire", **asked("res:gpu:2"))
    world.take("c-1", "claim.acquire", **wanted("held"))
    assert isinstance(world.refuse("b-1", "claim.acquire", **asked("x", "res:gpu")), Conflict)
    world.take("a-1", "claim.release", patterns=["res:gpu"])
    assert isinstance(world.refuse("b-1", "claim.acquire", **asked("res:gpu", "held")), Conflict)
    assert set(world.claims()) == {"held"}
    world.take("b-1", "claim.acquire", **asked("x", "res:gpu"))
    assert set(world.claims("b-1")) == {"x", "res:gpu"}


def test_acquire_more_of_what_the_session_has_keeps_its_numbers() -> None:
    world = World("a-1", "b-1")
    world.take("b-1", "claim.acquire", **asked("res:gpu", capacity=4))
    world.take("a-1", "claim.acquire", **asked("res:gpu", capacity=4))
    first = world.claims("a-1")["res:gpu"]
    world.take("b-1", "claim.release", patterns=None)
    world.take("a-1", "claim.acquire", **asked("res:gpu:3", capacity=4))
    (claim,) = world.claims("a-1").values()
    assert claim.slots == (0, 1, 2)
    assert claim.token > first.token
    again = world.take("a-1", "claim.acquire", **asked("res:gpu", capacity=4))
    assert not again["granted"]
    assert [record["pattern"] for record in again["already_held"]] == ["res:gpu:3"]


@pytest.mark.parametrize(("first", "second"), [(1, 3), (3, 1)])
def test_acquire_by_clones_that_know_different_capacities_never_exceeds_the_smaller(
    first: int, second: int
) -> None:
    world = World("a-1", "b-1", "b-2")
    world.take("a-1", "claim.acquire", **asked("res:gpu", capacity=first))
    assert isinstance(world.refuse("b-1", "claim.acquire", **asked("res:gpu", capacity=second)), Conflict)
    world.take("a-1", "claim.release", patterns=None)
    world.take("b-1", "claim.acquire", **asked("res:gpu", capacity=3))
    world.take("b-2", "claim.acquire", **asked("res:gpu", capacity=3))


def test_acquire_again_by_the_holder_brings_its_claim_to_the_capacity_of_now() -> None:
    world = World("a-1", "b-1")
    world.take("a-1", "claim.acquire", **asked("res:gpu", capacity=1))
    world.take("a-1", "claim.acquire", **asked("res:gpu", capacity=2))
    world.take("b-1", "claim.acquire", **asked("res:gpu", capacity=2))
    assert units(world, "gpu") == {"a-1": (0,), "b-1": (1,)}


def test_acquire_capacity_that_was_lowered_takes_nothing_away_and_gives_no_more() -> None:
    world = World("a-1", "a-2", "a-3", "b-1")
    for session in ("a-1", "a-2", "a-3"):
        world.take(session, "claim.acquire", **asked("res:gpu", capacity=3))
    world.take("a-1", "claim.release", patterns=None)
    assert isinstance(world.refuse("b-1", "claim.acquire", **asked("res:gpu", capacity=2)), Conflict)
    world.take("a-2", "claim.release", patterns=None)
    world.take("b-1", "claim.acquire", **asked("res:gpu", capacity=2))
    assert units(world, "gpu") == {"a-3": (2,), "b-1": (0,)}


def test_acquire_more_units_than_there_are_is_refused_and_not_put_in_line() -> None:
    world = World("a-1")
    for more in ({}, {"wait": True}):
        refused = world.refuse("a-1", "claim.acquire", **asked("res:gpu:3", **more))
        assert isinstance(refused, UsageError)
        assert refused.message == "3 units of 'gpu' were asked for, and there are 2 in all."


def test_acquire_one_resource_twice_in_one_request_is_refused() -> None:
    world = World("a-1")
    assert isinstance(world.refuse("a-1", "claim.acquire", **asked("res:gpu", "res:gpu:2")), UsageError)


@pytest.mark.parametrize(
    "row", [{"capacity": 0}, {"capacity": True}, {"capacity": "2"}, {"capacity": 1001}, {"mode": "shared"}]
)
def test_acquire_row_of_a_resource_that_no_gitfleet_writes_is_refused(row: dict[str, Any]) -> None:
    world = World("a-1")
    body = asked("res:gpu")
    body["paths"][0] |= row
    assert isinstance(world.refuse("a-1", "claim.acquire", **body), Malformed)


def test_acquire_lapsed_holders_are_taken_over_only_as_far_as_needed() -> None:
    world = World("a-1", "a-2", "b-1")
    world.take("a-1", "claim.acquire", **asked("res:gpu"))
    world.take("a-2", "claim.acquire", **asked("res:gpu"))
    near = [claim for claim in model.near(world.view, ("", "gpu")) if isinstance(claim, Claim)]
    lapsed = {claim.id: world.session(claim.session).renewed for claim in near}
    answer = world.take("b-1", "claim.acquire", **asked("res:gpu", lapsed=lapsed))
    assert len(answer["taken_over"]) == 1
    gone = answer["taken_over"][0]
    assert answer["granted"][0]["slots"] == gone["slots"]
    assert answer["granted"][0]["token"] > gone["token"]
    assert len(units(world, "gpu")) == 2


def test_release_of_a_resource_that_another_session_has_is_refused() -> None:
    world = World("a-1", "b-1", "c-1")
    world.take("a-1", "claim.acquire", **asked("res:gpu"))
    assert isinstance(world.refuse("b-1", "claim.release", patterns=["res:gpu"]), Conflict)
    assert world.take("a-1", "claim.release", patterns=["res:port"])["not_held"] == ["res:port"]
    world.take("a-1", "claim.release", patterns=["**"])
    assert set(units(world, "gpu")) == {"a-1"}, "everything is every path"
    world.take("a-1", "session.end")
    assert units(world, "gpu") == {}


def test_offer_and_take_move_the_units_with_their_numbers() -> None:
    world = World("a-1", "b-1", "c-1")
    world.take("c-1", "claim.acquire", **asked("res:gpu", capacity=3))
    world.take("a-1", "claim.acquire", **asked("res:gpu:2", capacity=3))
    world.take("a-1", "offer.make", patterns=["res:gpu"], to="b-1")
    world.take("b-1", "offer.accept")
    assert units(world, "gpu") == {"c-1": (0,), "b-1": (1, 2)}


def test_break_of_a_resource_takes_it_from_every_holder_and_serves_the_line() -> None:
    world = World("a-1", "a-2", "b-1")
    world.take("p-1", "session.start", worktree="/p", person=True)
    world.take("a-1", "claim.acquire", **asked("res:gpu"))
    world.take("a-2", "claim.acquire", **asked("res:gpu"))
    world.take("b-1", "claim.acquire", **asked("res:gpu", wait=True))
    answer = world.take("p-1", "claim.break", patterns=["res:gpu"], reason="reboot")
    assert {record["session"] for record in answer["broken"]} == {"a-1", "a-2"}
    assert units(world, "gpu") == {"b-1": (0,)}


# The line


def test_line_units_that_are_given_back_go_to_the_first_who_fits() -> None:
    world = World("a-1", "a-2", "b-1", "b-2")
    world.take("a-1", "claim.acquire", **asked("res:gpu"))
    world.take("a-2", "claim.acquire", **asked("res:gpu"))
    assert world.take("b-1", "claim.acquire", **asked("res:gpu:2", wait=True))["ticket"]
    assert world.take("b-2", "claim.acquire", **asked("res:gpu", wait=True))["ticket"]
    world.take("a-1", "claim.release", patterns=None)
    assert units(world, "gpu") == {"a-2": (1,)}, "one unit is set aside for the first in line, who wants two"
    assert isinstance(world.refuse("a-1", "claim.acquire", **asked("res:gpu")), Conflict)
    world.take("a-2", "claim.release", patterns=None)
    assert units(world, "gpu") == {"b-1": (0, 1)}
    world.take("b-1", "claim.release", patterns=None)
    assert units(world, "gpu") == {"b-2": (0,)}


def test_line_request_for_which_there_is_enough_passes_an_earlier_one_that_waits_for_something_else() -> None:
    world = World("a-1", "b-1", "c-1", "c-2")
    world.take("a-1", "claim.acquire", **wanted("f"))
    world.take("b-1", "claim.acquire", **asked("f", "res:gpu", wait=True))
    world.take("c-1", "claim.acquire", **asked("res:gpu"))
    refused = world.refuse("c-2", "claim.acquire", **asked("res:gpu"))
    assert isinstance(refused, Conflict)
    assert {(item.session, item.waiting) for item in refused.conflicts} == {
        ("c-1", False),
        ("b-1", True),
    }
    served = world.take("a-1", "claim.release", patterns=None)["served"]
    assert {record["pattern"] for record in served} == {"f", "res:gpu"}
    assert units(world, "gpu") == {"c-1": (0,), "b-1": (1,)}


def test_line_more_units_for_a_holder_are_granted_with_its_own() -> None:
    world = World("a-1", "b-1")
    world.take("a-1", "claim.acquire", **asked("res:gpu"))
    world.take("b-1", "claim.acquire", **asked("res:gpu"))
    assert world.take("b-1", "claim.acquire", **asked("res:gpu:2", wait=True))["ticket"]
    world.take("a-1", "session.end")
    (claim,) = world.claims("b-1").values()
    assert (claim.pattern, claim.slots) == ("res:gpu:2", (0, 1))


def test_line_asking_again_brings_the_ticket_to_the_capacity_of_now() -> None:
    world = World("a-1", "a-2", "b-1")
    world.take("a-1", "claim.acquire", **asked("res:gpu", capacity=3))
    world.take("a-2", "claim.acquire", **asked("res:gpu", capacity=3))
    first = world.take("b-1", "claim.acquire", **asked("res:gpu", wait=True))["ticket"]
    assert first
    answer = world.take("b-1", "claim.acquire", **asked("res:gpu", capacity=3, wait=True))
    assert answer["granted"][0]["slots"] == [2]


# Deadlock


def test_deadlock_two_holders_who_both_want_one_more_is_refused() -> None:
    world = World("a-1", "b-1")
    world.take("a-1", "claim.acquire", **asked("res:gpu"))
    world.take("b-1", "claim.acquire", **asked("res:gpu"))
    world.take("a-1", "claim.acquire", **asked("res:gpu:2", wait=True))
    refused = world.refuse("b-1", "claim.acquire", **asked("res:gpu:2", wait=True))
    assert isinstance(refused, Deadlock)
    assert {step.session for step in refused.cycle} == {"a-1", "b-1"}
    assert refused.message.startswith("Waiting would never end: b-1 waits for res:gpu")


def test_deadlock_through_a_path_and_a_resource_is_refused() -> None:
    world = World("a-1", "b-1", "c-1")
    world.take("a-1", "claim.acquire", **asked("res:gpu:2"))
    world.take("b-1", "claim.acquire", **wanted("f"))
    world.take("c-1", "claim.acquire", **asked("res:port", capacity=1))
    world.take("b-1", "claim.acquire", **asked("res:gpu", wait=True))
    world.take("a-1", "claim.acquire", **asked("res:port", capacity=1, wait=True))
    refused = world.refuse("c-1", "claim.acquire", **wanted("f", wait=True, ticket=ulid()))
    assert isinstance(refused, Deadlock)
    assert [step.session for step in refused.cycle] == ["c-1", "b-1", "a-1"]


def test_deadlock_is_none_while_one_holder_can_go_on() -> None:
    world = World("a-1", "b-1", "c-1")
    world.take("a-1", "claim.acquire", **asked("res:gpu"))
    world.take("b-1", "claim.acquire", **asked("res:gpu"))
    world.take("c-1", "claim.acquire", **wanted("f"))
    world.take("a-1", "claim.acquire", **wanted("f", wait=True, ticket=ulid()))
    assert world.take("c-1", "claim.acquire", **asked("res:gpu", wait=True))["ticket"], (
        "b-1 will let go of its unit"
    )
    refused = world.refuse("b-1", "claim.acquire", **wanted("f", wait=True, ticket=ulid()))
    assert isinstance(refused, Deadlock), "now nobody could"


# Records


def test_records_of_resources_are_filed_apart_and_read_by_their_own_name_only() -> None:
    world = World("a-1", "a-2")
    world.take("a-1", "claim.acquire", **asked("res:gpu", "./res:gpu", "src/"))
    found = {item.where.rsplit("/", 1)[0] for item in model.everything(world.view)}
    assert found == {"claims/=res:gpu", "claims/=src", "resources/=gpu"}
    assert [item.where for item in model.near(world.view, ()) if "resources" in item.where] == []
    (claim,) = model.near(world.view, ("", "gpu"))
    assert isinstance(claim, Claim)
    assert Claim.decode(claim.encode()) == claim


def test_record_of_a_path_says_nothing_of_units() -> None:
    world = World("a-1")
    world.take("a-1", "claim.acquire", **wanted("src/"))
    record = world.claims()["src/"].encode()
    assert "slots" not in record
    assert "capacity" not in record


@pytest.mark.parametrize(
    "broken",
    [
        {"slots": []}, {"slots": [0, 1]}, {"slots": [-1]}, {"slots": [True]}, {"slots": ["0"]}, {"slots": [1000]}, {"slots": 0},
        {"capacity": 0}, {"capacity": -1}, {"capacity": 1001}, {"capacity": "2"}, {"pattern": "res:gpu:2"}, {"pattern": "res:port"},
        {"pattern": "./res:gpu"}, {"slots": None},
    ],
)  # fmt: skip
def test_record_of_a_resource_that_is_broken_keeps_all_of_it(broken: dict[str, Any]) -> None:
    world = World("a-1", "b-1")
    world.take("a-1", "claim.acquire", **asked("res:gpu"))
    (claim,) = model.near(world.view, ("", "gpu"))
    record = {**claim.encode(), **broken} if isinstance(claim, Claim) else {}
    world.view.change({claim.where: canonical.dump(record)})
    (found,) = model.near(world.view, ("", "gpu"))
    assert isinstance(found, Unreadable)
    assert found.meant == language.parse("res:gpu")[0]
    assert isinstance(world.refuse("b-1", "claim.acquire", **asked("res:gpu", capacity=9)), Conflict)
    world.take("b-1", "claim.acquire", **wanted("src/"))
    world.take("b-1", "claim.acquire", **asked("res:port"))
