"""What keeps a session's claims when it ends: every branch that changes them, and the worktree with changes on none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import advice
from gitfleet.base.names import SessionId
from gitfleet.claims.model import Claim
from gitfleet.errors import Conflict
from gitfleet.fleet.fleet import Fleet
from gitfleet.sessions.service import Start
from gitfleet.telling import succession
from gitfleet.trunk import position
from gitfleet.upkeep import exchange, retained_worktrees
from tests.fleetbench import Fleets
from tests.workbench import Git

ADA_1 = SessionId("ada-1")


class Ada:
    """The clone `ada`, with a session in a worktree of its own beside the main one, and commits that name it or do not."""

    def __init__(self, fleets: Fleets, git: Git) -> None:
        self.fleets, self.git = fleets, git
        self.main, self.tree = fleets.clone("ada"), fleets.root / "tree"
        git(self.main, "worktree", "add", "--quiet", "-b", "start", str(self.tree))
        self.begin(self.tree)

    def begin(self, where: Path, session: str = "own", *, pid: int = 0) -> None:
        with Fleet.open(str(where)) as fleet:
            fleet.sessions.start(Start(id=session, pid=pid or os.getpid()))

    def claim(self, *paths: str, session: str = "own", where: Path | None = None) -> dict[str, Any]:
        with Fleet.open(str(where or self.tree)) as fleet:
            return dict(fleet.claims.claim(SessionId(session), list(paths)).encode())

    def commit(self, path: str, where: Path | None = None, *, named: bool = False) -> str:
        words = "change\n\nFleet-Session: own" if named else "change"
        return self.git.commit(where or self.tree, {path: f"{path} changed\n"}, words)

    def end(self, session: str = "own") -> dict[str, list[str]]:
        """What each claim stays with, by its pattern."""
        with self.fleets.open("ada") as fleet:
            answer = fleet.sessions.end(SessionId(session))
        return {claim.pattern: names(claim.encode()) for claim in (*answer.retained, *answer.released)}

    def sync(self) -> list[str]:
        with self.fleets.open("ada") as fleet:
            return list(exchange.sync(fleet).settled)

    def standing(self) -> dict[str, list[str]]:
        with self.fleets.open("ada") as fleet:
            found = fleet.claims.find(fleet.current())
            return {claim.pattern: names(claim.encode()) for claim in found if isinstance(claim, Claim)}


def names(claim: dict[str, Any]) -> list[str]:
    return [one.get("branch") or one["worktree"] for one in claim.get("retained", [])]


@pytest.fixture
def ada(fleets: Fleets, git: Git) -> Ada:
    return Ada(fleets, git)


def gone(ada: Ada) -> None:
    ada.git(ada.main, "worktree", "remove", "--force", str(ada.tree))


def deleted(ada: Ada) -> None:
    shutil.rmtree(ada.tree)


def deleted_and_pruned(ada: Ada) -> None:
    shutil.rmtree(ada.tree)
    ada.git(ada.main, "worktree", "prune", "--expire", "now")


def moved(ada: Ada) -> None:
    ada.git(ada.main, "worktree", "move", str(ada.tree), str(ada.fleets.root / "elsewhere"))


def to(*arguments: str) -> Callable[[Ada], object]:
    return lambda ada: ada.git(ada.tree, "switch", "--quiet", *arguments)


@pytest.mark.sample(5)
@pytest.mark.parametrize(
    "last", [to("start"), to("--detach", "origin/main"), to("--create", "other", "origin/main"), moved, gone, deleted,
             deleted_and_pruned],
    ids=["another branch", "detached", "new branch", "moved", "removed", "deleted", "pruned"],
)  # fmt: skip
@pytest.mark.parametrize("pushed", [True, False], ids=["pushed", "kept here"])
def test_branch_keeps_its_claims_whatever_is_done_with_the_worktree_afterwards(
    ada: Ada, last: Callable[[Ada], object], pushed: bool
) -> None:
    ada.claim("src/api/a.py", "docs/")
    ada.git(ada.tree, "switch", "--quiet", "--create", "feat")
    ada.commit("src/api/a.py", named=True)
    if pushed:
        ada.git(ada.tree, "push", "--quiet", "origin", "feat")
    last(ada)
    assert ada.end() == {"src/api/a.py": ["feat"], "docs/": []}


def test_commits_that_name_no_session_count_where_they_were_made(ada: Ada) -> None:
    """Made past the hooks, or by `git am`: the log of the worktree's HEAD has them. What was there before does not count."""
    ada.git(ada.main, "switch", "--quiet", "--create", "theirs")
    ada.commit("docs/x", ada.main)
    ada.claim("src/", "docs/")
    ada.git(ada.tree, "switch", "--quiet", "--create", "feat")
    ada.commit("src/api/a.py")
    ada.git(ada.tree, "checkout", "--quiet", "--detach", "theirs")
    ada.git(ada.tree, "switch", "--quiet", "start")
    assert ada.end() == {"src/": ["feat"], "docs/": []}


def test_each_claim_stays_with_every_branch_that_changes_it(ada: Ada) -> None:
    ada.claim("src/", "docs/", "lib/")
    for branch, paths in (("one", ["src/a", "docs/a"]), ("two", ["src/b"])):
        ada.git(ada.tree, "switch", "--quiet", "--create", branch, "start")
        for path in paths:
            ada.commit(path, named=True)
    ada.git(ada.tree, "switch", "--quiet", "start")
    assert ada.end() == {"src/": ["one", "two"], "docs/": ["one"], "lib/": []}


def test_work_that_was_pushed_from_no_branch_stays_with_the_hubs_branch(ada: Ada) -> None:
    ada.claim("src/")
    ada.git(ada.tree, "switch", "--quiet", "--detach")
    ada.commit("src/api/a.py", named=True)
    ada.git(ada.tree, "push", "--quiet", "origin", "HEAD:refs/heads/review")
    ada.git(ada.tree, "switch", "--quiet", "start")
    assert ada.end() == {"src/": ["review"]}


def test_branch_that_was_deleted_here_after_its_push_keeps_as_the_hub_has_it(ada: Ada) -> None:
    ada.claim("src/")
    ada.git(ada.tree, "switch", "--quiet", "--create", "feat")
    ada.commit("src/api/a.py", named=True)
    ada.git(ada.tree, "push", "--quiet", "origin", "feat")
    ada.git(ada.tree, "switch", "--quiet", "start")
    ada.git(ada.tree, "branch", "--quiet", "--delete", "--force", "feat")
    assert ada.end() == {"src/": ["feat"]}


def test_branch_that_landed_keeps_nothing_though_its_session_comes_after_it(ada: Ada) -> None:
    ada.claim("src/")
    ada.git(ada.tree, "switch", "--quiet", "--create", "feat")
    ada.commit("src/api/a.py", named=True)
    ada.git(ada.tree, "push", "--quiet", "origin", "feat:main")
    ada.git(ada.tree, "switch", "--quiet", "start")
    assert ada.end() == {"src/": []}


def test_claim_that_was_taken_over_stays_with_the_first_branch_too(ada: Ada) -> None:
    """The second session has changed nothing yet: the first one's commits name the same claim."""
    ada.claim("src/")
    ada.git(ada.tree, "switch", "--quiet", "--create", "feat")
    claim = ada.claim("src/")["already_held"][0]
    words = f"change\n\nFleet-Session: own\nFleet-Claim: {claim['id']}@{claim['token']}"
    ada.git.commit(ada.tree, {"src/api/a.py": "changed\n"}, words)
    ada.end()
    ada.begin(ada.tree, "next")
    assert [c["pattern"] for c in ada.claim("src/api/a.py", session="next")["granted"]] == ["src/"]
    ada.git(ada.tree, "switch", "--quiet", "start")
    assert ada.end("next") == {"src/": ["feat"]}


def edited(ada: Ada) -> None:
    (ada.tree / "src/api/a.py").write_text("edited\n")


def staged(ada: Ada) -> None:
    edited(ada)
    ada.git(ada.tree, "add", "--all")


def removed(ada: Ada) -> None:
    (ada.tree / "src/api/a.py").unlink()


def untracked(ada: Ada) -> None:
    (ada.tree / "src/new/deep").mkdir(parents=True)
    (ada.tree / "src/new/deep/x").write_text("new\n")


def detached(ada: Ada) -> None:
    ada.git(ada.tree, "switch", "--quiet", "--detach")
    ada.commit("src/api/a.py")


def conflicted(ada: Ada) -> None:
    ada.git(ada.main, "switch", "--quiet", "--create", "other")
    ada.git.commit(ada.main, {"src/api/a.py": "theirs\n"})
    ada.git(ada.tree, "config", "user.name", "ada")
    ada.git.commit(ada.tree, {"src/api/a.py": "ours\n"})
    ada.git(ada.tree, "push", "--quiet", "origin", "start:main")
    assert ada.git.ask(ada.tree, "merge", "--quiet", "other").returncode == 1


@pytest.mark.sample(2)
@pytest.mark.parametrize("how", [edited, staged, removed, untracked, detached, conflicted])
def test_changes_on_no_branch_keep_their_claims_with_the_worktree(
    ada: Ada, how: Callable[[Ada], None]
) -> None:
    ada.claim("src/", "docs/")
    how(ada)
    assert ada.end() == {"src/": [str(ada.tree)], "docs/": []}
    assert ada.sync() == []
    with ada.fleets.open("bob") as fleet, pytest.raises(Conflict) as caught:
        fleet.claims.claim(SessionId("bob-1"), ["src/api/a.py"])
    assert str(ada.tree) in caught.value.message


@pytest.mark.sample(2)
@pytest.mark.parametrize("how", ["discarded", "committed and landed", "removed", "moved and discarded"])
def test_worktree_lets_go_what_it_does_not_hold_any_more(ada: Ada, how: str) -> None:
    ada.claim("src/", "docs/")
    edited(ada)
    (ada.tree / "docs").mkdir(exist_ok=True)
    (ada.tree / "docs/kept").write_text("still there\n")
    ada.end()
    still = {"docs/": [str(ada.tree)]}
    if how == "discarded":
        ada.git(ada.tree, "checkout", "--quiet", "--", "src")
    elif how == "committed and landed":
        ada.git(ada.tree, "commit", "--quiet", "-m", "x", "--", "src")
        ada.git(ada.tree, "push", "--quiet", "origin", "start:main")
    elif how == "removed":
        gone(ada)
        still = {}
    else:
        moved(ada)
        ada.git(ada.fleets.root / "elsewhere", "checkout", "--quiet", "--", "src")
    assert ["has no changes of" in words for words in ada.sync()] == [True]
    assert ada.standing() == still
    ada.fleets.chain()


def test_change_that_was_committed_without_its_session_stays_with_the_branch(ada: Ada) -> None:
    ada.claim("src/")
    edited(ada)
    ada.end()
    ada.git(ada.tree, "commit", "--quiet", "--all", "-m", "x")
    ada.sync()
    assert ada.standing() == {"src/": ["start"]}


@pytest.mark.parametrize("where", ["not there", "empty"])
def test_worktree_that_may_only_be_away_keeps_all(ada: Ada, where: str) -> None:
    """Its folder lies on a disk that is not mounted just now: what is changed there nobody can tell."""
    disk = ada.fleets.root / "disk"
    disk.mkdir()
    ada.git(ada.main, "worktree", "move", str(ada.tree), str(disk / "tree"))
    ada.claim("src/", "docs/", where=disk / "tree")
    os.rename(disk, ada.fleets.root / "away")
    if where == "empty":
        disk.mkdir()
    assert set(ada.end()) == {"src/", "docs/"}
    assert ada.sync() == []
    assert len(ada.standing()) == 2
    shutil.rmtree(disk, ignore_errors=True)
    os.rename(ada.fleets.root / "away", disk)
    assert ada.sync()
    assert ada.standing() == {}


def test_claim_that_covers_both_stays_with_branch_and_worktree(ada: Ada) -> None:
    ada.claim("src/")
    ada.commit("src/api/a.py")
    (ada.tree / "src/api/b.py").write_text("edited\n")
    assert ada.end() == {"src/": [str(ada.tree), "start"]}


def test_next_session_in_the_worktree_is_told_and_may_have_it_and_no_other(ada: Ada) -> None:
    ada.claim("src/")
    edited(ada)
    ada.end()
    with ada.fleets.open("ada") as fleet:
        assert succession.told(fleet) == []
        with pytest.raises(Conflict):
            fleet.claims.claim(ADA_1, ["src/api/a.py"])
    ada.begin(ada.tree, "next")
    with Fleet.open(str(ada.tree)) as fleet:
        (words,) = succession.told(fleet)
        assert all(part in words for part in ("own", "src/", advice.CLAIM.of("PATH")))
        answer = fleet.claims.claim(SessionId("next"), ["src/api/a.py"])
        assert [c.pattern for c in answer.granted] == ["src/"]
        assert succession.told(fleet) == []


def test_session_that_begins_where_the_branch_has_landed_is_not_told_of_it(ada: Ada, git: Git) -> None:
    """Whatever begins at the trunk then builds on it; the claim goes with the next `sync`."""
    ada.claim("src/")
    ada.commit("src/api/a.py")
    ada.end()
    with Fleet.open(str(ada.tree)) as fleet:
        assert len(succession.told(fleet)) == 1
        git(ada.tree, "push", "--quiet", ada.fleets.hub, "HEAD:main")
        position.fetch(fleet.repository.git, fleet.ledger.node)
        assert succession.told(fleet) == []


def test_session_that_begins_anew_in_its_worktree_has_its_claims_again_and_elsewhere_not(ada: Ada) -> None:
    ada.claim("src/")
    edited(ada)
    ada.end()
    with pytest.raises(Conflict) as caught:
        ada.begin(ada.main)
    assert f"its worktree {ada.tree} still retains claims" in caught.value.message
    ada.begin(ada.tree)
    assert [c["pattern"] for c in ada.claim("src/api/a.py")["already_held"]] == ["src/"]
    ada.git(ada.tree, "checkout", "--quiet", "--", "src")
    assert ada.end() == {"src/": []}


def test_squash_merge_that_is_staged_may_have_the_claims_of_what_it_merges(ada: Ada) -> None:
    ada.claim("src/")
    ada.commit("src/api/a.py")
    ada.commit("src/api/b.py")
    ada.end()
    with ada.fleets.open("ada") as fleet:
        ada.git(ada.main, "cherry-pick", "--no-commit", "start~1")
        with pytest.raises(Conflict):  # a part of it
            fleet.claims.claim(ADA_1, ["src/api/a.py"])
        ada.git(ada.main, "reset", "--quiet", "--hard")
        ada.git(ada.main, "merge", "--quiet", "--squash", "start")
        answer = fleet.claims.claim(ADA_1, ["src/api/a.py"])
    assert [c.pattern for c in answer.granted] == ["src/"]


def test_clone_that_leaves_the_fleet_lets_go_what_its_worktrees_keep(ada: Ada) -> None:
    ada.claim("src/")
    ada.commit("src/api/a.py")
    (ada.tree / "src/api/b.py").write_text("edited\n")
    ada.end()
    with ada.fleets.open("ada") as fleet:
        (words,) = retained_worktrees.abandon(fleet)
    assert f"worktree {ada.tree} has changes on no branch" in words
    assert ada.standing() == {"src/": ["start"]}


def test_branch_that_was_rebased_since_may_have_its_claims(ada: Ada) -> None:
    ada.claim("src/")
    ada.commit("src/api/a.py")
    ada.end()
    ada.git.commit(ada.main, {"README.md": "more\n"})
    ada.git(ada.tree, "rebase", "--quiet", "main")
    ada.begin(ada.tree, "next")
    assert [c["pattern"] for c in ada.claim("src/api/a.py", session="next")["granted"]] == ["src/"]


def test_session_that_goes_on_in_another_worktree_leaves_its_work_with_the_first(ada: Ada) -> None:
    ada.claim("src/", "docs/")
    edited(ada)
    ada.begin(ada.main, "own")
    assert ada.standing() == {"src/": [str(ada.tree)], "docs/": []}
    assert ada.end() == {"src/": [str(ada.tree)], "docs/": []}


def test_live_session_of_which_one_branch_is_pushed_has_all_its_branches_retain(ada: Ada) -> None:
    ada.claim("src/")
    for branch in ("one", "two"):
        ada.git(ada.tree, "switch", "--quiet", "--create", branch, "start")
        ada.commit(f"src/{branch}", named=True)
    assert ada.sync() == []
    ada.git(ada.tree, "push", "--quiet", "origin", "one")
    assert ada.sync() == ["branch one, two retains what it changes"]
    assert ada.sync() == []
    assert ada.standing() == {"src/": ["one", "two"]}
    ada.git(ada.tree, "push", "--quiet", "origin", "one:main")
    assert ["one has landed" in words for words in ada.sync()] == [True]
    assert ada.standing() == {"src/": ["two"]}
