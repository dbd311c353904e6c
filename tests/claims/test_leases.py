"""Leases over time, decided in memory: what comes back to its session, with which token, and what goes to others."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.base import uptime
from gitfleet.base.ids import ulid
from gitfleet.claims.leases import Moment
from gitfleet.errors import Conflict
from gitfleet.sessions import inbox
from tests.claims.world import World, patterns, wanted

ACQUIRE, RENEW = "claim.acquire", "session.renew"
TTL, MARGIN, DAY = 2700, 120, 86400
BOOT, OTHER_BOOT = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"


class Clocked(World):
    """A world whose nodes tell their moment: wall time (`now`) and seconds since their boot, both as a test sets them."""

    def __init__(self, *ids: str) -> None:
        self.boot, self.up = BOOT, 5000
        super().__init__(*ids)

    def ask(self, session: str, kind: str, *, node: str | None = None, **body: Any) -> Any:
        told = {"uptime": f"{self.boot}:{self.up}", "margin": MARGIN, "max_age": DAY}
        return super().ask(session, kind, node=node, **{**told, **body})

    def go_on(self, seconds: int, *, wall: int | None = None) -> None:
        """Time passes; on the wall clock, as much as `wall` says."""
        self.up += seconds
        self.now += seconds if wall is None else wall

    def token(self, session: str, pattern: str) -> int:
        return self.claims(session)[pattern].token

    def told(self, session: str) -> list[str]:
        return [message.text for message in inbox.read(self.view, session)]


@pytest.fixture
def world() -> Clocked:
    return Clocked("n-1", "n-2", "m-1")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (RENEW, {}),
        (ACQUIRE, wanted("elsewhere")),
        (ACQUIRE, wanted("src/a.py")),
        ("claim.release", {"patterns": ["nothing"]}),
        ("session.start", {"title": "more", "worktree": "/w", "resume": True}),
        ("session.start", {"worktree": "/n-1", "resume": True}),
    ],
    ids=["renewal", "other-claim", "same-claim", "release", "change", "start-again"],
)
def test_lapsed_claim_that_nobody_took_comes_back_with_a_new_token(
    world: Clocked, kind: str, body: dict[str, Any]
) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    before = world.claims("n-1")["src/"]
    world.go_on(TTL - MARGIN)
    world.take("n-1", kind, **body)
    after = world.claims("n-1")["src/"]
    assert (after.id, after.session) == (before.id, "n-1")
    assert after.token == world.generation > before.token
    assert after.granted_at == world.now
    assert world.told("n-1") == []  # silently


def test_claim_that_is_renewed_in_time_keeps_its_token(world: Clocked) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    token = world.token("n-1", "src/")
    for _ in range(10):
        world.go_on(TTL - MARGIN - 1)
        world.take("n-1", RENEW)
    assert world.token("n-1", "src/") == token


def test_answer_names_the_new_token_and_the_log_says_it(world: Clocked) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    world.go_on(TTL)
    decision = world.ask("n-1", ACQUIRE, **wanted("src/a.py"))
    assert [claim["token"] for claim in decision.answer.encode()["already_held"]] == [world.generation]
    assert "takes back src/" in decision.subject


def test_only_the_claims_whose_own_time_is_over_get_a_new_token(world: Clocked) -> None:
    world.take("n-1", ACQUIRE, **wanted("short", ttl=600))
    world.take("n-1", ACQUIRE, **wanted("long"))
    tokens = {pattern: claim.token for pattern, claim in world.claims("n-1").items()}
    world.go_on(1000)
    world.take("n-1", RENEW)
    assert world.token("n-1", "short") == world.generation
    assert world.token("n-1", "long") == tokens["long"]


def test_lapsed_claim_that_is_released_is_released(world: Clocked) -> None:
    world.take("n-1", ACQUIRE, **wanted("a", "b"))
    world.go_on(TTL)
    assert patterns(world.take("n-1", "claim.release", patterns=["a"])["released"]) == ["a"]
    assert set(world.claims("n-1")) == {"b"}
    world.go_on(TTL)
    world.take("n-1", "session.end")
    assert world.claims() == {}


def test_two_signs_of_life_at_once_make_one_new_grant(world: Clocked) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    world.go_on(TTL)
    world.take("n-1", RENEW)
    token = world.token("n-1", "src/")
    world.take("n-1", RENEW)
    assert world.token("n-1", "src/") == token


def test_lapse_is_seen_by_the_clock_that_nobody_sets(world: Clocked) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    token = world.token("n-1", "src/")
    world.go_on(TTL, wall=0)  # frozen
    world.take("n-1", RENEW)
    assert (frozen := world.token("n-1", "src/")) > token
    world.go_on(TTL, wall=-36000)  # set back
    world.take("n-1", RENEW)
    assert (back := world.token("n-1", "src/")) > frozen
    world.go_on(60, wall=600)  # ten minutes ahead: within the lease, and nothing happens
    world.take("n-1", RENEW)
    assert world.token("n-1", "src/") == back


def test_lease_of_before_a_reboot_counts_as_over(world: Clocked) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    token = world.token("n-1", "src/")
    world.boot, world.up = OTHER_BOOT, 5001
    world.take("n-1", RENEW)
    assert world.token("n-1", "src/") > token


def test_operation_without_a_moment_lets_everything_be(world: Clocked) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    token = world.token("n-1", "src/")
    world.go_on(10 * TTL)
    World.ask(world, "n-1", RENEW)
    assert world.token("n-1", "src/") == token


# The maximum age.


def keep_alive(world: Clocked, session: str, seconds: int) -> None:
    """The session shows signs of life, in time, for so long."""
    while seconds > 0:
        world.go_on(min(seconds, TTL // 3))
        seconds -= TTL // 3
        world.take(session, RENEW)


def test_claim_of_the_greatest_age_comes_back_with_a_new_token_when_nobody_waits(world: Clocked) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    token = world.token("n-1", "src/")
    keep_alive(world, "n-1", DAY - MARGIN - TTL)
    assert world.token("n-1", "src/") == token
    keep_alive(world, "n-1", TTL)
    first = world.token("n-1", "src/")
    assert first > token
    keep_alive(world, "n-1", DAY - 2 * MARGIN - TTL)
    assert world.token("n-1", "src/") == first


def test_claim_of_the_greatest_age_goes_to_who_waits_and_its_session_is_told(world: Clocked) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/", "docs/"))
    keep_alive(world, "n-1", DAY - TTL)
    world.take("m-1", ACQUIRE, **wanted("src/a.py"), wait=True, ticket=ulid())
    world.go_on(TTL // 3)
    keep_alive(world, "n-1", TTL)
    assert set(world.claims("n-1")) == {"docs/"}
    assert set(world.claims("m-1")) == {"src/a.py"}
    (told,) = world.told("n-1")
    assert "src/" in told
    assert "maximum age" in told


def test_claim_that_was_outlived_as_others_watched_it_is_taken_over(world: Clocked) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    claim = world.claims("n-1")["src/"]
    world.take("n-1", RENEW)
    wrong = world.refuse("m-1", ACQUIRE, **wanted("src/", outlived={claim.id: claim.token - 1}))
    assert isinstance(wrong, Conflict)
    answer = world.take("m-1", ACQUIRE, **wanted("src/", outlived={claim.id: claim.token}))
    assert patterns(answer["taken_over"]) == ["src/"]
    assert [text for text in world.told("n-1") if "m-1 has taken it over" in text]


@pytest.mark.parametrize(
    ("age", "old"), [(0, False), (DAY - MARGIN - 2, False), (DAY - MARGIN + 1, True), (3 * DAY, True)]
)
@pytest.mark.parametrize("boot", [BOOT, OTHER_BOOT], ids=["same-boot", "rebooted"])
def test_greatest_age_ends_a_margin_early(world: Clocked, age: int, boot: str, *, old: bool) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    claim = world.claims("n-1")["src/"]
    up = world.up + age if boot == BOOT else 7
    assert Moment(world.now + age, f"{boot}:{up}", MARGIN, DAY).is_old(claim) is old


# What the waiting line gave.


def test_claim_that_the_line_gave_is_taken_up_by_who_acts_on_it(world: Clocked) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    world.take("m-1", ACQUIRE, **wanted("src/"), wait=True, ticket=ulid())
    world.take("n-1", "claim.release", patterns=None)
    given = world.claims("m-1")["src/"]
    assert given.accept_within
    world.go_on(40)
    world.take("m-1", RENEW)
    assert world.claims("m-1")["src/"] == given  # a sign of life alone takes up nothing
    world.take("m-1", RENEW, accept=True, regrant=True)
    taken = world.claims("m-1")["src/"]
    assert not taken.accept_within
    assert (taken.token, taken.granted_at) == (world.generation, world.now)


def test_grant_from_the_line_counts_from_when_its_session_took_it_up_by_its_own_clock(world: Clocked) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    world.take("m-1", ACQUIRE, **wanted("src/"), wait=True, ticket=ulid())
    world.now += 36000  # the clock of whoever releases
    world.take("n-1", "claim.release", patterns=None)
    world.now -= 36000
    claim = world.claims("m-1")["src/"]
    world.take("m-1", "ticket.collect", claims=[claim.id])
    assert world.claims("m-1")["src/"].granted_at == world.now


# The distance between two moments.


@pytest.mark.parametrize(
    ("then", "now", "age"),
    [
        ((100, f"{BOOT}:50"), (160, f"{BOOT}:110"), 60),
        ((100, f"{BOOT}:50"), (100, f"{BOOT}:111"), 60),
        ((100, f"{BOOT}:50"), (20, f"{BOOT}:111"), 60),
        ((100, f"{BOOT}:50"), (9100, f"{BOOT}:111"), 9000),
        ((100, f"{BOOT}:50"), (100, f"{BOOT}:49"), 0),
        ((100, f"{BOOT}:50"), (160, f"{OTHER_BOOT}:111"), None),
        ((100, f"{BOOT}:50"), (160, f"{BOOT}:x"), None),
        ((100, f"{BOOT}:50"), (160, "x"), None),
        ((100, ""), (160, f"{BOOT}:111"), 60),
        ((100, f"{BOOT}:50"), (160, ""), 60),
        ((100, ""), (99, ""), None),
    ],
)
def test_age_is_the_longer_distance_or_none(
    then: tuple[int, str], now: tuple[int, str], age: int | None
) -> None:
    assert uptime.age(*then, *now) == age


def test_stamps_of_one_boot_go_on() -> None:
    one, two = uptime.stamp(), uptime.stamp()
    assert uptime.age(1000, one, 1000, two) in {0, 1}
