"""Claiming, releasing, listing and checking through a real node and its hub."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.claims.model import Claim
from gitfleet.claims.policy import Policy
from gitfleet.claims.service import FREE, MINE, THEIRS, UNVERIFIABLE, Claims, Terms
from gitfleet.errors import BadName, BadPath, Conflict, PolicyRefused, Queued, UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.patterns.language import DEEPEST
from tests.fleetbench import Fleets
from tests.operations import ask

ADA_1 = SessionId("ada-1")
ALONE_1 = SessionId("alone-1")
ALONE_2 = SessionId("alone-2")
BEN = SessionId("ben")
BOB_1 = SessionId("bob-1")


@pytest.fixture
def opened(fleets: Fleets) -> Iterator[Callable[[str], Fleet]]:
    """Opens a clone's fleet, and closes it at the end."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(fleets.open(name))


@pytest.fixture
def fleet(opened: Callable[[str], Fleet]) -> Fleet:
    return opened("alone")


def with_rules(fleet: Fleet, **rules: object) -> Claims:
    return Claims(fleet.repository, fleet.ledger, lambda: Policy(**rules))  # type: ignore[arg-type]


def states(claims: Claims, fleet: Fleet, session: SessionId | None, *paths: str) -> list[str]:
    return [verdict.state for verdict in claims.check(fleet.current(), session, paths)]


def as_if_seen_earlier(fleet: Fleet, seconds: int) -> None:
    """As if this node had begun to watch so many seconds earlier."""
    path = Path(fleet.ledger.state) / "watch.json"
    seen = json.loads(path.read_text())
    for item in seen.values():
        item["since"] -= seconds
    path.write_text(json.dumps(seen))


def test_path_with_more_parts_than_a_tree_can_hold_is_refused_and_leaves_the_clone_working(
    fleet: Fleet,
) -> None:
    deep = "d/" * (DEEPEST + 1)
    for given in (deep, "d/*/" * 250, "{x,y}/" + deep):
        with pytest.raises(BadPath, match="more than 256 parts"):
            fleet.claims.claim(ALONE_1, ["README.md", given])
        with pytest.raises(BadPath, match="more than 256 parts"):
            fleet.claims.release(ALONE_1, [given])
    assert fleet.claims.claim(ALONE_1, ["d/" * DEEPEST]).granted
    assert states(fleet.claims, fleet, SessionId("alone-1"), "d/" * DEEPEST, "README.md") == [MINE, FREE]
    assert fleet.claims.release(ALONE_1, ["d/" * DEEPEST]).released


def test_wait_for_what_the_session_has_says_so(fleet: Fleet) -> None:
    fleet.claims.claim(ALONE_1, ["a"])
    got = fleet.claims.wait(ALONE_1, ["a", "b"])
    assert [claim.pattern for claim in got.granted] == ["b"]
    assert [claim.pattern for claim in got.already_held] == ["a"]
    assert not got.tentative


def test_wait_for_a_name_in_another_case_goes_on_where_case_makes_names(fleet: Fleet) -> None:
    claims = with_rules(fleet, case_sensitive=True)
    claims.claim(ALONE_2, ["readme"])
    with pytest.raises(Queued):
        claims.wait(ALONE_1, ["readme"], limit=0.0)
    claims.claim(ALONE_1, ["README"])
    with pytest.raises(Queued):
        claims.wait(ALONE_1, ["readme"], limit=0.0)
    claims.release(ALONE_2, ["readme"])
    assert [claim.pattern for claim in claims.wait(ALONE_1, ["readme"]).granted] == ["readme"]


def test_break_and_offer_leave_a_name_in_another_case_alone_where_case_makes_names(fleet: Fleet) -> None:
    claims = with_rules(fleet, case_sensitive=True)
    claims.claim(ALONE_2, ["readme"])
    person = {"worktree": fleet.repository.worktree or "", "person": True}
    ask(fleet.ledger, "session.start", "ben", person)
    with pytest.raises(Conflict, match="Nobody else"):
        claims.break_(BEN, ["README"], "release day")
    with pytest.raises(Conflict, match="no claim on README"):
        claims.offer(ALONE_2, ALONE_1, ["README"])
    assert [claim.pattern for claim in claims.break_(BEN, ["readme"], "why").broken] == ["readme"]


def test_claim_of_what_the_line_has_given_takes_it_up(fleet: Fleet) -> None:
    fleet.claims.claim(ALONE_1, ["x"])
    with pytest.raises(Queued):
        fleet.claims.wait(ALONE_2, ["x"], limit=0.0)
    fleet.claims.release(ALONE_1, ["x"])
    assert states(fleet.claims, fleet, SessionId("alone-2"), "x") == [FREE]
    assert [record.pattern for record in fleet.claims.claim(ALONE_2, ["x"]).granted] == ["x"]
    assert states(fleet.claims, fleet, SessionId("alone-2"), "x") == [MINE]


def test_claim_of_everything_needs_policy(fleet: Fleet) -> None:
    for everything in (".", "**", "./", "**/*", fleet.repository.worktree or ""):
        with pytest.raises(PolicyRefused) as caught:
            fleet.claims.claim(ALONE_1, ["README.md", everything])
        assert caught.value.exit_code == 16
    assert states(fleet.claims, fleet, SessionId("alone-1"), "README.md") == [FREE]
    allowed = with_rules(fleet, everything=True)
    assert allowed.claim(ALONE_1, ["."]).granted[0].pattern == "**"


@pytest.mark.parametrize(
    ("ttl", "good"), [(59, False), (60, True), (86400, True), (86401, False), (-5, False)]
)
def test_time_to_live_has_bounds(fleet: Fleet, ttl: int, *, good: bool) -> None:
    if good:
        assert fleet.claims.claim(ALONE_1, ["a"], Terms(ttl=ttl)).granted[0].ttl == ttl
        return
    with pytest.raises(UsageError):
        fleet.claims.claim(ALONE_1, ["a"], Terms(ttl=ttl))


def test_time_to_live_and_modes_come_from_policy(fleet: Fleet) -> None:
    claims = with_rules(fleet, ttl=600, max_age=1000, shared=("docs/", "*.{md,txt}"))
    granted = claims.claim(ALONE_1, ["docs/a", "notes.txt", "src/a", "doc*"]).granted
    assert [(g.mode, g.ttl) for g in granted] == [
        ("shared", 600), ("shared", 600), ("exclusive", 600), ("exclusive", 600),
    ]  # fmt: skip
    with pytest.raises(UsageError):
        claims.claim(ALONE_1, ["x"], Terms(ttl=1001))
    assert claims.claim(ALONE_1, ["docs/b"], Terms(shared=False)).granted[0].mode == "exclusive"


def test_requests_beyond_measure_are_refused_before_anything_is_left(fleets: Fleets, fleet: Fleet) -> None:
    long = "x" * 4000
    refusals: list[Callable[[], object]] = [
        lambda: fleet.claims.claim(ALONE_1, []),
        lambda: fleet.claims.claim(ALONE_1, [f"f{n}" for n in range(1001)]),
        lambda: fleet.claims.claim(ALONE_1, [f"{long}{n}" for n in range(100)]),
        lambda: fleet.claims.claim(ALONE_1, ["a"], Terms(reason="r" * 5000)),
        lambda: fleet.claims.release(ALONE_1, [f"f{n}" for n in range(1001)]),
    ]
    for refused in refusals:
        with pytest.raises(UsageError):
            refused()
    assert fleets.waiting("alone") == []
    assert fleets.chain("alone").claims == []
    assert len(fleet.claims.claim(ALONE_1, [f"f{n}" for n in range(1000)]).granted) == 1000


@pytest.mark.parametrize(
    "name", ["", "../x", "-x", "a/b", "x" * 300, "a\nb", "\x1b", ".hidden", "a..b", "x.lock"]
)
def test_session_with_a_hostile_name_is_refused_before_anything_is_left(
    fleets: Fleets, fleet: Fleet, name: str
) -> None:
    for refused in (
        lambda: fleet.claims.claim(SessionId(name), ["a"]),
        lambda: fleet.claims.release(SessionId(name), None),
        lambda: list(fleet.claims.find(fleet.current(), session=SessionId(name))),
        lambda: list(fleet.claims.find(fleet.current(), session=SessionId(name), texts=["a"])),
        lambda: fleet.sessions.end(SessionId(name)),
    ):
        with pytest.raises(BadName) as caught:
            refused()
        assert "\x1b" not in caught.value.message
    assert fleets.waiting("alone") == []


def test_check_says_of_each_path_whose_it_is(fleet: Fleet) -> None:
    fleet.claims.claim(ALONE_1, ["src/", "*.md"])
    fleet.claims.claim(ALONE_2, ["docs/readme.md"])
    asked = ("src/api/a.py", "README.md", "docs/readme.md", "docs/", "LICENSE", "SRC/x", ".")
    assert states(fleet.claims, fleet, SessionId("alone-1"), *asked) == [
        MINE,
        MINE,
        THEIRS,
        THEIRS,
        FREE,
        MINE,
        THEIRS,
    ]
    assert states(fleet.claims, fleet, None, *asked[:3]) == [THEIRS] * 3
    (verdict,) = fleet.claims.check(fleet.current(), ALONE_1, ["docs/"])
    assert [h.session for h in verdict.holders] == ["alone-2"]
    assert verdict.holders[0].witness == "docs/readme.md"


def test_check_of_shared_claims_says_theirs_to_who_shares_nothing(fleet: Fleet) -> None:
    for session in ("alone-1", "alone-2"):
        fleet.claims.claim(SessionId(session), ["docs/"], Terms(shared=True))
    assert states(fleet.claims, fleet, SessionId("alone-1"), "docs/x") == [MINE]
    fleet.claims.release(ALONE_1, None)
    assert states(fleet.claims, fleet, SessionId("alone-1"), "docs/x") == [THEIRS]


def test_check_on_old_knowledge_cannot_call_a_path_free(
    fleets: Fleets, opened: Callable[[str], Fleet]
) -> None:
    fleet = opened("ada")
    os.utime(fleets.state("ada") / "seen")
    assert states(fleet.claims, fleet, SessionId("ada-1"), "a") == [FREE]
    fleet.claims.claim(ADA_1, ["mine"])
    fleet.claims.claim(SessionId("ada-2"), ["theirs"])
    os.utime(fleets.state("ada") / "seen", (1, 1))
    assert states(fleet.claims, fleet, SessionId("ada-1"), "a", "mine", "theirs") == [
        UNVERIFIABLE,
        MINE,
        THEIRS,
    ]
    (fleets.state("ada") / "seen").unlink()
    assert states(fleet.claims, fleet, SessionId("ada-1"), "a") == [UNVERIFIABLE]


def test_claims_are_found_by_session_by_path_or_all(fleet: Fleet) -> None:
    fleet.claims.claim(ALONE_1, ["src/", "README.md"])
    fleet.claims.claim(ALONE_2, ["docs/*.md"])

    def found(**by: object) -> set[str]:
        items = fleet.claims.find(fleet.current(), **by)  # type: ignore[arg-type]
        return {item.pattern for item in items if isinstance(item, Claim)}

    assert found() == {"src/", "README.md", "docs/*.md"}
    assert found(session="alone-1") == {"src/", "README.md"}
    assert found(texts=["docs/x.md", "src/api"]) == {"docs/*.md", "src/"}
    assert found(texts=["docs/x.md", "src/api"], session="alone-2") == {"docs/*.md"}
    assert found(texts=["docs/x.txt"]) == set()
    assert found(session="nobody-1") == set()


# Lapse, without waiting.


def test_lapsed_claim_is_taken_over_only_after_this_node_has_watched_it(fleet: Fleet) -> None:
    fleet.claims.claim(ALONE_1, ["src/"], Terms(ttl=600))
    for _ in range(2):  # asking more often makes no observation older
        with pytest.raises(Conflict):
            fleet.claims.claim(ALONE_2, ["src/api/a.py"])
        as_if_seen_earlier(fleet, 350)
    with pytest.raises(Conflict):
        fleet.claims.claim(ALONE_2, ["src/api/a.py"])
    as_if_seen_earlier(fleet, 90)
    answer = fleet.claims.claim(ALONE_2, ["src/api/a.py"])
    assert [claim.session for claim in answer.taken_over] == ["alone-1"]
    with pytest.raises(Conflict):
        fleet.claims.claim(ALONE_1, ["src/api/a.py"])


def test_lapsed_claim_that_was_renewed_meanwhile_is_not_taken_over(fleet: Fleet) -> None:
    fleet.claims.claim(ALONE_1, ["src/"], Terms(ttl=600))
    with pytest.raises(Conflict):
        fleet.claims.claim(ALONE_2, ["src/"])
    as_if_seen_earlier(fleet, 5000)
    fleet.claims.claim(ALONE_1, ["elsewhere"])
    for _ in range(2):
        with pytest.raises(Conflict):
            fleet.claims.claim(ALONE_2, ["src/"])
    as_if_seen_earlier(fleet, 781)
    assert fleet.claims.claim(ALONE_2, ["src/"]).taken_over


def test_lapsed_claim_is_watched_by_partial_requests_too(fleet: Fleet) -> None:
    fleet.claims.claim(ALONE_1, ["src/"], Terms(ttl=600))
    answer = fleet.claims.claim(ALONE_2, ["src/", "docs/"], Terms(partial=True))
    assert [item.path for item in answer.refused] == ["src/"]
    as_if_seen_earlier(fleet, 781)
    assert fleet.claims.claim(ALONE_2, ["src/"]).taken_over


def test_lapsed_claim_of_another_node_is_watched_by_our_own_clock(opened: Callable[[str], Fleet]) -> None:
    ada, bob = opened("ada"), opened("bob")
    ada.claims.claim(ADA_1, ["src/"], Terms(ttl=600))
    with pytest.raises(Conflict):
        bob.claims.claim(BOB_1, ["src/"])
    as_if_seen_earlier(bob, 781)
    assert bob.claims.claim(BOB_1, ["src/"]).taken_over
    with pytest.raises(Conflict):
        ada.claims.claim(ADA_1, ["src/api/a.py"])


def test_claim_offline_is_tentative_and_prolongs_nothing_that_was_agreed(
    fleets: Fleets, opened: Callable[[str], Fleet]
) -> None:
    fleet = opened("ada")
    fleet.claims.claim(ADA_1, ["src/"])
    before = fleet.claims.renewed_at(fleet.current(), ADA_1)
    shutil.move(fleets.hub, fleets.root / "away.git")
    result = fleet.claims.claim(ADA_1, ["docs/"])
    assert result.status.value == "tentative"
    state = fleet.current()
    assert fleet.claims.renewed_at(state, ADA_1) == before
    assert states(fleet.claims, fleet, SessionId("ada-1"), "docs/x", "src/x") == [MINE, MINE]
