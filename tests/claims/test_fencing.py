"""Whether a commit may still land, by what stands in the ledger and what is over."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitfleet.base.ids import ulid
from gitfleet.claims import ended_grants, fencing, model
from gitfleet.claims.fencing import OK, STALE, THEIRS, UNCLAIMED, UNVERIFIABLE, CommitVerdict
from gitfleet.codec import replace
from gitfleet.ledger.model import Accepted
from tests.claims.world import World, wanted
from tests.sampling import examples

A = "src/a.py"


def claim(world: World, session: str, *paths: str, **more: Any) -> str:
    """Claim paths; the first of the claims, as a commit names it."""
    answer = world.take(session, "claim.acquire", **wanted(*paths, **more))
    first = answer["granted"][0]
    return f"{first['id']}@{first['token']}"


def release(world: World, session: str) -> None:
    world.take(session, "claim.release", patterns=None)


def take_over(world: World, session: str, cited: str, holder: str, path: str = A) -> str:
    lapsed = {cited.partition("@")[0]: world.session(holder).renewed}
    return claim(world, session, path, lapsed=lapsed)


def verdict(
    world: World, session: str, *cited: str, path: str = A, exact_case: bool = False
) -> CommitVerdict:
    (found,) = fencing.Fence(world.view, case_sensitive=exact_case).judge(session, cited, [path])
    assert found.path == path
    return found


def state(world: World, session: str, *cited: str, path: str = A) -> str:
    return verdict(world, session, *cited, path=path).state


@pytest.mark.parametrize("pattern", [A, "src/", "src/*.py", "**/*.py", "SRC/A.py"])
def test_claim_that_stands_covers_what_it_matches(pattern: str) -> None:
    world = World("a-1")
    cited = claim(world, "a-1", pattern)
    assert verdict(world, "a-1", cited) == CommitVerdict(A, OK, cited)
    assert state(world, "a-1", cited, path="lib/b.c") == UNCLAIMED


def test_claim_released_since_covers_while_nobody_else_had_it() -> None:
    world = World("a-1", "b-1")
    cited = claim(world, "a-1", "src/")
    release(world, "a-1")
    claim(world, "b-1", "docs/")
    assert state(world, "a-1", cited) == OK


def test_claim_of_a_session_that_ended_covers() -> None:
    world = World("a-1")
    cited = claim(world, "a-1", A)
    world.take("a-1", "session.end")
    assert state(world, "a-1", cited) == OK


@pytest.mark.parametrize("theirs", [A, "src/", "**/*.py"])
def test_claim_that_another_was_granted_since_is_stale(theirs: str) -> None:
    world = World("a-1", "b-1")
    mine = claim(world, "a-1", A)
    release(world, "a-1")
    other = claim(world, "b-1", theirs)
    token = int(other.partition("@")[2])
    assert verdict(world, "a-1", mine) == CommitVerdict(A, STALE, mine, "b-1", token, theirs)
    release(world, "b-1")
    assert state(world, "a-1", mine) == STALE
    assert state(world, "b-1", other) == OK


def test_claim_taken_over_is_stale() -> None:
    world = World("a-1", "b-1")
    mine = claim(world, "a-1", A)
    other = take_over(world, "b-1", mine, "a-1")
    assert state(world, "a-1", mine) == STALE
    assert state(world, "b-1", other) == OK


def test_claim_broken_and_granted_to_another_is_stale() -> None:
    world = World("a-1", "b-1")
    world.take("p-1", "session.start", worktree="/p", agent="", title="", person=True)
    mine = claim(world, "a-1", "src/")
    world.take("p-1", "claim.break", patterns=["src/"], reason="needed")
    assert state(world, "a-1", mine) == OK
    claim(world, "b-1", A)
    assert state(world, "a-1", mine) == STALE
    assert state(world, "a-1", mine, path="src/b.py") == OK


def test_claim_that_was_handed_over_is_stale_for_its_former_holder() -> None:
    world = World("a-1", "b-1")
    mine = claim(world, "a-1", A)
    world.take("a-1", "offer.make", patterns=[A], to="b-1")
    world.take("b-1", "offer.accept")
    moved = world.claims()[A]
    assert state(world, "a-1", mine) == STALE
    assert state(world, "b-1", f"{moved.id}@{moved.token}") == OK
    world.take("b-1", "offer.make", patterns=[A], to="a-1")
    world.take("a-1", "offer.accept")
    back = world.claims()[A]
    assert state(world, "a-1", mine) == STALE
    assert state(world, "a-1", f"{back.id}@{back.token}") == OK
    release(world, "a-1")
    assert state(world, "a-1", mine) == STALE
    assert state(world, "a-1", f"{back.id}@{back.token}") == OK


def test_claim_made_again_by_the_same_session_keeps_its_former_commits() -> None:
    world = World("a-1")
    cited = []
    for _ in range(3):
        cited.append(claim(world, "a-1", A))
        release(world, "a-1")
    assert [state(world, "a-1", one) for one in cited] == [OK, OK, OK]
    claim(world, "a-1", A)
    assert [state(world, "a-1", one) for one in cited] == [OK, OK, OK]


def test_claim_made_again_after_another_had_it_does_not_wash_former_commits() -> None:
    world = World("a-1", "b-1")
    first = claim(world, "a-1", A)
    release(world, "a-1")
    claim(world, "b-1", A)
    release(world, "b-1")
    again = claim(world, "a-1", A)
    assert (state(world, "a-1", first), state(world, "a-1", again)) == (STALE, OK)
    release(world, "a-1")
    assert (state(world, "a-1", first), state(world, "a-1", again)) == (STALE, OK)
    assert state(world, "a-1", first, again) == OK


def test_shared_grants_do_not_displace_each_other_and_exclusive_ones_do() -> None:
    world = World("a-1", "b-1", "c-1")
    mine = claim(world, "a-1", A, mode="shared")
    claim(world, "b-1", A, mode="shared")
    assert state(world, "a-1", mine) == OK
    release(world, "a-1")
    assert state(world, "a-1", mine) == OK
    release(world, "b-1")
    claim(world, "c-1", A)
    assert state(world, "a-1", mine) == STALE


def test_path_that_another_holds_is_theirs_without_a_claim_of_ones_own() -> None:
    world = World("a-1", "b-1")
    other = claim(world, "b-1", "src/")
    token = int(other.partition("@")[2])
    assert verdict(world, "a-1") == CommitVerdict(A, THEIRS, "", "b-1", token, "src/")
    assert verdict(world, "") == CommitVerdict(A, THEIRS, "", "b-1", token, "src/")
    assert state(world, "a-1", claim(world, "a-1", "docs/")) == THEIRS


def test_claims_are_believed_only_as_the_ledger_has_them() -> None:
    world = World("a-1", "b-1")
    cited = claim(world, "a-1", A)
    claim_id, _, token = cited.partition("@")
    assert state(world, "b-1", cited) == THEIRS, "another's claim"
    release(world, "a-1")
    newer = f"{claim_id}@{int(token) + 1}"
    made_up = [
        f"{ulid()}@{token}",
        newer,
        claim_id,
        f"{claim_id}@",
        f"@{token}",
        f"{claim_id}@-1",
        f"{claim_id}@{'9' * 30}",
    ]
    assert {text: state(world, "a-1", text) for text in made_up} == dict.fromkeys(made_up, UNCLAIMED)
    for session in ("b-1", "", "../a-1", "a-1\n"):
        assert state(world, session, cited) == UNCLAIMED


def test_commit_of_two_sessions_is_covered_by_the_claims_of_each() -> None:
    world = World("a-1", "b-1", "c-1")
    cited = [claim(world, "a-1", "src/"), claim(world, "b-1", "docs/")]
    paths = ["src/a.py", "docs/x", "lib/y"]

    def states(*sessions: str) -> list[str]:
        return [found.state for found in fencing.Fence(world.view).judge(sessions, cited, paths)]

    assert states("a-1", "b-1") == [OK, OK, UNCLAIMED]
    assert states("b-1") == [THEIRS, OK, UNCLAIMED]
    assert states() == [THEIRS, THEIRS, UNCLAIMED]
    release(world, "a-1")
    assert states("a-1", "b-1") == [OK, OK, UNCLAIMED]
    take_over(world, "b-1", "", "a-1", "src/")
    assert states("a-1", "b-1") == [STALE, OK, UNCLAIMED], (
        "the other has been granted it, and does not say so"
    )


def test_claim_that_is_forgotten_is_unclaimed_or_stale_and_never_fine() -> None:
    world = World("a-1", "b-1")
    cited = claim(world, "a-1", A)
    release(world, "a-1")
    rows = [{"where": where, "token": 0} for where in world.view.files(ended_grants.ROOT)]
    rows[0]["token"] = int(cited.partition("@")[2])
    world.take("a-1", "grant.forget", grants=rows)
    assert state(world, "a-1", cited) == UNCLAIMED
    claim(world, "b-1", A)
    release(world, "b-1")
    assert state(world, "a-1", cited) == STALE


def test_claim_named_while_the_hub_was_away_counts_under_the_token_that_it_got() -> None:
    world = World("a-1", "b-1")
    cited = claim(world, "a-1", A)
    offline = f"{cited.partition('@')[0]}@tentative"
    assert verdict(world, "a-1", offline).claim == cited
    release(world, "a-1")
    assert verdict(world, "a-1", offline) == CommitVerdict(A, OK, cited)
    claim(world, "b-1", A)
    assert state(world, "a-1", offline) == STALE
    assert state(world, "a-1", f"{ulid()}@tentative", path="docs/x") == UNCLAIMED


def test_claim_with_a_newer_token_that_stood_all_the_while_keeps_its_former_commits() -> None:
    world = World("a-1", "b-1")
    cited = claim(world, "a-1", A)
    held = world.claims()[A]
    newer = replace(held, token=held.token + 5)
    world.view.put(newer.where, newer.as_bytes())
    world.generation += 10
    assert (state(world, "a-1", cited), state(world, "a-1", f"{newer.id}@{newer.token}")) == (OK, OK)
    release(world, "a-1")
    assert (state(world, "a-1", cited), state(world, "a-1", f"{newer.id}@{newer.token}")) == (OK, OK)
    claim(world, "b-1", A)
    assert state(world, "a-1", cited) == STALE


def test_record_that_cannot_be_read_leaves_open_what_it_could_be_about() -> None:
    world = World("a-1", "b-1")
    mine = claim(world, "a-1", A)
    world.view.put(f"claims/=src/@{ulid()}.json", b"broken")
    assert state(world, "a-1", mine) == OK
    assert state(world, "a-1", path="src/b.py") == UNVERIFIABLE
    assert state(world, "a-1", path="docs/b.py") == UNCLAIMED
    release(world, "a-1")
    assert state(world, "a-1", mine) == UNVERIFIABLE


def test_path_whose_bytes_are_no_utf_8_or_has_controls_is_judged() -> None:
    world = World("a-1")
    for path in (os.fsdecode(b"src/caf\xe9"), "src/a\nb", "src/\u00e9"):
        cited = claim(world, "a-1", "src/")
        assert state(world, "a-1", cited, path=path) == OK
        release(world, "a-1")


def test_case_that_counts_keeps_names_apart() -> None:
    world = World("a-1")
    cited = claim(world, "a-1", "src/A.py")
    assert verdict(world, "a-1", cited).state == OK
    assert verdict(world, "a-1", cited, exact_case=True).state == UNCLAIMED


PATTERNS = ["src/a.py", "src/", "src/*.py", "docs/", "**/*.py"]
SESSIONS = ["a-1", "b-1", "c-1"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(SESSIONS),
        st.sampled_from(["claim", "share", "release", "end"]),
        st.sampled_from(PATTERNS),
    ),
    min_size=1,
    max_size=14,
)


@examples(60)
@given(STEPS)
def test_verdict_of_random_histories_agrees_with_all_that_was_ever_granted(
    steps: list[tuple[str, str, str]],
) -> None:
    """Against brute force over the whole history of grants: who had the path, under which token, exclusively or not."""
    world = World(*SESSIONS)
    granted: list[tuple[str, str, int, str, str]] = []  # session, cited, token, pattern, mode
    ended: set[str] = set()
    for session, what, pattern in steps:
        if session in ended:
            continue
        if what == "end":
            world.take(session, "session.end")
            ended.add(session)
        elif what == "release":
            release(world, session)
        else:
            mode = "shared" if what == "share" else "exclusive"
            decision = world.ask(session, "claim.acquire", **wanted(pattern, mode=mode))
            claims = decision.answer.granted if isinstance(decision, Accepted) else ()
            granted += [(session, f"{one.id}@{one.token}", one.token, pattern, mode) for one in claims]
    for path in ("src/a.py", "src/b.c", "docs/x"):
        for session, cited, token, pattern, mode in granted:
            if not _matches(pattern, path):
                continue
            since = [
                other
                for other in granted
                if other[0] != session
                and other[2] > token
                and _matches(other[3], path)
                and "exclusive" in {mode, other[4]}
            ]
            assert state(world, session, cited, path=path) == (STALE if since else OK), (
                session,
                cited,
                path,
                granted,
            )


def _matches(pattern: str, path: str) -> bool:
    return {
        "src/a.py": path == "src/a.py",
        "src/": path.startswith("src/"),
        "src/*.py": path == "src/a.py",
        "docs/": path.startswith("docs/"),
        "**/*.py": path == "src/a.py",
    }[pattern]


def test_claim_had_with_the_branch_that_retained_it_leaves_the_branchs_commits_fine_also_when_it_is_over() -> (
    None
):
    world = World("a-1", "b-1", "c-1")
    mine = claim(world, "a-1", A)
    release(world, "a-1")
    claim(world, "b-1", A)
    held = world.claims()[A]
    world.view.delete(held.where)
    world.view.change(model.put(replace(held, id=mine[:26], upon=f"a-1{mine[26:]}")))  # as `retained` has it
    assert (state(world, "a-1", mine), state(world, "c-1", mine)) == (OK, THEIRS)
    release(world, "b-1")
    assert state(world, "a-1", mine) == OK
    claim(world, "c-1", A)
    assert state(world, "a-1", mine) == STALE
