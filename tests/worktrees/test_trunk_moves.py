"""The hub's HEAD moves: what was made from the trunk follows it under its new name, what was made from a branch that branch."""

from __future__ import annotations

import os
from pathlib import Path

from gitfleet.upkeep import exchange
from gitfleet.worktrees import cleanup, restore
from gitfleet.worktrees.removable import CleanupTerms
from gitfleet.worktrees.service import Selection
from tests.workbench import Git
from tests.worktrees.yard import EVERYTHING, Yard


def move_trunk(yard: Yard, git: Git, *, keep: bool) -> str:
    """The hub's trunk is `edge` from now on, one commit ahead of `main`, which stays or not; the commit."""
    hub = yard.fleets.hub
    git(hub, "branch", "edge", "main")
    tip = yard.advance({"edge.txt": "edge\n"}, branch="edge")
    git(hub, "symbolic-ref", "HEAD", "refs/heads/edge")
    if not keep:
        git(hub, "branch", "-D", "main")
    return tip


def test_reconcile_after_the_trunk_was_renamed_brings_in_the_new_one(yard: Yard, git: Git) -> None:
    path = yard.make("api")
    tip = move_trunk(yard, git, keep=False)
    found = yard.reconcile()
    assert [(base.name, base.commit, base.fresh) for base in found.bases] == [("edge", tip, True)]
    assert [outcome.result for outcome in found.outcomes] == ["fast-forwarded"]
    assert "edge" in found.outcomes[0].reason
    assert yard.head(path) == tip
    assert [managed.base for managed in yard.managed()] == ["edge"]


def test_reconcile_of_a_worktree_on_a_named_branch_stays_with_it_when_head_moves(
    yard: Yard, git: Git
) -> None:
    path = yard.make("api", base="main")
    before = yard.head(path)
    move_trunk(yard, git, keep=True)
    found = yard.reconcile()
    assert [(base.name, base.commit) for base in found.bases] == [("main", before)]
    assert [outcome.result for outcome in found.outcomes] == ["up-to-date"]
    assert yard.head(path) == before


def test_cleanup_after_the_trunk_was_renamed_judges_by_the_new_one(yard: Yard, git: Git) -> None:
    path = yard.make("api")
    move_trunk(yard, git, keep=False)
    with yard.open() as fleet:
        found = cleanup.clean(fleet.worktrees, EVERYTHING, CleanupTerms(ttl=0))
    assert [outcome.result for outcome in found.outcomes] == ["removed"], found.outcomes
    assert not path.exists()


def test_free_worktree_of_the_old_trunk_is_handed_out_under_the_new_one(yard: Yard, git: Git) -> None:
    path = yard.make("api")
    move_trunk(yard, git, keep=False)
    with yard.open() as fleet:
        exchange.sync(fleet)
    found = yard.ensure()
    assert (Path(found.managed.path), found.choice.created, found.base.name) == (path, False, "edge")


def test_restored_worktree_follows_the_trunk_as_before(yard: Yard, git: Git) -> None:
    path = yard.make("api")
    (path / "notes.txt").write_text("not committed\n")
    with yard.open() as fleet:
        cleanup.clean(fleet.worktrees, Selection(sessions=["api"]), CleanupTerms(ttl=0))
        move_trunk(yard, git, keep=False)
        restore.restore(fleet.repository, "api")
    assert os.path.exists(path / "notes.txt")
    yard.reconcile()
    assert [(managed.trunk, managed.base) for managed in yard.managed()] == [(True, "edge")]
