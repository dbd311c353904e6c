"""The hub's HEAD moves: whatever talks to the hub next goes by it, and it is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.fleet import doctor, hub_state
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import status
from gitfleet.ledger import own_node
from gitfleet.trunk import hub_head, position
from gitfleet.upkeep import exchange
from tests.fleetbench import Fleets
from tests.workbench import Git, Gitfleet

ADA_1 = SessionId("ada-1")

RULES = "version: 1\ncommits: conflicts-only\n"


def edge(fleets: Fleets, git: Git) -> str:
    """A branch of the hub that no clone has, with rules of its own; its commit."""
    other = fleets.root / "other"
    git(fleets.root, "clone", "--quiet", "hub.git", "other")
    oid = git.commit(other, {"gitfleet.yaml": RULES})
    git(other, "push", "--quiet", "origin", "HEAD:refs/heads/edge")
    return oid


def move_head(fleets: Fleets, git: Git, to: str = "edge") -> None:
    git(fleets.hub, "symbolic-ref", "HEAD", f"refs/heads/{to}")


EXCHANGES: dict[str, Callable[[Fleet], object]] = {
    "sync": exchange.sync,
    "granted": lambda fleet: fleet.claims.claim(ADA_1, ["src/new"]),
    "doctor": doctor.examine,
    "check": hub_state.of_node,
    "worktree": lambda fleet: fleet.worktrees.base(),
}


@pytest.mark.parametrize("how", ["sync", "granted", "doctor", "check", "worktree"])
@pytest.mark.parametrize("renamed", [False, True], ids=["beside", "renamed"])
def test_exchange_after_head_has_moved_follows_it_with_rules_and_base(
    fleets: Fleets, git: Git, how: str, renamed: bool
) -> None:
    tip = edge(fleets, git)
    move_head(fleets, git)
    if renamed:
        git(fleets.hub, "branch", "-D", "main")
    with fleets.open("ada") as fleet:
        EXCHANGES[how](fleet)
        assert fleet.ledger.node.trunk == "edge"
        assert fleet.policy.commits == "conflicts-only"
        assert position.tip(fleet.repository.git, fleet.ledger.node) == tip
        assert own_node.load(fleet.repository.common_dir).trunk == "edge"
        assert fleet.worktrees.base()[:4] == ("edge", tip, True, "")
    with fleets.open("ada") as fleet:
        assert fleet.policy.commits == "conflicts-only"


def test_exchange_that_judges_now_does_so_by_the_branch_that_head_names_now(fleets: Fleets, git: Git) -> None:
    edge(fleets, git)
    move_head(fleets, git)
    with fleets.open("ada") as fleet:
        now = hub_state.of_node(fleet)
    assert (now.trunk, now.policy.commits) == ("edge", "conflicts-only")


def test_head_that_moves_to_a_branch_at_the_same_commit_is_followed_and_back_again(
    fleets: Fleets, git: Git
) -> None:
    git(fleets.hub, "branch", "other", "main")
    for name in ("other", "main"):
        move_head(fleets, git, name)
        with fleets.open("ada") as fleet:
            (told,) = exchange.sync(fleet).warnings
            assert fleet.ledger.node.trunk == name
            assert f"'{name}'" in told


def test_change_of_the_trunk_is_told_once_by_sync_and_for_a_day_by_status_and_by_doctor(
    fleets: Fleets, git: Git
) -> None:
    edge(fleets, git)
    move_head(fleets, git)
    with fleets.open("ada") as fleet:
        fleet.claims.claim(ADA_1, ["src/new"])
    with fleets.open("ada") as fleet:
        told = exchange.sync(fleet).warnings
        assert [("'edge'" in words, "'main'" in words) for words in told] == [(True, True)]
        assert "edge" in exchange.sync(fleet).warnings[0], "upkeep, too, may have nobody who listens"
        hub_head.heard(fleet.ledger)
        assert exchange.sync(fleet).warnings == []
        assert any("'edge'" in words for words in status.look(fleet)[1])
        (finding,) = [one for one in doctor.examine(fleet) if one.what == "trunk"]
        assert (finding.ok, "'edge'" in finding.words, "'main'" in finding.words) == (True, True, True)


@pytest.mark.parametrize("how", ["deleted", "dangling", "detached"])
def test_head_that_names_no_branch_leaves_the_trunk_and_is_told(fleets: Fleets, git: Git, how: str) -> None:
    with fleets.open("ada") as fleet:
        exchange.sync(fleet)
    if how == "deleted":
        git(fleets.hub, "update-ref", "-d", "refs/heads/main")
    elif how == "dangling":
        move_head(fleets, git, "nowhere")
    else:
        git(fleets.hub, "update-ref", "--no-deref", "HEAD", "main")
    with fleets.open("ada") as fleet:
        (told,) = exchange.sync(fleet).warnings
        assert ("detached" if how == "detached" else "names no branch") in told
        hub_head.heard(fleet.ledger)
        assert exchange.sync(fleet).warnings == []
        assert fleet.ledger.node.trunk == "main"
        assert told in status.look(fleet)[1]
        (finding,) = [one for one in doctor.examine(fleet) if one.what == "trunk"]
        assert (finding.ok, finding.words) == (False, told)
        move_head(fleets, git, "main")
        git(fleets.hub, "update-ref", "refs/heads/main", git(fleets.clone("ada"), "rev-parse", "HEAD"))
        assert exchange.sync(fleet).warnings == []
        (finding,) = [one for one in doctor.examine(fleet) if one.what == "trunk"]
        assert finding.ok


def test_new_trunk_that_cannot_be_fetched_is_taken_up_at_the_next_exchange(fleets: Fleets, git: Git) -> None:
    edge(fleets, git)
    move_head(fleets, git)
    lock = fleets.clone("ada") / ".git/refs/fleet-hub/origin/trunk.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    with fleets.open("ada") as fleet:
        assert fleet.claims.claim(ADA_1, ["src/new"]).status.value == "confirmed"
        assert (fleet.ledger.node.trunk, fleet.policy.commits) == ("main", "require-claim")
    lock.unlink()
    with fleets.open("ada") as fleet:
        fleet.claims.claim(ADA_1, ["src/newer"])
        assert (fleet.ledger.node.trunk, fleet.policy.commits) == ("edge", "conflicts-only")


def test_exchange_while_head_stays_asks_no_more_often_than_its_own_steps(
    fleets: Fleets, git: Git, tmp_path: Path
) -> None:
    ada, log = fleets.clone("ada"), tmp_path / "log"
    counter = tmp_path / "counted"
    counter.write_text(f'#!/bin/sh\necho . >>"{log}"\nexec git-upload-pack "$@"\n')
    counter.chmod(0o755)
    git(ada, "config", "remote.origin.uploadpack", str(counter))
    with fleets.open("ada") as fleet:
        exchange.sync(fleet)
        assert len(log.read_text().split()) == 1
        log.unlink()
        fleet.claims.claim(ADA_1, ["src/new"])
        assert not log.exists()


def test_trace_that_is_not_understood_costs_a_question_of_its_own(
    fleets: Fleets, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitfleet.git.head.TRACE", {})
    edge(fleets, git)
    move_head(fleets, git)
    with fleets.open("ada") as fleet:
        exchange.sync(fleet)
        assert fleet.ledger.node.trunk == "edge"
        assert hub_head.is_sound(fleet.repository, fleet.ledger)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "command",
    [
        ("worktree", "maintain"),
        ("worktree", "ensure", "--session", "api"),
        ("worktree", "reconcile", "--all"),
        ("worktree", "cleanup"),
        ("session", "start", "--agent", "codex", "--", "true"),
    ],
    ids=" ".join,
)
def test_command_that_hears_of_the_move_tells_it_and_sync_does_so_too(
    fleets: Fleets, git: Git, gitfleet: Gitfleet, command: tuple[str, ...]
) -> None:
    ada = fleets.clone("ada")
    gitfleet(ada, "worktree", "ensure", "--session", "old").ok()
    edge(fleets, git)
    move_head(fleets, git)
    assert "HEAD names 'edge' now" in gitfleet(ada, *command).ok().stderr
    (ada / ".git/hooks").rename(ada / ".git/hooks-away")
    (ada / ".git/hooks").write_text("a file\n")
    ran = gitfleet(ada, "sync").ended(20)
    assert "HEAD names 'edge' now" in ran.stderr, "whatever else fails"
    assert "is not a folder" in ran.stderr
    assert "edge" not in gitfleet(ada, "sync").ended(20).stderr, "once"
