"""`worktree reconcile` where git, a filter, a hook or a setting would spoil it: all or nothing, and told beforehand."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workbench import Git
from tests.worktrees.yard import Yard, index_of, picture

FROM_OTHERS = {
    ".gitattributes": "f filter=bad\n",
    "README.md": "# From others\n",
    "a-first": "new\n",
    "deep/er/g": "g\n",
    "f": "filtered\n",
}


def filter_fails(yard: Yard, git: Git, path: Path) -> None:
    for name, value in (("smudge", "false"), ("clean", "cat"), ("required", "true")):
        git(yard.top, "config", f"filter.bad.{name}", value)


def ref_is_locked(yard: Yard, git: Git, path: Path) -> None:
    (yard.top / f".git/{git(path, 'symbolic-ref', 'HEAD')}.lock").touch()


def hook_refuses_the_ref(yard: Yard, git: Git, path: Path) -> None:
    hook = yard.top.parent / "hooks/reference-transaction"
    hook.parent.mkdir()
    hook.write_text('#!/bin/sh\n[ "$1" = prepared ] || exit 0\n! grep -q refs/heads/fleet/\n')
    hook.chmod(0o755)
    git(yard.top, "config", "core.hooksPath", str(hook.parent))


def git_is_killed(yard: Yard, git: Git, path: Path) -> None:
    hook = yard.top.parent / "hooks/pre-merge-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nkill -9 $PPID\n")
    hook.chmod(0o755)
    git(yard.top, "config", "core.hooksPath", str(hook.parent))


@pytest.mark.sample(5)
@pytest.mark.parametrize("strategy", ["merge", "rebase"])
@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("trouble", [filter_fails, ref_is_locked, hook_refuses_the_ref, git_is_killed])
def test_reconcile_that_git_is_stopped_in_leaves_all_as_it_was(
    yard: Yard, git: Git, trouble: Callable[[Yard, Git, Path], None], strategy: str, *, ahead: bool
) -> None:
    path = yard.make("one")
    if ahead:
        git.commit(path, {"mine.txt": "mine\n"})
    (path / "untracked").write_text("mine\n")
    yard.advance(FROM_OTHERS)
    before = picture(path), index_of(git, path), yard.head(path), git(path, "status", "--porcelain")
    trouble(yard, git, path)
    outcome = yard.outcome("one", strategy=strategy)
    if outcome.result != "failed":  # nothing of it was in the way of this strategy
        assert outcome.result in {"fast-forwarded", "rebased"}
        assert (trouble, ahead and strategy == "merge") in {
            (git_is_killed, False),
            (hook_refuses_the_ref, False),
        }
        return
    assert "could not be undone" not in outcome.reason
    after = picture(path), index_of(git, path), yard.head(path)
    assert (*after, git(path, "status", "--porcelain")) == before


def test_reconcile_where_somebody_changed_what_git_wrote_keeps_that_and_says_so(yard: Yard, git: Git) -> None:
    path = yard.make("one")
    yard.advance({"a-first": "new\n", "z-last": "z\n"})
    hook = yard.top.parent / "hooks/reference-transaction"
    hook.parent.mkdir()
    hook.write_text(
        f'#!/bin/sh\n[ "$1" = prepared ] || exit 0\ngrep -q refs/heads/fleet/ || exit 0\necho edited >"{path}/a-first"\nexit 1\n'
    )
    hook.chmod(0o755)
    git(yard.top, "config", "core.hooksPath", str(hook.parent))
    outcome = yard.outcome("one")
    assert (outcome.result, outcome.facts["kind"]) == ("failed", "stuck")
    assert (path / "a-first").read_text() == "edited\n"
    assert git(path, "status", "--porcelain") == "?? a-first"


def test_reconcile_waits_for_no_process_that_a_hook_leaves_running(
    yard: Yard, git: Git, tmp_path: Path
) -> None:
    yard.make("one")
    yard.advance({"new": "x\n"})
    pid = tmp_path / "pid"
    hook = yard.top.parent / "hooks/post-merge"
    hook.parent.mkdir()
    hook.write_text(f'#!/bin/sh\ncd /; sleep 600 & echo $! >"{pid}"\n')
    hook.chmod(0o755)
    git(yard.top, "config", "core.hooksPath", str(hook.parent))
    outcome = yard.outcome("one")
    os.kill(int(pid.read_text()), signal.SIGKILL)  # it is there still: nobody has waited for it
    assert outcome.result == "fast-forwarded"


def test_reconcile_merges_as_it_says_whatever_the_settings_of_merges_are(yard: Yard, git: Git) -> None:
    path = yard.make("one")
    git.commit(path, {"mine.txt": "mine\n"})
    base = yard.advance({"new": "x\n"})
    git(yard.top, "config", "branch.fleet/codex/one.mergeOptions", "--strategy=ours --no-commit")
    git(yard.top, "config", "pull.twohead", "ours")
    assert yard.outcome("one").result == "merged"
    assert git(path, "diff", "--name-only", base, "HEAD") == "mine.txt"


def test_reconcile_of_a_branch_that_two_worktrees_have_leaves_both(
    yard: Yard, git: Git, tmp_path: Path
) -> None:
    path = yard.make("one")
    yard.advance({"new": "x\n"})
    other = tmp_path / "second"
    git(yard.top, "worktree", "add", "--quiet", "--force", other, "fleet/codex/one")
    for dry_run in (True, False):
        outcome = yard.outcome("one", dry_run=dry_run)
        assert (outcome.result, outcome.facts["kind"]) == ("skipped", "shared-branch")
        assert str(other) in outcome.reason
    assert git(path, "status", "--porcelain") == git(other, "status", "--porcelain") == ""


def test_reconcile_of_a_rebase_tells_its_conflicts_in_the_dry_run_and_touches_nothing(
    yard: Yard, git: Git
) -> None:
    path = yard.make("one")
    git.commit(path, {"mine.txt": "mine\n"})
    git.commit(path, {"README.md": "# Mine\n"})
    git.commit(path, {"README.md": "# Mine again\n"})
    yard.advance({"README.md": "# From others\n"})
    before = picture(path), index_of(git, path), git(path, "reflog")
    for dry_run in (True, False):
        outcome = yard.outcome("one", strategy="rebase", dry_run=dry_run)
        assert (outcome.result, outcome.facts["conflicts"]) == ("conflict", ["README.md"])
    assert (picture(path), index_of(git, path), git(path, "reflog")) == before


def test_reconcile_by_rebase_keeps_a_merge_that_holds_something_of_its_own(yard: Yard, git: Git) -> None:
    plain, own = yard.make("plain"), yard.make("own")
    base = yard.advance({"first": "1\n"})
    for path in (plain, own):
        git.commit(path, {"mine.txt": "mine\n"})
        git(yard.top, "fetch", "--quiet", "origin")
        git(path, "merge", "--quiet", "--no-commit", base)
    (own / "added-by-the-merge").write_text("x\n")
    for path in (plain, own):
        git(path, "add", "--all")
        git(path, "commit", "--quiet", "-m", "merge")
    yard.advance({"second": "2\n"})
    head = yard.head(own)
    found = {item.session: item for item in yard.reconcile(strategy="rebase").outcomes}
    assert found["plain"].result == "rebased"
    assert (found["own"].result, found["own"].facts["kind"]) == ("skipped", "merges")
    assert head[:12] in found["own"].reason
    assert yard.head(own) == head


def test_reconcile_with_a_base_that_began_anew_tells_the_same_in_both_runs(yard: Yard, git: Git) -> None:
    path = yard.make("one")
    git.commit(path, {"mine.txt": "mine\n"})
    bob = yard.fleets.clone("bob")
    git(bob, "checkout", "--quiet", "--orphan", "anew")
    git(bob, "rm", "--quiet", "-r", "-f", ".")
    git.commit(bob, {"README.md": "# Anew\n"})
    git(bob, "push", "--quiet", "--force", "origin", "HEAD:main")
    for strategy, result, words in (
        ("merge", "failed", "no commit in common"),
        ("rebase", "conflict", "README.md"),
    ):
        for dry_run in (True, False):
            outcome = yard.outcome("one", strategy=strategy, dry_run=dry_run)
            assert (outcome.result, words in outcome.reason) == (result, True), outcome.reason


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_reconcile_tells_beforehand_of_changes_that_git_was_told_to_pass_over(
    yard: Yard, git: Git, flag: str
) -> None:
    changed, same = yard.make("changed"), yard.make("same")
    for path in (changed, same):
        git(path, "update-index", flag, "README.md")
    (changed / "README.md").write_text("local\n")
    yard.advance({"README.md": "# From others\n"})
    told = {item.session: item.result for item in yard.reconcile(dry_run=True).outcomes}
    done = {item.session: item.result for item in yard.reconcile().outcomes}
    assert (told["changed"], done["changed"]) == ("skipped", "skipped")
    assert (told["same"], done["same"]) == ("would-fast-forward", "fast-forwarded")
    assert (changed / "README.md").read_text() == "local\n"


def test_reconcile_in_a_dry_run_tells_that_the_index_is_locked(yard: Yard, git: Git) -> None:
    path = yard.make("one")
    yard.advance({"new": "x\n"})
    Path(git(path, "rev-parse", "--absolute-git-dir"), "index.lock").touch()
    for dry_run in (True, False):
        outcome = yard.outcome("one", dry_run=dry_run)
        assert outcome.result == "failed"
        assert "index.lock" in outcome.reason


def test_reconcile_moves_on_with_a_submodule_that_an_earlier_one_left_behind(
    yard: Yard, git: Git, repository: Path
) -> None:
    bob = yard.fleets.clone("bob")
    git(bob, "fetch", "--quiet", "origin")
    git(bob, "checkout", "--quiet", "--detach", "origin/main")
    git(bob, "submodule", "--quiet", "add", repository, "sub")
    git(bob, "commit", "--quiet", "-m", "submodule")
    git(bob, "push", "--quiet", "origin", "HEAD:main")
    path = yard.make("one")
    git(path, "submodule", "--quiet", "update", "--init")
    at = yard.head(path / "sub")
    for number in range(2):
        git.commit(bob / "sub", {"new": f"{number}\n"})
        git(bob, "commit", "--quiet", "--all", "-m", "moved")
        git(bob, "push", "--quiet", "origin", "HEAD:main")
        assert yard.outcome("one").result == "fast-forwarded"
    assert (yard.head(path / "sub"), git(path, "status", "--porcelain")) == (at, " M sub")


def test_reconcile_by_rebase_of_one_without_commits_forwards_past_changes_elsewhere(
    yard: Yard, git: Git
) -> None:
    path = yard.make("one")
    base = yard.advance({"new": "x\n"})
    (path / "README.md").write_text("edited\n")
    assert yard.outcome("one", strategy="rebase").result == "fast-forwarded"
    assert (yard.head(path), git(path, "status", "--porcelain")) == (base, " M README.md")
