"""Claims that stay with a branch, decided in memory."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.base.ids import ulid
from gitfleet.claims import fencing, model
from gitfleet.claims.keepers import Keeper
from gitfleet.claims.model import Claim
from gitfleet.errors import Conflict, Malformed, NoSession, PolicyRefused
from gitfleet.sessions import inbox
from tests.claims.world import World, patterns, wanted

ACQUIRE, END, RETAIN, LANDED = "claim.acquire", "session.end", "claim.retain", "claim.let-go"
HEAD, LATER = "a" * 40, "b" * 40


@pytest.fixture
def world() -> World:
    return World("n-1", "n-2", "m-1")


def branch_at(branch: str = "feature", head: str = HEAD) -> dict[str, str]:
    """A branch as a keeper's record."""
    return {"branch": branch, "head": head}


def tree_of(node: str = "n", tree: str = "api") -> dict[str, str]:
    """A worktree as a keeper's record."""
    return {"worktree": f"/{tree}", "node": node, "tree": tree}


def row(world: World, session: str, *paths: str, keeper: dict[str, str]) -> dict[str, Any]:
    claims = world.claims(session)
    return {"keeper": keeper, "claims": [claims[path].id for path in paths]}


def body(
    world: World, session: str, *paths: str, branch: str = "feature", head: str = HEAD
) -> list[dict[str, Any]]:
    return [row(world, session, *paths, keeper=branch_at(branch, head))]


def keeping(claim: Claim) -> str:
    """What a claim stays with: branches by their names, worktrees by their paths."""
    return " ".join(keeper.branch or keeper.worktree for keeper in claim.retained)


def retained(world: World) -> dict[str, str]:
    """What each claim stays with that something retains, through the index."""
    return {c.pattern: keeping(c) for c in model.retained(world.view)}


def cited(world: World) -> str:
    """The claim on `src/` as a commit names it."""
    claim = world.claims()["src/"]
    return f"{claim.id}@{claim.token}"


def judged(world: World, session: str, claim: str) -> str:
    return fencing.Fence(world.view).judge(session, [claim], ["src/a.py"])[0].state


def ended(world: World, *paths: str, held: tuple[str, ...] = ("src/", "docs/")) -> None:
    """`n-1` has claimed `held`, and ended; its branch retains `paths`."""
    world.take("n-1", ACQUIRE, **wanted(*held))
    world.take("n-1", END, retain=body(world, "n-1", *paths))


def told(world: World, session: str) -> list[str]:
    return [message.text for message in inbox.read(world.view, session)]


def test_session_that_ends_leaves_what_its_branch_changed_and_releases_the_rest(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/", "docs/"))
    token = world.claims()["src/"].token
    answer = world.take("n-1", END, retain=body(world, "n-1", "src/"))
    assert (patterns(answer["released"]), patterns(answer["retained"])) == (["docs/"], ["src/"])
    claim = world.claims()["src/"]
    assert (claim.retained, claim.session, claim.token) == ((Keeper("feature", HEAD),), "n-1", token)
    assert retained(world) == {"src/": "feature"}
    assert [path for path in world.records() if path.startswith("sessions/") and "n-1" in path] == []
    error = world.refuse("m-1", ACQUIRE, **wanted("src/a.py"))
    assert isinstance(error, Conflict)
    assert "session n-1 has left with branch feature: src/, which" in error.message
    assert HEAD[:12] in error.hint
    assert [item.retained for item in error.conflicts] == [(branch_at(),)]


def test_session_that_ends_gives_the_rest_to_who_waits_and_not_what_is_retained(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/", "docs/"))
    for session, path in (("n-2", "src/a"), ("m-1", "docs/a")):
        world.take(session, ACQUIRE, **wanted(path), wait=True, ticket=ulid())
    world.take("n-1", END, retain=body(world, "n-1", "src/"))
    assert set(world.claims()) == {"src/", "docs/a"}
    world.take("m-1", LANDED, keeper=branch_at(), outcome="landed", evidence={})
    assert set(world.claims("n-2")) == {"src/a"}


def test_branch_that_is_pushed_retains_for_a_live_session_that_keeps_its_claims(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    renewed = world.session("n-1").renewed
    world.take("n-1", RETAIN, retain=body(world, "n-1", "src/"))
    assert world.session("n-1").renewed == renewed  # no sign of life
    assert isinstance(world.refuse("n-1", RETAIN, retain=body(world, "n-1", "src/")), Conflict)
    assert patterns(world.take("n-1", ACQUIRE, **wanted("src/a.py"))["already_held"]) == ["src/"]
    world.take("n-1", RETAIN, retain=body(world, "n-1", "src/", head=LATER))
    assert world.claims()["src/"].retained == (Keeper("feature", LATER),)
    world.take("n-1", END)  # nothing more is said: what was retained stays
    assert retained(world) == {"src/": "feature"}


def test_live_session_releases_what_its_branch_retains(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    world.take("n-1", RETAIN, retain=body(world, "n-1", "src/"))
    world.take("n-1", "claim.release", patterns=None)
    assert world.claims() == {}
    assert retained(world) == {}


def test_claim_stays_with_every_branch_that_changes_it_until_the_last_lets_it_go(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/", "docs/"))
    world.take("n-1", RETAIN, retain=body(world, "n-1", "src/"))
    more = body(world, "n-1", "src/", "docs/", branch="other", head=LATER)
    world.take("n-1", END, retain=more)
    assert retained(world) == {"src/": "feature other", "docs/": "other"}
    answer = world.take("m-1", LANDED, keeper=branch_at("other", LATER), outcome="landed")
    assert (patterns(answer["released"]), patterns(answer["retained"])) == (["docs/"], ["src/"])
    assert retained(world) == {"src/": "feature"}
    assert isinstance(world.refuse("m-1", ACQUIRE, **wanted("src/a.py")), Conflict)
    world.take("m-1", LANDED, keeper=branch_at(), outcome="deleted")
    assert world.claims() == {}
    assert [path for path in world.records() if path.startswith("keepers/")] == []


def test_who_builds_on_one_of_two_branches_does_not_get_the_claim(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    both = [*body(world, "n-1", "src/"), *body(world, "n-1", "src/", branch="other", head=LATER)]
    world.take("n-1", END, retain=both)
    claim = world.claims()["src/"].id
    for shown in ([HEAD], [LATER], []):
        refused = world.refuse("m-1", ACQUIRE, **wanted("src/a.py", based_on={claim: shown}))
        assert isinstance(refused, Conflict)
        assert "branches feature and other" in refused.message
    answer = world.take("m-1", ACQUIRE, **wanted("src/a.py", based_on={claim: [HEAD, LATER]}))
    assert patterns(answer["granted"]) == ["src/"]
    assert retained(world) == {}


def test_worktree_keeps_what_is_changed_there_until_its_own_node_says_otherwise(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/", "docs/"))
    world.take("n-1", END, retain=[row(world, "n-1", "src/", "docs/", keeper=tree_of())])
    ids = {pattern: claim.id for pattern, claim in world.claims().items()}
    error = world.refuse("m-1", ACQUIRE, **wanted("src/a.py"))
    assert isinstance(error, Conflict)
    assert "worktree /api" in error.message
    assert "start a session in /api on node n" in error.hint
    cleared = {"keeper": tree_of(), "outcome": "cleared", "claims": [ids["docs/"]]}
    assert isinstance(world.refuse("m", LANDED, **cleared), Conflict)  # it cannot see that worktree
    assert patterns(world.take("n", LANDED, **cleared)["released"]) == ["docs/"]
    assert retained(world) == {"src/": "/api"}
    answer = world.take("n-2", ACQUIRE, **wanted("src/a.py", based_on={ids["src/"]: ["n/api"]}))
    assert patterns(answer["granted"]) == ["src/"]


def test_work_that_came_onto_a_branch_stays_with_that_instead_of_the_worktree(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    world.take("n-1", END, retain=[row(world, "n-1", "src/", keeper=tree_of())])
    instead = [{"keeper": branch_at(), "claims": [world.claims()["src/"].id]}]
    answer = world.take("n", LANDED, keeper=tree_of(), outcome="cleared", retain=instead)
    assert (answer["released"], patterns(answer["retained"])) == ([], ["src/"])
    assert retained(world) == {"src/": "feature"}


def test_live_session_keeps_what_its_former_worktree_holds_no_more(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    left = [row(world, "n-1", "src/", keeper=tree_of())]
    world.take("n-1", "session.start", worktree="/elsewhere", resume=True, retain=left)
    assert retained(world) == {"src/": "/api"}
    world.take("n", LANDED, keeper=tree_of(), outcome="cleared")
    assert (set(world.claims("n-1")), retained(world), told(world, "n-1")) == ({"src/"}, {}, [])


@pytest.mark.parametrize(
    ("outcome", "words"), [("landed", "has landed"), ("deleted", "is gone from the hub")]
)
def test_branch_that_landed_or_is_gone_lets_its_claims_go_and_a_live_session_is_told(
    world: World, outcome: str, words: str
) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/", "docs/"))
    world.take("n-1", RETAIN, retain=body(world, "n-1", "src/"))
    decision = world.ask(
        "m", LANDED, node="m", keeper=branch_at(), outcome=outcome, evidence={"trunk": LATER}
    )
    assert patterns(decision.answer.encode()["released"]) == ["src/"]  # type: ignore[union-attr]
    assert words in decision.subject  # type: ignore[union-attr]
    assert set(world.claims()) == {"docs/"}
    assert retained(world) == {}
    (text,) = told(world, "n-1")
    assert words in text
    assert "src/" in text


def test_branch_that_has_moved_on_keeps_its_claims(world: World) -> None:
    ended(world, "src/")
    error = world.refuse("m-1", LANDED, keeper=branch_at("feature", LATER), outcome="landed", evidence={})
    assert isinstance(error, Conflict)
    other = world.refuse("m-1", LANDED, keeper=branch_at("other", HEAD), outcome="landed", evidence={})
    assert isinstance(other, Conflict)
    assert retained(world) == {"src/": "feature"}
    world.take("m-1", LANDED, keeper=branch_at(), outcome="landed", evidence={})
    again = world.refuse("m-1", LANDED, keeper=branch_at(), outcome="landed", evidence={})
    assert isinstance(again, Conflict)  # another node was faster: nothing happens twice


def test_only_a_person_lets_go_what_a_branch_retains(world: World) -> None:
    ended(world, "src/")
    error = world.refuse("m-1", LANDED, keeper=branch_at("feature", LATER), outcome="released", evidence={})
    assert isinstance(error, PolicyRefused)
    world.take("p-1", "session.start", worktree="/p", person=True)
    stranger = world.refuse("p-1", LANDED, node="m", keeper=branch_at(), outcome="released")
    assert isinstance(stranger, Conflict)
    world.take("p-1", LANDED, keeper=branch_at("feature", LATER), outcome="released")
    assert world.claims() == {}


def test_person_breaks_a_retained_claim(world: World) -> None:
    ended(world, "src/")
    world.take("p-1", "session.start", worktree="/p", person=True)
    world.take("p-1", "claim.break", patterns=["src/"], reason="abandoned")
    assert world.claims() == {}
    assert retained(world) == {}


def test_who_builds_on_the_branch_gets_the_whole_claim_with_a_new_token(world: World) -> None:
    ended(world, "src/")
    old = world.claims()["src/"]
    for based_on in ({old.id: [LATER]}, {ulid(): [HEAD]}, {old.id: HEAD}, {}, None, [old.id]):
        refused = world.refuse("m-1", ACQUIRE, **wanted("src/a.py", based_on=based_on))
        assert isinstance(refused, (Conflict, Malformed))
    answer = world.take("m-1", ACQUIRE, **wanted("src/a.py", based_on={old.id: [HEAD]}))
    assert patterns(answer["granted"]) == ["src/"]
    assert patterns(answer["taken_over"]) == ["src/"]
    new = world.claims("m-1")["src/"]
    assert (new.id, new.token, new.retained) == (old.id, world.generation, ())
    assert retained(world) == {}
    assert set(world.claims()) == {"src/"}


def test_commits_that_the_new_holder_builds_upon_are_covered_as_long_as_it_holds_the_claim(
    world: World,
) -> None:
    ended(world, "src/")
    old = world.claims()["src/"]
    cited = [f"{old.id}@{old.token}"]
    assert fencing.Fence(world.view).judge("n-1", cited, ["src/a.py"])[0].state == fencing.OK
    world.take("m-1", ACQUIRE, **wanted("src/a.py", based_on={old.id: [HEAD]}))
    assert fencing.Fence(world.view).judge("n-1", cited, ["src/a.py"])[0].state == fencing.OK
    world.take("m-1", END, retain=body(world, "m-1", "src/", branch="second", head=LATER))
    second = world.claims()["src/"]
    world.take("n-2", ACQUIRE, **wanted("src/b.py", based_on={old.id: [LATER]}))
    (verdict,) = fencing.Fence(world.view).judge("m-1", [f"{old.id}@{second.token}"], ["src/a.py"])
    assert verdict.state == fencing.OK
    assert fencing.Fence(world.view).judge("n-1", cited, ["src/a.py"])[0].state == fencing.OK
    world.take("n-2", "claim.release", patterns=None)
    world.take("m-1", "session.start", worktree="/m-1")
    world.take("m-1", ACQUIRE, **wanted("src/"))
    assert fencing.Fence(world.view).judge("n-1", cited, ["src/a.py"])[0].state != fencing.OK


@pytest.mark.parametrize("again", ["released", "lapsed"])
def test_every_authors_commits_stay_fine_however_many_build_on_the_branch(world: World, again: str) -> None:
    """Also those made before the first author's claim was renewed under a newer token, or made anew."""
    world.take("n-1", ACQUIRE, **wanted("src/"))
    authors = [("n-1", cited(world))]
    if again == "released":
        world.take("n-1", "claim.release", patterns=None)
        world.take("n-1", ACQUIRE, **wanted("src/"))
    else:
        world.now += 10_000
        world.take("n-1", "session.renew", regrant=True, margin=120, max_age=86400, uptime="")
    authors.append(("n-1", cited(world)))
    for number, (session, after) in enumerate([("n-1", "m-1"), ("m-1", "n-2"), ("n-2", "m-2")]):
        if after == "m-2":
            world.take("m-2", "session.start", worktree="/m-2")
        head = f"{number:040x}"
        world.take(session, END, retain=body(world, session, "src/", branch=f"b{number}", head=head))
        world.take(after, ACQUIRE, **wanted("src/a.py", based_on={world.claims()["src/"].id: [head]}))
        authors.append((after, cited(world)))
        assert [judged(world, *one) for one in authors] == [fencing.OK] * len(authors)
    world.take("m-2", "claim.release", patterns=None)
    assert [judged(world, *one) for one in authors] == [fencing.OK] * len(authors)
    assert judged(world, "n-2", authors[0][1]) != fencing.OK
    world.take("m-2", "session.end")
    world.take("n-1", "session.start", worktree="/n-1")
    world.take("n-1", ACQUIRE, **wanted("src/"))
    assert judged(world, *authors[-1]) == fencing.STALE


def test_wanted_path_that_reaches_beyond_the_retained_claim_is_claimed_beside_it(world: World) -> None:
    ended(world, "src/a.py", held=("src/a.py",))
    old = world.claims()["src/a.py"]
    answer = world.take("m-1", ACQUIRE, **wanted("src/", based_on={old.id: [HEAD]}))
    assert sorted(patterns(answer["granted"])) == ["src/", "src/a.py"]
    assert {claim.session for claim in world.claims().values()} == {"m-1"}


def test_retained_claim_of_a_live_session_is_not_to_be_had_by_building_on_it_nor_by_waiting(
    world: World,
) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    world.take("n-1", RETAIN, retain=body(world, "n-1", "src/"))
    claim, renewed = world.claims()["src/"], world.session("n-1").renewed
    seen: dict[str, Any] = {"lapsed": {claim.id: renewed}, "outlived": {claim.id: claim.token}}
    refused = world.refuse("m-1", ACQUIRE, **wanted("src/", based_on={claim.id: [HEAD]}))
    assert isinstance(refused, Conflict)
    assert "holds src/" in refused.message
    assert ("build on it" in refused.hint, "--wait" in refused.hint) == (False, True)
    assert isinstance(world.refuse("m-1", ACQUIRE, **wanted("src/", **seen)), Conflict)
    answer = world.take("m-1", ACQUIRE, **wanted("src/", based_on={claim.id: [HEAD]}, **seen))
    assert patterns(answer["taken_over"]) == ["src/"]
    assert [text for text in told(world, "n-1") if "taken it over" in text]


def test_retained_claim_never_lapses_without_its_session(world: World) -> None:
    ended(world, "src/")
    claim = world.claims()["src/"]
    seen: dict[str, Any] = {"lapsed": {claim.id: 0}, "outlived": {claim.id: claim.token}}
    assert isinstance(world.refuse("m-1", ACQUIRE, **wanted("src/", **seen)), Conflict)


def test_request_that_waits_leaves_a_retained_claim_standing(world: World) -> None:
    ended(world, "src/")
    world.take("n-2", ACQUIRE, **wanted("docs/"))
    claim = world.claims()["src/"]
    world.take(
        "m-1", ACQUIRE, **wanted("src/", "docs/", based_on={claim.id: [HEAD]}), wait=True, ticket=ulid()
    )
    assert retained(world) == {"src/": "feature"}


def test_name_of_a_session_whose_branch_retains_is_given_to_nobody(world: World) -> None:
    ended(world, "src/")
    for session, node in (("n-1", "n"), ("n-1", "m")):
        error = world.refuse(session, "session.start", node=node, worktree="/other")
        assert isinstance(error, Conflict)
        assert "feature" in error.message
    world.take("m-1", LANDED, keeper=branch_at(), outcome="deleted", evidence={})
    world.take("n-1", "session.start", worktree="/other")


def test_session_that_begins_anew_where_its_work_is_has_its_claims_again(world: World) -> None:
    ended(world, "src/")
    claim = world.claims()["src/"]
    shown = {claim.id: [HEAD]}
    for node, based_on in (("m", shown), ("n", {claim.id: [LATER]})):
        refused = world.refuse("n-1", "session.start", node=node, worktree="/n-1", based_on=based_on)
        assert isinstance(refused, Conflict)
    answer = world.take("n-1", "session.start", worktree="/n-1", based_on=shown)
    assert patterns(answer["claims"]) == ["src/"]
    assert world.claims("n-1") == {"src/": claim}
    assert isinstance(world.refuse("m-1", ACQUIRE, **wanted("src/", based_on=shown)), Conflict)
    world.take("n-1", "claim.release", patterns=None)
    assert retained(world) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"branch": "", "head": HEAD},
        {"branch": 1, "head": HEAD},
        {"branch": "x"},
        {"branch": "x", "head": "x" * 40},
        {"branch": "x", "head": "a" * 39},
        {"branch": "x\0y", "head": HEAD},
        {"branch": "x" * 1025, "head": HEAD},
        {"branch": "x", "head": HEAD, "node": "n"},
        {"worktree": "/x", "node": "n"},
        {"worktree": "/x", "tree": "x"},
        {"worktree": "/x" * 4096, "node": "n", "tree": "x"},
        {**tree_of(), "more": "x"},
        {},
        None,
        [],
    ],
)
def test_keeper_that_makes_no_sense_is_refused(world: World, wrong: Any) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    rows = [{"keeper": wrong, "claims": [world.claims()["src/"].id]}]
    for kind in (RETAIN, END):
        assert isinstance(world.refuse("n-1", kind, retain=rows), Malformed)
    assert set(world.claims("n-1")) == {"src/"}


@pytest.mark.parametrize(
    "wrong", ["all", [{"keeper": branch_at(), "claims": "all"}], [{}], [1], {"keeper": 1}]
)
def test_retaining_that_makes_no_sense_is_refused(world: World, wrong: Any) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    for kind in (RETAIN, END):
        assert isinstance(world.refuse("n-1", kind, retain=wrong), Malformed)
    assert set(world.claims("n-1")) == {"src/"}


def test_claims_of_others_cannot_be_retained(world: World) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    theirs = body(world, "n-1", "src/")
    assert isinstance(world.refuse("m-1", RETAIN, retain=theirs), Conflict)
    world.take("m-1", END, retain=theirs)
    assert world.claims("n-1")["src/"].retained == ()
    assert isinstance(world.refuse("m-1", RETAIN, retain=theirs), NoSession)


@pytest.mark.parametrize("branch", ["feature/x", "../../fleet", "ü" * 300, "a\nb", "\udcff", "@"])
def test_branch_of_any_name_has_its_index_and_loses_it(world: World, branch: str) -> None:
    world.take("n-1", ACQUIRE, **wanted("src/"))
    world.take("n-1", END, retain=body(world, "n-1", "src/", branch=branch))
    assert retained(world) == {"src/": branch}
    assert all(len(path.split("/")) == 4 for path in world.records() if path.startswith("keepers/"))
    world.take("m-1", LANDED, keeper=branch_at(branch, HEAD), outcome="landed", evidence={})
    assert [path for path in world.records() if path.startswith("keepers/")] == []
