"""Resources through a real node: what is refused before anything happens, what the trunk's rules say, files of such names."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.claims.model import Claim
from gitfleet.claims.policy import Policy
from gitfleet.claims.service import FREE, MINE, THEIRS, Claims, Terms
from gitfleet.errors import Conflict, Queued, UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.githooks import check_paths
from tests.claims.test_resources import HOSTILE
from tests.fleetbench import Fleets
from tests.workbench import Git, Gitfleet

ALONE_1 = SessionId("alone-1")
ALONE_2 = SessionId("alone-2")


def with_rules(fleet: Fleet, **resources: int) -> Claims:
    return Claims(fleet.repository, fleet.ledger, lambda: Policy(resources=resources))


def states(claims: Claims, fleet: Fleet, session: SessionId | None, *texts: str) -> list[str]:
    return [verdict.state for verdict in claims.check(fleet.current(), session, texts)]


def slots(claims: Claims, fleet: Fleet, text: str) -> dict[str, tuple[int, ...]]:
    return {c.session: c.slots for c in claims.find(fleet.current(), texts=[text]) if isinstance(c, Claim)}


def test_claim_of_hostile_names_is_refused_and_leaves_nothing_behind(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        before = fleets.tip("alone")
        for text in [*HOSTILE, "res:a\x1b[2J", "res:a\n"]:
            for act in (fleet.claims.claim, fleet.claims.release):
                with pytest.raises(UsageError) as refused:
                    act(ALONE_1, ["docs/", text])
                assert refused.value.exit_code == 2
        assert fleets.tip("alone") == before
    assert fleets.waiting("alone") == []


@pytest.mark.parametrize("terms", [Terms(shared=True), Terms(shared=True, wait=True)])
def test_claim_of_a_resource_to_be_shared_is_refused(fleets: Fleets, terms: Terms) -> None:
    with fleets.open("alone") as fleet:
        with pytest.raises(UsageError, match="cannot be shared"):
            fleet.claims.claim(ALONE_1, ["docs/", "res:gpu"], terms)
        assert states(fleet.claims, fleet, SessionId("alone-1"), "docs/", "res:gpu") == [FREE, FREE]


def test_claim_of_more_than_there_are_is_refused(fleets: Fleets) -> None:
    with (
        fleets.open("alone") as fleet,
        pytest.raises(UsageError, match="2 units of 'gpu' were asked for, and there is 1"),
    ):
        fleet.claims.claim(ALONE_1, ["res:gpu:2"])


def test_resource_is_let_go_of_whole(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        claims = with_rules(fleet, gpu=3)
        claims.claim(ALONE_1, ["res:gpu:2"])
        for counted in ("res:gpu:1", "res:gpu:2"):
            with pytest.raises(UsageError, match="released whole"):
                claims.release(ALONE_1, [counted])
            with pytest.raises(UsageError, match="released whole"):
                claims.offer(ALONE_1, ALONE_2, [counted])
        assert slots(claims, fleet, "res:gpu") == {"alone-1": (0, 1)}
        assert [record.slots for record in claims.release(ALONE_1, ["res:GPU"]).released] == [(0, 1)]


def test_check_of_a_resource_says_whether_there_are_enough(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        claims = with_rules(fleet, gpu=3)
        claims.claim(ALONE_1, ["res:gpu:2"])
        assert states(claims, fleet, SessionId("alone-1"), "res:gpu", "res:gpu:2", "res:gpu:3") == [
            MINE,
            MINE,
            FREE,
        ]
        assert states(claims, fleet, SessionId("alone-2"), "res:gpu", "res:gpu:2", "res:port") == [
            FREE,
            THEIRS,
            FREE,
        ]


def test_claim_of_a_file_that_is_called_like_a_resource_is_one_on_the_file(fleets: Fleets) -> None:
    top = fleets.clone("alone")
    (top / "res:x").write_text("a file")
    with fleets.open("alone") as fleet:
        fleet.claims.claim(ALONE_1, ["./res:x"])
        fleet.claims.claim(ALONE_2, ["res:x", "./res:y"])
        (again,) = fleet.claims.claim(ALONE_1, [str(top / "res:x")]).already_held
        assert again.pattern == ":/res:x"
        state = fleet.current()
        judged = check_paths.judge(fleet, state, ALONE_1, ["res:x"])
        assert (len(judged.used), judged.theirs) == (1, [])
        assert [item.session for item in check_paths.judge(fleet, state, ALONE_1, ["res:y"]).theirs] == [
            "alone-2"
        ]
        assert check_paths.judge(fleet, state, ALONE_1, ["res:z"]).free == ["res:z"]


def test_commit_of_a_file_that_is_called_like_a_resource_needs_the_claim_on_the_file(
    fleets: Fleets, git: Git, gitfleet: Gitfleet
) -> None:
    top = fleets.clone("alone")
    gitfleet(top, "init").ok()
    (top / "res:x").write_text("a file")
    git(top, "add", "res:x", env={"GIT_LITERAL_PATHSPECS": "1"})
    session = {"GITFLEET_SESSION": "alone-1", **gitfleet.environment()}
    gitfleet(top, "claim", "res:x", env=session).ok()
    assert git.ask(top, "commit", "-m", "x", env=session).returncode == 1
    gitfleet(top, "claim", "./res:x", env=session).ok()
    git(top, "commit", "-m", "x", env=session)


def test_rules_on_the_trunk_say_how_many_units_there_are_in_both_clones(fleets: Fleets, git: Git) -> None:
    rules = {"gitfleet.yaml": "version: 1\nresources: {GPU: 2, port: {capacity: 3}}\n"}
    git.commit(fleets.clone("ada"), rules)
    git(fleets.clone("ada"), "push", "-q", "origin", "HEAD:main", env={"GITFLEET_SKIP": "1"})
    for clone in ("ada", "bob"):
        git(fleets.clone(clone), "fetch", "-q")
    tell(fleets, "ada", "bob")
    fleets.claim("ada", "ada-1", "res:gpu", "res:port:2")
    fleets.claim("bob", "bob-1", "res:gpu", "res:port")
    with pytest.raises(Conflict) as refused:
        fleets.claim("bob", "bob-2", "res:gpu")
    held = {item.session: (item.slots, item.capacity) for item in refused.value.conflicts}
    assert held == {"ada-1": ((0,), 2), "bob-1": ((1,), 2)}
    with fleets.open("bob") as fleet, pytest.raises(Queued):
        fleet.claims.wait(SessionId("bob-2"), ["res:gpu", "x"], limit=0.0)
    with fleets.open("ada") as fleet:
        served = fleet.claims.release(SessionId("ada-1"), None).served
    assert {record.pattern: record.slots for record in served} == {"res:gpu": (0,), "x": ()}
    fleets.chain()


def tell(fleets: Fleets, *clones: str) -> None:
    """Let clones look at the trunk's rules."""
    from gitfleet.trunk import policy_file  # what `gitfleet sync` calls

    for clone in clones:
        with fleets.open(clone) as fleet:
            assert policy_file.refresh(fleet.repository, fleet.ledger.node) == []
        assert Path(fleets.state(clone), "policy.json").exists()
