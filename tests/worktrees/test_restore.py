"""Archive and restore: byte for byte, whatever lies in the worktree, and nothing is overwritten."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gitfleet.errors import Blocked, Corrupt, UsageError
from gitfleet.git import fleetrefs
from gitfleet.git.program import GitFailed
from gitfleet.git.repository import discover
from gitfleet.worktrees import archiving, restore
from gitfleet.worktrees.archive import Archive
from gitfleet.worktrees.restore import Restored
from tests.workbench import Git
from tests.worktrees.attic import age, archives, git_dir, listed, mess, outcome, portrait, push
from tests.worktrees.yard import Yard


def bring_back(yard: Yard, archive_id: str, path: Path | None = None) -> Restored:
    repository = discover(str(yard.top))
    return restore.restore(repository, archive_id, str(path) if path else None)


def archive(yard: Yard, session: str, *words: str) -> Archive:
    return archiving.take(discover(str(yard.top)), session, words)


def remove(git: Git, yard: Yard, worktree: Path) -> None:
    """Take a worktree away as if it had never been."""
    shutil.rmtree(worktree) if os.geteuid() == 0 else git(yard.top, "worktree", "remove", "-ff", worktree)
    git(yard.top, "worktree", "prune")


def test_mess_archived_removed_and_restored_is_the_same_to_the_byte(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    mess(git, worktree)
    push(yard, worktree)
    before = portrait(git, age(git, worktree))
    found = outcome(yard, "s1")
    assert (found.result, found.facts["archive"]) == ("removed", "s1"), found
    assert not worktree.exists()
    assert listed(yard) == []
    restored = bring_back(yard, "s1")
    assert (restored.path, restored.branch, restored.notes) == (str(worktree), "fleet/codex/s1", ())
    assert portrait(git, worktree) == before
    assert [managed.id for managed in yard.managed()] == ["s1"]
    assert outcome(yard, "s1").facts["kind"] == "fresh"


def test_filters_and_line_ends_never_change_what_is_archived(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git(yard.top, "config", "filter.upper.clean", "tr a-z A-Z")
    git(yard.top, "config", "filter.upper.smudge", "tr A-Z a-z")
    git(yard.top, "config", "core.autocrlf", "true")
    mess(git, worktree)
    (worktree / "shout.up").write_bytes(b"MiXeD\r\n")
    before = portrait(git, worktree)
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    bring_back(yard, made.id)
    assert portrait(git, worktree) == before


def test_conflict_stages_without_a_merge_come_back(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    ids = [git(worktree, "hash-object", "-w", "--stdin", stdin=text) for text in ("base", "ours", "theirs")]
    stages = "".join(f"100644 {oid} {stage}\tboth.txt\n" for stage, oid in enumerate(ids, start=1))
    git(worktree, "update-index", "--index-info", stdin=stages)
    (worktree / "both.txt").write_text("<<<<<<<\n", encoding="ascii")
    before = portrait(git, worktree)
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    git(yard.top, "prune", "--expire=now")
    bring_back(yard, made.id)
    assert portrait(git, worktree) == before
    assert git(worktree, "cat-file", "-p", ids[2]) == "theirs"


def test_split_index_and_caches_come_back_as_one_index(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git(worktree, "update-index", "--split-index", "--untracked-cache")
    (worktree / "src/api/a.py").write_text("A = 3\n", encoding="ascii")
    git(worktree, "add", "src/api/a.py")
    before = portrait(git, worktree)
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    bring_back(yard, made.id)
    assert portrait(git, worktree) == before


def test_sparse_checkout_comes_back_with_its_settings(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git(worktree, "sparse-checkout", "set", "--no-cone", "/src/")
    assert not (worktree / "README.md").exists()
    before = portrait(git, worktree)
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    bring_back(yard, made.id)
    assert portrait(git, worktree) == before
    assert git(worktree, "sparse-checkout", "list") == "/src/"


def test_sparse_checkout_of_the_main_worktree_is_not_taken_over(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git(yard.top, "sparse-checkout", "set", "--no-cone", "/docs/")
    before = portrait(git, worktree)
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    bring_back(yard, made.id)
    assert portrait(git, worktree) == before
    assert (
        git(worktree, "config", "--get", "--type=bool", "--default=false", "core.sparseCheckout") == "false"
    )


def test_restored_folder_stays_out_of_git_status(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    (yard.top / ".git/info/exclude").unlink()
    bring_back(yard, made.id)
    assert git(yard.top, "status", "--porcelain") == ""


def test_commits_of_the_log_alone_survive_removal_and_pruning(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    lost = git.commit(worktree, {"x": "1"}, "amended away")
    git(worktree, "commit", "--quiet", "--amend", "-m", "amended")
    reset = git.commit(worktree, {"y": "1"}, "reset away")
    git(worktree, "reset", "--quiet", "--hard", "HEAD~2")
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    git(yard.top, "reflog", "expire", "--expire=now", "--all")
    git(yard.top, "gc", "--quiet", "--prune=now")
    for commit in (lost, reset):
        assert git(yard.top, "cat-file", "-t", commit) == "commit"
        assert git(yard.top, "merge-base", "--is-ancestor", commit, made.ref) == ""
    bring_back(yard, made.id)
    assert lost in git(worktree, "reflog", "--format=%H").split()


def test_detached_head_comes_back_detached(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git(worktree, "checkout", "--quiet", "--detach")
    git.commit(worktree, {"x": "1"}, "on no branch")
    before = portrait(git, worktree)
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    assert bring_back(yard, made.id).branch == ""
    assert portrait(git, worktree) == before


def test_branch_that_moved_on_keeps_its_commit_and_another_name_is_told(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    head = git.commit(worktree, {"x": "1"})
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    git(yard.top, "branch", "--force", "fleet/codex/s1", "main")
    restored = bring_back(yard, made.id)
    assert restored.branch == "fleet/codex/s1-restored"
    assert "has moved on" in restored.notes[0]
    assert yard.head(worktree) == head
    assert yard.head(yard.top, "fleet/codex/s1") == yard.head(yard.top, "main")
    assert yard.managed()[0].branch == "fleet/codex/s1-restored"


def test_branch_that_was_deleted_is_made_again(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    head = git.commit(worktree, {"x": "1"})
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    git(yard.top, "branch", "-D", "fleet/codex/s1")
    assert bring_back(yard, made.id).branch == "fleet/codex/s1"
    assert yard.head(worktree, "fleet/codex/s1") == head


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_place_where_something_is_refuses_and_leaves_it(yard: Yard, git: Git, kind: str) -> None:
    worktree = yard.make("s1")
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    if kind == "folder":
        worktree.mkdir()
    elif kind == "file":
        worktree.write_text("mine", encoding="ascii")
    else:
        worktree.symlink_to("nowhere")
    with pytest.raises(Blocked):
        bring_back(yard, made.id)
    assert os.path.lexists(worktree)
    assert listed(yard) == []


@pytest.mark.parametrize("deleted", [False, True])
def test_restore_that_git_refuses_leaves_no_branch_behind(
    yard: Yard, git: Git, tmp_path: Path, *, deleted: bool
) -> None:
    worktree = yard.make("s1")
    made = archive(yard, "s1")
    if deleted:
        remove(git, yard, worktree)
        git(yard.top, "branch", "-D", "fleet/codex/s1")
    branches = git(yard.top, "for-each-ref", "refs/heads")
    (tmp_path / "file").touch()
    with pytest.raises(GitFailed):
        bring_back(yard, made.id, tmp_path / "file/below")
    assert git(yard.top, "for-each-ref", "refs/heads") == branches


def test_permissions_of_the_folder_itself_come_back(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    worktree.chmod(0o700)
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    bring_back(yard, made.id)
    assert worktree.stat().st_mode & 0o7777 == 0o700


def test_second_restore_elsewhere_is_a_worktree_that_gitfleet_leaves_alone(
    yard: Yard, git: Git, tmp_path: Path
) -> None:
    worktree = yard.make("s1")
    (worktree / "new").write_text("x", encoding="ascii")
    made = archive(yard, "s1")
    restored = bring_back(yard, made.id, tmp_path / "again")
    assert restored.branch == "fleet/codex/s1-restored"
    assert len(restored.notes) == 2
    assert (tmp_path / "again/new").read_text(encoding="ascii") == "x"
    assert len(yard.managed()) == 1


@pytest.mark.parametrize("name", ["nothing", "../x", "-x", "", "a" * 300, "s1\n", "coord"])
def test_id_of_no_archive_is_refused(yard: Yard, name: str) -> None:
    with pytest.raises(UsageError):
        bring_back(yard, name)


def test_place_in_gits_own_folder_is_refused(yard: Yard) -> None:
    yard.make("s1")
    archive(yard, "s1")
    with pytest.raises(UsageError):
        bring_back(yard, "s1", yard.top / ".git/x")


def test_damaged_archive_is_not_restored_and_nothing_is_left(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    (worktree / "new").write_text("only here", encoding="ascii")
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    blob = git(yard.top, "rev-parse", f"{made.ref}:worktree/new")
    (yard.top / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(Corrupt):
        bring_back(yard, made.id)
    assert archives(yard) == [made]


def test_archive_that_would_escape_its_folder_is_refused(yard: Yard, git: Git) -> None:
    """A ref of that name may have come from anywhere."""
    worktree = yard.make("s1")
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    listing = git(yard.top, "hash-object", "-w", "--stdin", stdin="d0755 ../../escaped\0")
    rows = git(yard.top, "ls-tree", made.oid).split("\n")
    rows = [f"100644 blob {listing}\tlisting" if row.endswith("\tlisting") else row for row in rows]
    rows = [row for row in rows if not row.endswith("\tworktree")]
    tree = git(yard.top, "mktree", stdin="".join(f"{row}\n" for row in rows))
    commit = git(yard.top, "commit-tree", tree, "-p", made.owner.head, "-m", "x")
    git(yard.top, "update-ref", fleetrefs.archive("evil"), commit)
    with pytest.raises(Corrupt):
        bring_back(yard, "evil")
    assert not (yard.top / "escaped").exists()
    assert not (yard.top.parent / "escaped").exists()


def test_interrupted_restore_is_locked_and_the_archive_restores_elsewhere(
    yard: Yard, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worktree = yard.make("s1")
    (worktree / "new").write_text("x", encoding="ascii")
    before = portrait(git, worktree)["tree"]
    made = archive(yard, "s1")
    remove(git, yard, worktree)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(restore, "_check", stop)
        with pytest.raises(KeyboardInterrupt):
            bring_back(yard, made.id)
    assert "gitfleet is restoring s1 here" in git(yard.top, "worktree", "list", "--porcelain")
    with pytest.raises(Blocked):
        bring_back(yard, made.id)
    bring_back(yard, made.id, tmp_path / "again")
    assert portrait(git, tmp_path / "again")["tree"] == before


def test_settings_of_the_worktree_come_back(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git(yard.top, "config", "extensions.worktreeConfig", "true")
    git(worktree, "config", "--worktree", "user.name", "Somebody Else")
    made = archive(yard, "s1")
    remove(git, yard, worktree)
    bring_back(yard, made.id)
    assert git(worktree, "config", "user.name") == "Somebody Else"
    assert (git_dir(git, worktree) / "config.worktree").exists()
