"""How the ledger changes when paths are claimed and released: every rule of the table in one place each."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitfleet.base import advice
from gitfleet.base.ids import ulid
from gitfleet.claims import model
from gitfleet.claims.model import EXCLUSIVE, SHARED
from gitfleet.errors import Conflict, FleetError, InternalError, NoneHeld, NoSession, UsageError
from gitfleet.patterns.language import key, matches, parse
from gitfleet.patterns.overlap import covers, overlap
from tests.claims.world import World, patterns, wanted
from tests.sampling import examples

ACQUIRE, RELEASE = "claim.acquire", "claim.release"


@pytest.fixture
def world() -> World:
    return World("n-1", "n-2", "m-1")


def test_claim_of_free_paths_grants_each_with_the_generation_as_token(world: World) -> None:
    answer = world.take("n-1", ACQUIRE, **wanted("a", "src/", "*.md", reason="why", branch="work"))
    assert patterns(answer["granted"]) == ["a", "src/", "*.md"]
    assert [answer[key] for key in ("already_held", "refused", "taken_over")] == [[], [], []]
    for claim in world.claims("n-1").values():
        assert (claim.token, claim.node, claim.reason, claim.branch) == (world.generation, "n", "why", "work")


def test_tokens_rise_from_grant_to_grant(world: World) -> None:
    tokens = []
    for _ in range(3):
        (granted,) = world.take("n-1", ACQUIRE, **wanted("a"))["granted"]
        tokens.append(granted["token"])
        world.take("n-1", RELEASE, patterns=["a"])
    assert tokens == sorted(set(tokens))


@pytest.mark.parametrize(
    ("held", "asked", "witness"),
    [
        ("a.py", "a.py", "a.py"),
        ("src/", "src/api/a.py", "src/api/a.py"),
        ("src/api/a.py", "src/", "src/api/a.py"),
        ("src/*.py", "src/a*", "src/a.py"),
        ("src/**/test_*", "src/", "src/test_"),
        ("new", "new/x.py", "new/x.py"),
        ("new/x.py", "new", "new/x.py"),
        ("src/a.py", "src/*/x", "src/a.py/x"),
        ("app/[id]/x.tsx", r"app/\[id]/x.tsx", "app/[id]/x.tsx"),
        ("README.md", "readme.md", "README.md"),
        ("café", "cafe\u0301", "café"),
    ],
)
@pytest.mark.parametrize("session", ["n-2", "m-1"])
def test_claim_of_what_another_holds_is_refused_with_a_path_that_both_match(
    world: World, held: str, asked: str, witness: str, session: str
) -> None:
    world.take("n-1", ACQUIRE, **wanted(held, reason="mine"))
    error = world.refuse(session, ACQUIRE, **wanted("free", asked))
    assert isinstance(error, Conflict)
    (item,) = error.conflicts
    met = model.parsed(held), model.parsed(asked), item.witness
    assert matches(met[0], met[2])
    assert matches(met[1], met[2])
    assert key(item.witness) == key(witness) or "*" in held
    assert (item.path, item.held, item.session, item.reason) == (asked, held, "n-1", "mine")
    assert world.claims(session) == {}
    for word in ("n-1", "work of n-1", held):
        assert word in error.message


def test_claim_apart_from_what_others_hold_is_granted(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/a.py", "docs/*.md"))
    answer = world.take("n-2", ACQUIRE, **wanted("src/b.py", "docs/*.txt", "src/a.pyc", "docs/sub/x.md"))
    assert len(answer["granted"]) == 4


def test_conflicts_are_listed_once_each_by_holder(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("a", "b"))
    world.take("m-1", ACQUIRE, **wanted("c"))
    error = world.refuse("n-2", ACQUIRE, **wanted("a", "b", "c", "."))
    assert isinstance(error, Conflict)
    pairs = [(item.path, item.held) for item in error.conflicts]
    assert sorted(pairs) == [("**", "a"), ("**", "b"), ("**", "c"), ("a", "a"), ("b", "b"), ("c", "c")]
    assert error.message.count("session n-1") == error.message.count("session m-1") == 1


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (SHARED, SHARED, True),
        (SHARED, EXCLUSIVE, False),
        (EXCLUSIVE, SHARED, False),
        (EXCLUSIVE, EXCLUSIVE, False),
    ],
)
def test_modes_meet_only_when_both_are_shared(
    world: World, first: str, second: str, *, together: bool
) -> None:
    world.take("n-1", ACQUIRE, **wanted("docs/", mode=first))
    body = wanted("docs/a.md", mode=second)
    if together:
        assert patterns(world.take("m-1", ACQUIRE, **body)["granted"]) == ["docs/a.md"]
    else:
        assert isinstance(world.refuse("m-1", ACQUIRE, **body), Conflict)


def test_upgrade_to_exclusive_alone_is_granted_in_place_of_the_shared_one(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("docs/", mode=SHARED))
    assert patterns(world.take("n-1", ACQUIRE, **wanted("docs/"))["granted"]) == ["docs/"]
    assert world.claims("n-1")["docs/"].mode == EXCLUSIVE


@pytest.mark.parametrize(("data", "step"), [(b"{", advice.FSCK), (b'{"v":9}', "Upgrade gitfleet")])
def test_refusal_by_a_record_that_cannot_be_read_does_not_offer_to_wait_for_it(
    world: World, data: bytes, step: str
) -> None:
    world.view.change({"claims/=src/@x.json": data})
    error = world.refuse("n-1", ACQUIRE, **wanted("src/a.py"))
    assert isinstance(error, Conflict)
    assert "a record that cannot be read holds claims/=src/@x.json" in error.message
    assert step in error.hint
    assert "wait" not in error.hint


def test_upgrade_to_exclusive_while_others_share_is_refused_and_keeps_the_shared_one(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("docs/", mode=SHARED))
    world.take("m-1", ACQUIRE, **wanted("docs/x", mode=SHARED))
    error = world.refuse("n-1", ACQUIRE, **wanted("docs/"))
    assert isinstance(error, Conflict)
    assert [item.session for item in error.conflicts] == ["m-1"]
    assert world.claims("n-1")["docs/"].mode == SHARED


def test_exclusive_holder_that_asks_for_a_share_has_it_already(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("docs/"))
    answer = world.take("n-1", ACQUIRE, **wanted("docs/a", mode=SHARED))
    assert patterns(answer["already_held"]) == ["docs/"]


def test_claim_again_renews_under_the_same_token(world: World) -> None:
    (granted,) = world.take("n-1", ACQUIRE, **wanted("src/"))["granted"]
    before = world.session("n-1")
    world.now += 600
    answer = world.take("n-1", ACQUIRE, **wanted("src/", "src/api/a.py"))
    assert answer["granted"] == []
    assert {(r["id"], r["token"]) for r in answer["already_held"]} == {(granted["id"], granted["token"])}
    after = world.session("n-1")
    assert (after.renewed, after.renewed_at) == (before.renewed + 1, world.now)
    assert list(world.claims("n-1")) == ["src/"]


def test_claim_again_for_longer_prolongs_and_for_less_changes_nothing(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/", ttl=600))
    (held,) = world.take("n-1", ACQUIRE, **wanted("src/", ttl=7200))["already_held"]
    assert held["ttl"] == world.claims("n-1")["src/"].ttl == 7200
    world.take("n-1", ACQUIRE, **wanted("src/", ttl=60))
    assert world.claims("n-1")["src/"].ttl == 7200


def test_claim_that_another_in_the_same_request_covers_is_no_claim_of_its_own(world: World) -> None:
    answer = world.take("n-1", ACQUIRE, **wanted("src/", "src/a.py"))
    assert patterns(answer["granted"]) == ["src/"]
    assert answer["already_held"] == []


def test_partial_claim_takes_what_is_free_and_lists_the_rest(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("a"))
    answer = world.take("n-2", ACQUIRE, **wanted("a", "b", partial=True))
    assert patterns(answer["granted"]) == ["b"]
    assert [item["path"] for item in answer["refused"]] == ["a"]


def test_partial_claim_of_nothing_free_is_refused(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("a"))
    assert isinstance(world.refuse("n-2", ACQUIRE, **wanted("a", partial=True)), Conflict)


@pytest.mark.parametrize(
    ("asked", "goes"),
    [
        (["src/a.py"], {"src/a.py"}),
        (["src/"], {"src/a.py", "src/api/", "src/*.md"}),
        (["src/api"], {"src/api/"}),
        (["."], {"src/a.py", "src/api/", "src/*.md", "top"}),
        (["src/*"], {"src/a.py", "src/*.md"}),
        (["SRC/A.PY", "top"], {"src/a.py", "top"}),
        (["nobody/holds", "top"], {"top"}),
        (None, {"src/a.py", "src/api/", "src/*.md", "top"}),
    ],
)
def test_release_lets_go_what_is_named_and_what_is_below(
    world: World, asked: list[str] | None, goes: set[str]
) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/a.py", "src/api/", "src/*.md", "top"))
    world.take("n-2", ACQUIRE, **wanted("other"))
    texts = None if asked is None else [pattern.text for text in asked for pattern in parse(text)]
    answer = world.take("n-1", RELEASE, patterns=texts)
    assert set(patterns(answer["released"])) == goes
    assert set(world.claims()) == {"src/a.py", "src/api/", "src/*.md", "top", "other"} - goes
    assert answer["not_held"] == (["nobody/holds"] if asked and asked[0] == "nobody/holds" else [])


def test_release_of_what_another_holds_is_refused_with_its_name(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    world.take("n-2", ACQUIRE, **wanted("mine"))
    error = world.refuse("n-2", RELEASE, patterns=["mine", "src/a.py"])
    assert isinstance(error, Conflict)
    assert "n-1" in error.message
    assert set(world.claims()) == {"src/", "mine"}


def test_release_of_a_part_is_refused_by_the_whole(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    error = world.refuse("n-1", RELEASE, patterns=["src/a.py"])
    assert isinstance(error, UsageError)
    assert error.exit_code == 2
    assert list(world.claims()) == ["src/"]


def test_release_of_what_nobody_holds_is_no_error(world: World) -> None:
    assert world.take("n-1", RELEASE, patterns=["x"])["not_held"] == ["x"]


@pytest.mark.parametrize(("named", "not_held"), [(["x"], ("x",)), (None, ())])
def test_release_that_changes_nothing_needs_no_transaction(
    world: World, named: list[str] | None, not_held: tuple[str, ...]
) -> None:
    error = world.refuse("n-1", RELEASE, patterns=named, some=True)
    assert isinstance(error, NoneHeld)
    assert error.not_held == not_held
    world.take("n-1", ACQUIRE, **wanted("src/"))
    assert patterns(world.take("n-1", RELEASE, patterns=["src/"], some=True)["released"]) == ["src/"]


def test_case_that_counts_keeps_names_apart_in_every_rule(world: World) -> None:
    exact: dict[str, Any] = {"case_sensitive": True}
    world.take("n-1", ACQUIRE, **wanted("README.md", **exact))
    assert patterns(world.take("n-2", ACQUIRE, **wanted("readme.md", **exact))["granted"]) == ["readme.md"]
    assert patterns(world.take("n-1", ACQUIRE, **wanted("ReadMe.md", **exact))["granted"]) == ["ReadMe.md"]
    assert isinstance(world.refuse("n-2", ACQUIRE, **wanted("README.md", **exact)), Conflict)
    assert patterns(world.take("n-1", RELEASE, patterns=["ReadMe.md"], **exact)["released"]) == ["ReadMe.md"]
    assert isinstance(world.refuse("n-1", RELEASE, patterns=["readme.md"], **exact), Conflict)


# Leases.


def lapsed(world: World, session: str, pattern: str) -> dict[str, int]:
    return {world.claims(session)[pattern].id: world.session(session).renewed}


def test_lapsed_claim_is_taken_over_with_a_new_token(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/", "other"))
    old = world.claims("n-1")["src/"]
    answer = world.take("m-1", ACQUIRE, **wanted("src/a.py", lapsed=lapsed(world, "n-1", "src/")))
    assert patterns(answer["taken_over"]) == ["src/"]
    assert set(world.claims("n-1")) == {"other"}
    assert world.claims("m-1")["src/a.py"].token > old.token
    again = world.refuse("n-1", ACQUIRE, **wanted("src/a.py"))
    assert isinstance(again, Conflict)


def test_lapsed_claim_that_two_wanted_paths_meet_is_taken_over_once(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    answer = world.take("m-1", ACQUIRE, **wanted("src/a", "src/b", lapsed=lapsed(world, "n-1", "src/")))
    assert patterns(answer["taken_over"]) == ["src/"]
    assert set(world.claims()) == {"src/a", "src/b"}


@pytest.mark.parametrize(
    ("kind", "body"),
    [("session.renew", {}), (ACQUIRE, wanted("elsewhere")), (RELEASE, {"patterns": ["nothing"]})],
    ids=["renewal", "claim", "release"],
)
def test_lapsed_claim_whose_session_does_anything_is_its_own_again(
    world: World, kind: str, body: dict[str, Any]
) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    seen = lapsed(world, "n-1", "src/")
    world.take("n-1", kind, **body)
    assert isinstance(world.refuse("m-1", ACQUIRE, **wanted("src/", lapsed=seen)), Conflict)


def test_lapse_of_one_claim_says_nothing_about_another(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("a", "b"))
    seen = lapsed(world, "n-1", "a")
    error = world.refuse("m-1", ACQUIRE, **wanted("a", "b", lapsed=seen))
    assert isinstance(error, Conflict)
    assert [item.held for item in error.conflicts] == ["b"]
    assert set(world.claims("n-1")) == {"a", "b"}


def test_lapse_that_nobody_watched_cannot_be_made_up(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("a"))
    wrong = {claim: renewed - 1 for claim, renewed in lapsed(world, "n-1", "a").items()}
    assert isinstance(world.refuse("m-1", ACQUIRE, **wanted("a", lapsed=wrong)), Conflict)
    assert isinstance(world.refuse("m-1", ACQUIRE, **wanted("a", lapsed={ulid(): 1})), Conflict)


# Who may ask.


def test_session_that_ends_releases_what_it_held(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("a", "b/"))
    answer = world.take("n-1", "session.end")
    assert set(patterns(answer["released"])) == {"a", "b/"}
    assert world.claims() == {}
    assert [path for path in world.records() if "n-1" in path] == []
    for kind, body in [(ACQUIRE, wanted("a")), (RELEASE, {"patterns": None}), ("session.end", {})]:
        assert isinstance(world.refuse("n-1", kind, **body), NoSession)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (ACQUIRE, wanted("a")),
        (RELEASE, {"patterns": None}),
        ("session.end", {}),
        ("session.renew", {}),
        ("session.start", {"title": "x", "worktree": "/w", "resume": True}),
    ],
    ids=["claim", "release", "end", "renew", "change"],
)
def test_session_of_another_node_is_not_ours_to_act_for(
    world: World, kind: str, body: dict[str, Any]
) -> None:
    world.take("n-1", ACQUIRE, **wanted("a"))
    error = world.refuse("n-1", kind, node="m", **body)
    assert isinstance(error, Conflict)
    assert "on node n" in error.message


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"paths": "a", "ttl": 1},
        {"paths": [], "ttl": 1},
        {"paths": [{"pattern": "a"}], "ttl": 1},
        {"paths": [{"pattern": "a", "claim": "x", "mode": "loose"}], "ttl": 1},
        {"paths": [{"pattern": "../a", "claim": "01M7Y4FRND66Q1HQNN63XPMCHF", "mode": "shared"}], "ttl": 1},
        {"paths": [{"pattern": "{a,b}", "claim": "01M7Y4FRND66Q1HQNN63XPMCHF", "mode": "shared"}], "ttl": 1},
        wanted("a", lapsed={"x": "y"}),
        wanted(*[f"f{n}" for n in range(1001)]),
    ],
    ids=range(9),
)
def test_claim_that_makes_no_sense_is_refused_by_name(world: World, body: dict[str, Any]) -> None:
    world.take("n-2", ACQUIRE, **wanted("a"))
    assert isinstance(world.refuse("n-1", ACQUIRE, **body), FleetError)
    assert set(world.claims()) == {"a"}


def test_claim_with_texts_beyond_measure_is_still_read_back(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("a", reason="r" * 10_000, branch="b" * 10_000))
    assert len(world.claims("n-1")["a"].reason) == 4096
    assert patterns(world.take("n-1", RELEASE, patterns=None)["released"]) == ["a"]


# Whatever happens.

STEP = st.tuples(
    st.sampled_from(["n-1", "n-2", "m-1"]),
    st.sampled_from(["claim", "share", "partial", "release", "all"]),
    st.lists(
        st.sampled_from(["a", "A", "d/", "d/x", "d/y", "*.py", "d/*", "x.py", "."]), min_size=1, max_size=3
    ),
)


@examples(120)
@given(st.lists(STEP, max_size=12))
def test_claims_of_different_sessions_never_meet_unless_shared(
    steps: list[tuple[str, str, list[str]]],
) -> None:
    world = World("n-1", "n-2", "m-1")
    for session, what, paths in steps:
        texts = list(dict.fromkeys(parse(path)[0].text for path in paths))
        if what in {"release", "all"}:
            decision = world.ask(session, RELEASE, patterns=texts if what == "release" else None)
        else:
            mode = SHARED if what == "share" else EXCLUSIVE
            decision = world.ask(session, ACQUIRE, **wanted(*texts, mode=mode, partial=what == "partial"))
        assert not isinstance(getattr(decision, "error", None), InternalError)
        standing = [c for s in ("n-1", "n-2", "m-1") for c in world.claims(s).values()]
        for one, other in itertools.combinations(standing, 2):
            if one.session != other.session and EXCLUSIVE in {one.mode, other.mode}:
                assert overlap(model.parsed(one.pattern), model.parsed(other.pattern)) is None
        if what in {"claim", "share"} and hasattr(decision, "answer"):
            mine = [model.parsed(claim.pattern) for claim in world.claims(session).values()]
            assert all(any(covers(held, model.parsed(text)) for held in mine) for text in texts)
