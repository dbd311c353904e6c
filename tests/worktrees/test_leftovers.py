"""Branches of worktrees that are gone: those that nobody needs go with cleanup, and nothing is lost by that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.claims.model import Claim
from gitfleet.git.program import Git as GitProgram
from gitfleet.sessions.service import Start
from gitfleet.worktrees import archive_store, cleanup
from gitfleet.worktrees.cleanup import Cleaned
from gitfleet.worktrees.removable import CleanupTerms
from gitfleet.worktrees.service import Selection
from tests.operations import ask
from tests.workbench import Git, Gitfleet
from tests.worktrees.yard import Yard

S1 = SessionId("s1")

DAY = 86400


def clean(yard: Yard, **terms: object) -> Cleaned:
    with yard.open() as fleet:
        return cleanup.clean(fleet.worktrees, Selection(everything=True), CleanupTerms(**{"ttl": 0, **terms}))  # type: ignore[arg-type]


def left(yard: Yard, git: Git) -> set[str]:
    return set(git(yard.top, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads/fleet").split())


def pruned(found: Cleaned) -> dict[str, str]:
    return {str(one.facts["branch"]): one.result for one in found.outcomes if one.facts["kind"] == "branch"}


def push(yard: Yard, git: Git, path: Path, to: str) -> None:
    what = f"{git(path, 'rev-parse', 'HEAD')}:refs/heads/{to}"
    git(yard.top, "-c", "core.hooksPath=/dev/null", "push", "--quiet", "origin", what)


def leave(yard: Yard, git: Git, session: str) -> str:
    """The branch of a worktree that is gone; its name."""
    path = yard.make(session)
    git(yard.top, "worktree", "remove", path)
    return f"fleet/codex/{session}"


def test_branch_without_a_commit_of_its_own_or_a_worktree_goes(yard: Yard, git: Git) -> None:
    branch = leave(yard, git, "empty")
    git(yard.top, "config", f"branch.{branch}.remote", "origin")
    assert pruned(clean(yard, ttl=DAY)) == {}
    assert pruned(clean(yard, prune_branches=False)) == {}
    would = clean(yard, dry_run=True)
    assert pruned(would) == {branch: "would-delete-branch"}
    assert left(yard, git) == {branch}
    found = clean(yard)
    assert pruned(found) == {branch: "deleted-branch"}
    assert branch in found.outcomes[0].reason
    assert left(yard, git) == set()
    assert git.ask(yard.top, "config", "--get-regexp", r"^branch\\.fleet").stdout == ""
    assert archive_store.everything(GitProgram(str(yard.top / ".git"))).archives == []
    assert pruned(clean(yard)) == {}


def test_branch_whose_worktree_goes_in_the_same_run_stays_as_that_says(yard: Yard, git: Git) -> None:
    yard.make("s1")
    assert [one.result for one in clean(yard).outcomes] == ["removed"]
    assert left(yard, git) == {"fleet/codex/s1"}


def test_branch_with_work_that_has_not_landed_stays(yard: Yard, git: Git) -> None:
    path = yard.make("ahead")
    git.commit(path, {"x": "1"})
    git(yard.top, "worktree", "remove", path)
    assert pruned(clean(yard)) == {}
    assert left(yard, git) == {"fleet/codex/ahead"}


def test_branch_that_is_only_pushed_stays(yard: Yard, git: Git) -> None:
    """Somebody may have it reviewed."""
    path = yard.make("pushed")
    git.commit(path, {"x": "1"})
    push(yard, git, path, "mine")
    git(yard.top, "worktree", "remove", path)
    assert pruned(clean(yard)) == {}


@pytest.mark.parametrize("how", ["merged", "squashed"])
def test_branch_that_has_landed_goes_and_its_commits_are_archived_where_they_did_not_land_as_such(
    yard: Yard, git: Git, how: str
) -> None:
    path = yard.make("done")
    head = git.commit(path, {"x": "1"})
    if how == "merged":
        push(yard, git, path, "main")
    else:
        yard.advance({"x": "1"})
    git(yard.top, "worktree", "remove", path)
    (one,) = clean(yard, dry_run=True).outcomes
    assert ("would be archived first" in one.reason) == (how == "squashed")
    assert pruned(clean(yard)) == {"fleet/codex/done": "deleted-branch"}
    archives = archive_store.everything(GitProgram(str(yard.top / ".git"))).archives
    assert [item.owner.head for item in archives] == ([head] if how == "squashed" else [])
    git(yard.top, "reflog", "expire", "--expire=now", "--all")
    git(yard.top, "gc", "--quiet", "--prune=now")
    assert git(yard.top, "cat-file", "-t", head) == "commit"


def test_commits_that_only_the_log_of_the_branch_leads_to_are_archived(yard: Yard, git: Git) -> None:
    path = yard.make("amended")
    before = git.commit(path, {"x": "1"})
    git(path, "-c", "core.hooksPath=/dev/null", "commit", "--quiet", "--amend", "-m", "other")
    push(yard, git, path, "main")
    git(yard.top, "worktree", "remove", path)
    assert pruned(clean(yard)) == {"fleet/codex/amended": "deleted-branch"}
    git(yard.top, "gc", "--quiet", "--prune=now")
    assert git(yard.top, "cat-file", "-t", before) == "commit"


@pytest.mark.parametrize(
    "need",
    [
        "checked out",
        "detached",
        "rebasing",
        "session here",
        "session elsewhere",
        "other name",
        "no log",
        "hub away",
    ],
)
def test_branch_that_somebody_may_need_stays(yard: Yard, git: Git, gitfleet: Gitfleet, need: str) -> None:
    branch = leave(yard, git, "s1")
    if need == "checked out":
        git(yard.top, "worktree", "add", "--quiet", yard.top.parent / "mine", branch)
    elif need == "detached":
        git(yard.top, "branch", "--quiet", "-D", branch)
        git(yard.make("s1"), "checkout", "--quiet", "--detach")
    elif need == "rebasing":
        own = yard.top / ".git/rebase-merge"
        own.mkdir()
        (own / "head-name").write_text(f"refs/heads/{branch}\n")
    elif need == "session here":
        with yard.open() as fleet:
            fleet.sessions.start(Start(id="s1", agent="codex", pid=os.getpid()))
    elif need == "session elsewhere":
        bob = yard.fleets.clone("bob")
        git(bob, "checkout", "--quiet", "-b", branch)
        gitfleet(bob, "session", "start", "--id", "other", "--agent", "codex", "--pid", str(os.getpid())).ok()
        gitfleet(yard.top, "sync").ok()
    elif need == "other name":
        git(yard.top, "branch", "--quiet", "-m", branch, "fleet/mine")
    elif need == "no log":
        Path(yard.top, ".git/logs/refs/heads", branch).unlink()
    else:
        yard.fleets.hub.rename(yard.fleets.root / "away.git")
    there = left(yard, git)
    for dry_run in (True, False):
        assert pruned(clean(yard, dry_run=dry_run, ttl=0 if need != "detached" else DAY)) == {}
    assert left(yard, git) == there


def test_branch_that_retains_claims_stays(yard: Yard, git: Git) -> None:
    path = yard.make("s1")
    with yard.open() as fleet:
        fleet.sessions.start(Start(id="s1", agent="codex", pid=os.getpid()))
        fleet.claims.claim(S1, ["x"])
        keeper = {"branch": "fleet/codex/s1", "head": git(path, "rev-parse", "HEAD")}
        mine = fleet.claims.find(fleet.current(), session=S1, texts=[])
        kept = [claim.id for claim in mine if isinstance(claim, Claim)]
        ask(fleet.ledger, "session.end", "s1", {"retain": [{"keeper": keeper, "claims": kept}]})
    git(yard.top, "worktree", "remove", path)
    assert pruned(clean(yard)) == {}
    assert left(yard, git) == {"fleet/codex/s1"}


def test_cleanup_that_is_to_delete_no_branches_deletes_none(yard: Yard, git: Git, gitfleet: Gitfleet) -> None:
    branch = leave(yard, git, "s1")
    gitfleet(yard.top, "worktree", "cleanup", "--ttl-hours", "0", "--no-delete-branches").ok()
    assert left(yard, git) == {branch}
    ran = gitfleet(yard.top, "worktree", "cleanup", "--ttl-hours", "0", "--dry-run").ok()
    assert f"would-delete-branch: s1: branch {branch} has no worktree" in ran.stdout
    ran = gitfleet(yard.top, "worktree", "cleanup", "--ttl-hours", "0").ok()
    assert f"deleted-branch: s1: branch {branch} has no worktree" in ran.stdout
    assert left(yard, git) == set()
