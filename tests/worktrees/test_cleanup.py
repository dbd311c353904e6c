"""What `worktree cleanup` keeps, each with its reason, and what it removes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import canonical, clock, ids
from gitfleet.errors import UsageError
from gitfleet.git.repository import discover
from gitfleet.worktrees import capture, notes, removal, restore
from gitfleet.worktrees.notes import TreeNotes
from gitfleet.worktrees.service import Selection
from tests.forms import held
from tests.places import needs_mount
from tests.workbench import Git, Gitfleet, Ran, shown
from tests.worktrees.attic import DAY, age, archives, clean, git_dir, listed, outcome, portrait, push
from tests.worktrees.yard import Yard

Start = Callable[[Path], "subprocess.Popen[bytes]"]


@pytest.fixture
def idle(yard: Yard, git: Git) -> Path:
    """A managed worktree in which nothing has happened for 25 hours."""
    return age(git, yard.make("s1"))


def kept(yard: Yard, kind: str, **terms: object) -> str:
    """The reason for which s1 is kept, in a dry run and in a real one."""
    would = outcome(yard, "s1", dry_run=True, **terms)
    found = outcome(yard, "s1", **terms)
    assert (found.result, found.facts["kind"]) == ("kept", kind), found
    assert (would.result, would.facts["kind"]) == ("kept", kind), would
    assert "s1" in [managed.id for managed in yard.managed()]
    assert archives(yard) == []
    return found.reason


def long_gone(yard: Yard, session: str) -> Path:
    """As if the folder had been found gone more than a day ago; the note of that."""
    own = yard.top / ".git/worktrees" / session
    TreeNotes(str(own)).gone_since()
    met_long_ago(own / notes.GONE)
    return own / notes.GONE


def met_long_ago(note: Path) -> None:
    known = canonical.load(note.read_bytes())
    note.write_bytes(canonical.dump({**known, "met": clock.now() - DAY - 3600}))


def take_away(yard: Yard, worktree: Path) -> None:
    """As with `rm -rf`, while something else is in the managed folder."""
    shutil.rmtree(worktree)
    (yard.top / ".worktrees/other").mkdir(parents=True, exist_ok=True)


def test_what_the_session_left_running_elsewhere_is_told_with_the_removal(yard: Yard, git: Git) -> None:
    session = ids.named("codex")  # nobody else's: it is looked for on the whole machine
    idle = age(git, yard.make(session))
    left = subprocess.Popen(["sleep", "600"], env={"GITFLEET_SESSION": session}, start_new_session=True)
    try:
        shown(left)
        would, found = outcome(yard, session, dry_run=True), outcome(yard, session)
    finally:
        left.kill()
        left.wait()
    for one, result in ((would, "would-remove"), (found, "removed")):
        assert one.result == result
        (words,) = one.facts["running"]
        assert words.startswith(f"{left.pid} sleep 600 (")
        assert f"still running: {words}" in one.reason
    assert not idle.exists()


def test_idle_clean_worktree_is_removed_without_an_archive_and_its_branch_stays(
    yard: Yard, idle: Path, git: Git
) -> None:
    would = outcome(yard, "s1", dry_run=True)
    assert would.result == "would-remove"
    assert idle.exists()
    found = outcome(yard, "s1")
    assert (found.result, found.facts["archive"], found.facts["landed"]) == ("removed", "", "merged")
    assert not idle.exists()
    assert listed(yard) == []
    assert archives(yard) == []
    assert git(yard.top, "rev-parse", "fleet/codex/s1") == git(yard.top, "rev-parse", "main")
    assert os.listdir(yard.top / ".worktrees") == []
    assert os.listdir(yard.fleets.state() / "worktrees/removing") == []


def test_idle_worktree_with_dirt_is_archived_then_removed(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    (worktree / "src/api/a.py").write_text("A = 'dirty'\n", encoding="ascii")
    (worktree / "new").write_text("untracked\n", encoding="ascii")
    before = portrait(git, age(git, worktree))
    would = outcome(yard, "s1", dry_run=True)
    assert (would.result, would.facts["needs_archive"], would.facts["archived"]) == ("would-remove", True, 5)
    assert archives(yard) == []
    found = outcome(yard, "s1")
    assert (found.result, found.facts["archive"], found.facts["archived"]) == ("removed", "s1", 5)
    (made,) = archives(yard)
    assert git(yard.top, "show", f"{made.ref}:worktree/new") == "untracked"
    assert before["tree"]["new"][2] == b"untracked\n"


def test_branch_is_deleted_only_when_asked(yard: Yard, idle: Path, git: Git) -> None:
    assert outcome(yard, "s1", delete_branches=True).facts["branch_deleted"] is True
    assert git(yard.top, "branch", "--list", "fleet/*") == ""
    assert not idle.exists()


def test_fresh_worktree_is_kept(yard: Yard) -> None:
    yard.make("s1")
    assert "goes after 24h idle" in kept(yard, "fresh")


def test_time_to_live_is_the_callers(yard: Yard, idle: Path) -> None:
    assert "; goes after 26h idle" in kept(yard, "fresh", ttl=DAY + 3600)
    assert outcome(yard, "s1", ttl=DAY - 3600).result == "removed"
    assert not idle.exists()


def test_unmerged_commits_are_kept(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git.commit(worktree, {"x": "1"})
    git.commit(worktree, {"y": "1"})
    age(git, worktree)
    assert kept(yard, "unmerged") == "2 commits are not on the hub"


def test_unmerged_commits_are_kept_when_branches_are_to_be_deleted(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    head = git.commit(worktree, {"x": "1"})
    age(git, worktree)
    kept(yard, "unmerged", delete_branches=True)
    assert yard.head(yard.top, "fleet/codex/s1") == head


def test_base_that_nobody_knows_is_refused_and_everything_stays(yard: Yard, idle: Path) -> None:
    with pytest.raises(UsageError):
        clean(yard, base="mian", delete_branches=True)
    assert idle.exists()


def test_base_that_is_gone_from_the_hub_means_keep(yard: Yard, git: Git) -> None:
    yard.advance({"x": "1"}, "develop")
    age(git, yard.make("s1", base="develop"))
    git(yard.fleets.hub, "branch", "-D", "develop")
    assert "develop" in kept(yard, "unknown")
    assert clean(yard, dry_run=True).failed


def test_hub_that_cannot_be_reached_means_keep(yard: Yard, idle: Path) -> None:
    yard.fleets.hub.rename(yard.fleets.root / "away.git")
    assert "Could not read from the hub" in kept(yard, "unknown")
    assert idle.exists()
    assert clean(yard).failed


def test_stale_local_base_is_irrelevant(yard: Yard, git: Git) -> None:
    """The hub's branch is asked, and the local one may be as old as it likes."""
    worktree = yard.make("s1")
    git.commit(worktree, {"x": "1"})
    push(yard, worktree)
    age(git, worktree)
    git(yard.top, "branch", "--force", "old", "main")
    assert outcome(yard, "s1").result == "removed"


def test_detached_commits_are_kept(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git(worktree, "checkout", "--quiet", "--detach")
    git.commit(worktree, {"x": "1"}, "on no branch")
    age(git, worktree)
    kept(yard, "unmerged")


def test_detached_head_that_has_landed_is_judged_by_itself(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    head = git.commit(worktree, {"x": "1"}, "stays on the branch")
    git(worktree, "checkout", "--quiet", "--detach", "main")
    age(git, worktree)
    assert outcome(yard, "s1", delete_branches=True).result == "removed"
    assert yard.head(yard.top, "fleet/codex/s1") == head


def test_switched_branch_is_kept(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git(worktree, "checkout", "--quiet", "-b", "elsewhere")
    age(git, worktree)
    assert "elsewhere" in kept(yard, "switched")


def test_stash_of_the_branch_is_kept(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    (worktree / "src/api/a.py").write_text("stashed\n", encoding="ascii")
    git(worktree, "stash")
    age(git, worktree)
    assert "WIP on fleet/codex/s1" in kept(yard, "stash")


def test_stash_of_a_detached_head_is_kept(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git(worktree, "checkout", "--quiet", "--detach")
    (worktree / "src/api/a.py").write_text("stashed\n", encoding="ascii")
    git(worktree, "stash")
    age(git, worktree)
    kept(yard, "stash")


def test_stash_of_another_branch_is_no_obstacle(yard: Yard, idle: Path, git: Git) -> None:
    git(yard.top, "checkout", "--quiet", "-b", "mine")
    (yard.top / "src/api/a.py").write_text("stashed\n", encoding="ascii")
    git(yard.top, "stash")
    assert outcome(yard, "s1").result == "removed"
    assert not idle.exists()


def test_process_that_works_there_keeps_it(yard: Yard, idle: Path, at_work: Start) -> None:
    process = at_work(idle / "src")
    assert f"process {process.pid}" in kept(yard, "active")


def test_process_with_an_open_file_there_keeps_it(yard: Yard, idle: Path) -> None:
    with (idle / "README.md").open("rb"):
        kept(yard, "active")


def test_active_worktree_is_removed_when_asked(yard: Yard, idle: Path, at_work: Start) -> None:
    at_work(idle)
    assert outcome(yard, "s1", include_active=True).result == "removed"
    assert not idle.exists()


def test_worktree_that_was_just_handed_out_is_kept_from_all_but_whom_it_was_handed_to(
    yard: Yard, idle: Path, git: Git, at_work: Start
) -> None:
    TreeNotes(str(git_dir(git, idle))).reserve(at_work(yard.fleets.root).pid)
    kept(yard, "active")
    TreeNotes(str(git_dir(git, idle))).reserve(os.getppid())
    assert outcome(yard, "s1", ttl=0).result == "removed"


def test_locked_worktree_is_kept(yard: Yard, idle: Path, git: Git) -> None:
    git(yard.top, "worktree", "lock", "--reason", "on a stick", idle)
    assert "on a stick" in kept(yard, "locked")


def test_operation_in_progress_is_kept(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git(worktree, "bisect", "start")
    age(git, worktree)
    assert "bisect" in kept(yard, "in-progress")


def test_index_lock_is_kept(yard: Yard, idle: Path, git: Git) -> None:
    (git_dir(git, idle) / "index.lock").touch()
    assert "index.lock" in kept(yard, "cannot-be-archived")


@pytest.mark.parametrize("where", ["inner", "node_modules/inner", "src/inner"])
def test_repository_inside_is_kept(yard: Yard, git: Git, where: str) -> None:
    worktree = yard.make("s1")
    git.commit(worktree, {".gitignore": "node_modules/\n"})
    push(yard, worktree)
    git(worktree, "init", "--quiet", where)
    age(git, worktree)
    assert where in kept(yard, "cannot-be-archived")


@pytest.fixture
def with_submodule(yard: Yard, git: Git) -> Path:
    """An idle managed worktree with a submodule that is checked out and as its hub has it; all is landed."""
    worktree = yard.make("s1")
    git(worktree, "submodule", "--quiet", "add", yard.fleets.hub, "sub")
    git(worktree, "commit", "--quiet", "--no-verify", "-m", "sub")
    push(yard, worktree)
    return age(git, worktree)


def test_submodule_without_anything_of_its_own_is_no_obstacle(
    yard: Yard, with_submodule: Path, git: Git
) -> None:
    (with_submodule / "new").write_text("x", encoding="ascii")
    before = git(age(git, with_submodule), "status", "--porcelain")
    found = outcome(yard, "s1")
    assert (found.result, found.facts["archive"]) == ("removed", "s1")
    assert found.facts["left_out"] == ["sub (a submodule with nothing of its own)"]
    restore.restore(discover(str(yard.top)), "s1")
    assert git(with_submodule, "status", "--porcelain") == before
    git(with_submodule, "submodule", "--quiet", "update", "--init")
    assert (with_submodule / "sub/README.md").exists()
    assert git(with_submodule, "status", "--porcelain") == before


def test_submodule_that_only_the_base_has_moved_is_no_obstacle(
    yard: Yard, with_submodule: Path, git: Git
) -> None:
    bob = yard.fleets.clone("bob")
    git(bob, "fetch", "--quiet", "origin")
    git(bob, "checkout", "--quiet", "--detach", "origin/main")
    newer = yard.head(bob)
    git(bob, "update-index", "--cacheinfo", f"160000,{newer},sub")
    git(bob, "commit", "--quiet", "--no-verify", "-m", "moved")
    git(bob, "push", "--quiet", "--no-verify", "origin", "HEAD:main")
    assert yard.outcome("s1").result == "fast-forwarded"
    assert git(with_submodule, "status", "--porcelain") == " M sub"
    assert outcome(yard, "s1").result == "removed"


def _change(git: Git, sub: Path) -> None:
    (sub / "README.md").write_text("changed", encoding="ascii")


def _leave(git: Git, sub: Path) -> None:
    (sub / "new").write_text("new", encoding="ascii")


def _commit(git: Git, sub: Path) -> None:
    git.commit(sub, {"x": "1"})


def _commit_and_go_back(git: Git, sub: Path) -> None:
    git.commit(sub, {"x": "1"})
    git(sub, "reset", "--quiet", "--hard", "HEAD~1")


def _stash(git: Git, sub: Path) -> None:
    _change(git, sub)
    git(sub, "stash")


def _take_out(git: Git, sub: Path) -> None:
    git(sub.parent, "submodule", "--quiet", "deinit", "--force", "sub")


@pytest.mark.parametrize("act", [_change, _leave, _commit, _commit_and_go_back, _stash, _take_out])
def test_submodule_with_something_of_its_own_is_kept(
    yard: Yard, with_submodule: Path, git: Git, act: Callable[[Git, Path], None]
) -> None:
    act(git, with_submodule / "sub")
    age(git, with_submodule)
    assert "submodule" in kept(yard, "cannot-be-archived")


def test_worktree_that_gitfleet_did_not_make_is_never_touched(yard: Yard, git: Git) -> None:
    other = yard.top / ".worktrees/other"
    git(yard.top, "worktree", "add", "--quiet", other, "-b", "other")
    age(git, other)
    assert clean(yard).outcomes == []
    for path in (other, yard.top):
        with pytest.raises(UsageError):
            clean(yard, Selection(paths=[str(path)]))
    assert (other / "README.md").exists()


def test_marker_of_another_worktree_proves_nothing(yard: Yard, git: Git, idle: Path) -> None:
    other = yard.top / ".worktrees/other"
    git(yard.top, "worktree", "add", "--quiet", other, "-b", "other")
    shutil.copy(git_dir(git, idle) / "gitfleet-worktree.json", git_dir(git, other))
    found = clean(yard)
    assert [item.path for item in found.broken] == [str(other)]
    assert (other / "README.md").exists()


def test_folder_whose_git_file_leads_elsewhere_is_kept(yard: Yard, git: Git, idle: Path) -> None:
    (idle / ".git").write_text(f"gitdir: {yard.top}/.git\n", encoding="utf-8")
    found = outcome(yard, "s1")
    assert (found.result, found.facts["kind"]) == ("kept", "broken"), found


def test_ignored_files_that_are_small_are_archived_and_others_are_told(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git.commit(worktree, {".gitignore": ".env\nnode_modules/\n*.bin\n"})
    push(yard, worktree)
    (worktree / ".env").write_text("SECRET\n", encoding="ascii")
    (worktree / "large.bin").write_bytes(bytes(2 << 20))
    (worktree / "node_modules").mkdir()
    for number in range(101):
        (worktree / f"node_modules/{number}.js").touch()
    age(git, worktree)
    found = outcome(yard, "s1")
    assert found.facts["archive"] == "s1"
    assert found.facts["left_out"] == [
        "large.bin (ignored, 1 file, 2097152 bytes)",
        "node_modules/ (ignored, 101 files, 0 bytes)",
    ]
    assert git(yard.top, "show", f"{archives(yard)[0].ref}:worktree/.env") == "SECRET"


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        (("none",), set()),
        (("all",), {"a.log", "b.bin"}),
        (("*.bin", "small"), {"a.log", "b.bin"}),
        (("x",), {"a.log"}),
    ],
)
def test_ignored_files_are_chosen_as_asked(
    yard: Yard, git: Git, words: tuple[str, ...], taken: set[str]
) -> None:
    worktree = yard.make("s1")
    git.commit(worktree, {".gitignore": "*.log\n*.bin\n"})
    push(yard, worktree)
    (worktree / "a.log").write_text("a", encoding="ascii")
    (worktree / "b.bin").write_bytes(bytes(2 << 20))
    (worktree / "new").write_text("n", encoding="ascii")
    age(git, worktree)
    assert outcome(yard, "s1", ignored=words).result == "removed"
    names = git(yard.top, "ls-tree", "--name-only", f"{archives(yard)[0].ref}:worktree").split("\n")
    assert set(names) & {"a.log", "b.bin"} == taken


def test_worktree_that_holds_too_much_is_kept(yard: Yard, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    worktree = yard.make("s1")
    (worktree / "large").write_bytes(bytes(3 << 20))
    age(git, worktree)
    monkeypatch.setattr(capture, "MAX_BYTES", 2 << 20)
    assert "3 MiB" in kept(yard, "cannot-be-archived")


def test_many_files_are_archived_whole(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    (worktree / "many").mkdir()
    for number in range(600):
        (worktree / f"many/{number}").write_text(f"{number}\n", encoding="ascii")
    before = portrait(git, age(git, worktree))
    assert outcome(yard, "s1").facts["archived"] == 604
    restore.restore(discover(str(yard.top)), "s1")
    assert portrait(git, worktree) == before


def test_socket_left_behind_is_told_and_no_obstacle(
    yard: Yard, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    worktree = yard.make("s1")
    monkeypatch.chdir(worktree)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.sock")
    monkeypatch.chdir(yard.top)
    age(git, worktree)
    assert outcome(yard, "s1").facts["left_out"] == ["s.sock (a socket)"]


def test_assume_unchanged_hides_nothing_from_the_archive(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git(worktree, "update-index", "--assume-unchanged", "README.md")
    (worktree / "README.md").write_text("changed unseen\n", encoding="ascii")
    age(git, worktree)
    assert outcome(yard, "s1").facts["archive"] == "s1"
    assert git(yard.top, "show", f"{archives(yard)[0].ref}:worktree/README.md") == "changed unseen"


def test_folder_that_is_gone_is_pruned_and_others_stay_listed(yard: Yard, git: Git) -> None:
    worktree, foreign = yard.make("s1"), yard.top / ".worktrees/foreign"
    git(yard.top, "worktree", "add", "--quiet", foreign, "-b", "foreign")
    take_away(yard, worktree)
    shutil.rmtree(foreign)
    assert outcome(yard, "s1", dry_run=True, ttl=0).result == "would-prune"
    assert outcome(yard, "s1", ttl=0).result == "pruned"
    assert listed(yard) == [str(foreign)]
    assert archives(yard) == []


def test_folder_that_was_moved_by_hand_is_kept_until_it_has_been_gone_for_long(
    yard: Yard, git: Git, tmp_path: Path
) -> None:
    worktree, elsewhere = yard.make("s1"), tmp_path / "elsewhere"
    shutil.move(worktree, elsewhere)
    (yard.top / ".worktrees/other").mkdir()
    assert "git worktree repair" in kept(yard, "missing")
    assert git(elsewhere, "status", "--porcelain") == ""
    note = long_gone(yard, "s1")
    assert outcome(yard, "s1", dry_run=True).result == "would-prune"
    shutil.move(elsewhere, worktree)
    assert outcome(yard, "s1").facts["kind"] == "fresh"
    assert not note.exists()


def test_folder_that_is_gone_with_work_in_the_index_is_archived_first(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    (worktree / "new").write_text("staged only\n", encoding="ascii")
    git(worktree, "add", "new")
    take_away(yard, worktree)
    assert outcome(yard, "s1", ttl=0).result == "pruned"
    assert git(yard.top, "show", f"{archives(yard)[0].ref}:index/0/new") == "staged only"


def test_folder_that_is_gone_with_detached_commits_is_kept(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    git(worktree, "checkout", "--quiet", "--detach")
    git.commit(worktree, {"x": "1"})
    take_away(yard, worktree)
    kept(yard, "missing", ttl=0)


@pytest.mark.parametrize("gone", ["else", "else/where", "else/where/s1"])
def test_folder_above_that_is_gone_or_empty_means_keep(yard: Yard, gone: str) -> None:
    yard.make("s1", folder="else/where")
    shutil.rmtree(yard.top / gone)
    assert "not mounted?" in kept(yard, "missing", ttl=0)


def test_folder_above_that_holds_but_a_file_means_keep(yard: Yard) -> None:
    shutil.rmtree(yard.make("s1"))
    (yard.top / ".worktrees/.keep").write_text("as people put it at a mount point")
    assert "not mounted?" in kept(yard, "missing", ttl=0)


@needs_mount
def test_folder_above_at_which_another_volume_is_mounted_means_keep(yard: Yard, tmp_path: Path) -> None:
    take_away(yard, yard.make("s1"))
    (tmp_path / "volume/other").mkdir(parents=True)
    subprocess.run(["mount", "--bind", tmp_path / "volume", yard.top / ".worktrees"], check=True)
    try:
        assert "not mounted?" in kept(yard, "missing", ttl=0)
    finally:
        subprocess.run(["umount", yard.top / ".worktrees"], check=True)


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "sign", ["index", "HEAD", "logs/HEAD", "index.lock", "COMMIT_EDITMSG", "seen again", "listed"]
)
def test_sign_of_life_makes_the_time_of_a_gone_folder_begin_anew(yard: Yard, git: Git, sign: str) -> None:
    worktree = yard.make("s1")
    aside = yard.top / ".worktrees/aside"
    worktree.rename(aside)
    assert "git worktree repair" in kept(yard, "missing")
    note = long_gone(yard, "s1")
    assert outcome(yard, "s1", dry_run=True).result == "would-prune"
    own = note.parent
    if sign in {"seen again", "listed"}:
        aside.rename(worktree)
        yard.reconcile() if sign == "seen again" else yard.managed()
        worktree.rename(aside)
    elif sign == "logs/HEAD":
        line = f"{'0' * 40} {git(yard.top, 'rev-parse', 'HEAD')} A <a@b> 1700000000 +0000\tcommit: x\n"
        with (own / sign).open("a") as file:
            file.write(line)
    else:
        (own / sign).write_bytes((own / sign).read_bytes() if (own / sign).exists() else b"")
    assert "has been gone for" in kept(yard, "missing")


def test_git_tidying_up_is_no_sign_of_life_of_a_gone_folder(yard: Yard, git: Git) -> None:
    take_away(yard, yard.make("s1"))
    kept(yard, "missing")
    long_gone(yard, "s1")
    git(yard.top, "reflog", "expire", "--all", "--expire=1.year.ago")
    assert outcome(yard, "s1").result == "pruned"


def test_one_that_fails_stops_no_other_and_is_told(yard: Yard, git: Git) -> None:
    broken, sound = age(git, yard.make("s1")), age(git, yard.make("s2"))
    (git_dir(git, broken) / "index").write_bytes(b"rubbish")
    found = clean(yard)
    assert {item.session: item.result for item in found.outcomes} == {"s1": "failed", "s2": "removed"}
    assert found.failed
    assert broken.exists()
    assert not sound.exists()


def test_folders_that_may_not_be_written_are_removed(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    (worktree / "shut/in").mkdir(parents=True)
    (worktree / "shut/in/file").touch()
    (worktree / "shut/in").chmod(0o500)
    (worktree / "shut").chmod(0o500)
    age(git, worktree)
    assert outcome(yard, "s1").result == "removed"
    assert not worktree.exists()


def test_change_between_archive_and_removal_keeps_the_worktree(
    yard: Yard, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    worktree = yard.make("s1")
    (worktree / "new").write_text("first\n", encoding="ascii")
    age(git, worktree)
    save = removal.save

    def meanwhile(*args: object) -> object:
        made = save(*args)  # type: ignore[arg-type]
        (worktree / "late").write_text("second\n", encoding="ascii")
        os.utime(worktree / "late", (0, 0))
        os.utime(worktree, (0, 0))
        return made

    monkeypatch.setattr(removal, "save", meanwhile)
    found = outcome(yard, "s1")
    assert (found.result, found.facts["kind"], found.facts["archive"]) == ("kept", "changed", "s1"), found
    assert (worktree / "late").read_text(encoding="ascii") == "second\n"


def test_process_that_comes_between_archive_and_removal_keeps_the_worktree(
    yard: Yard, idle: Path, at_work: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = removal.save

    def meanwhile(*args: Any) -> object:
        at_work(idle)
        return save(*args)

    monkeypatch.setattr(removal, "save", meanwhile)
    found = outcome(yard, "s1")
    assert (found.result, found.facts["kind"]) == ("kept", "changed"), found
    assert (idle / "README.md").exists()


def test_process_that_comes_after_the_move_aside_gets_its_worktree_back(
    yard: Yard, idle: Path, at_work: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its working directory moves along, so that it is found in the last moment."""
    rename = os.rename

    def meanwhile(source: str, target: str) -> None:
        if removal.PREFIX in target:
            at_work(idle)
        rename(source, target)

    monkeypatch.setattr(os, "rename", meanwhile)
    found = outcome(yard, "s1")
    assert (found.result, found.facts["kind"]) == ("kept", "changed"), found
    assert "in use" in found.reason
    assert (idle / "README.md").exists()
    assert os.listdir(yard.top / ".worktrees") == ["s1"]
    assert os.listdir(yard.fleets.state() / "worktrees/removing") == []


def test_something_put_in_its_place_meanwhile_stops_the_removal_and_the_next_one_mends_it(
    yard: Yard, idle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def meanwhile(source: str, target: str) -> None:
        rename(source, target)
        if removal.PREFIX in target:
            idle.mkdir()

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", meanwhile)
        found = outcome(yard, "s1")
    assert (found.result, os.listdir(idle)) == ("failed", [])
    idle.rmdir()
    again = clean(yard, ttl=2 * DAY)
    assert len(again.recovered) == 1
    assert [item.facts["kind"] for item in again.outcomes] == ["fresh"]
    assert (idle / "README.md").exists()


def test_dry_run_says_of_each_what_the_run_then_does(yard: Yard, git: Git) -> None:
    clean_, dirty = age(git, yard.make("clean")), yard.make("dirty")
    (dirty / "new").write_text("x", encoding="ascii")
    age(git, dirty)
    ahead = yard.make("ahead")
    git.commit(ahead, {"x": "1"})
    age(git, ahead)
    yard.make("fresh")
    take_away(yard, yard.make("gone"))
    long_gone(yard, "gone")
    git(clean_, "stash", "list")
    would = {item.session: item for item in clean(yard, dry_run=True, delete_branches=True).outcomes}
    done = {item.session: item for item in clean(yard, delete_branches=True).outcomes}
    word = {"would-remove": "removed", "would-prune": "pruned"}
    assert {name: word.get(item.result, item.result) for name, item in would.items()} == {
        name: item.result for name, item in done.items()
    }
    for name, item in would.items():
        assert item.facts["kind"] == done[name].facts["kind"]
        assert item.facts["archived"] == done[name].facts["archived"]
    assert {name: item.result for name, item in done.items()} == {
        "clean": "removed",
        "dirty": "removed",
        "ahead": "kept",
        "fresh": "kept",
        "gone": "pruned",
    }


def test_folder_that_is_gone_keeps_a_branch_that_has_not_landed(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    head = git.commit(worktree, {"x": "1"})
    take_away(yard, worktree)
    found = outcome(yard, "s1", delete_branches=True, ttl=0)
    assert (found.result, found.facts["branch_deleted"]) == ("pruned", False)
    assert yard.head(yard.top, "fleet/codex/s1") == head


def test_branch_that_landed_by_squash_may_be_deleted_and_its_commits_are_archived(
    yard: Yard, git: Git
) -> None:
    worktree = yard.make("s1")
    heads = [git.commit(worktree, {f"x{number}": "1"}) for number in range(2)]
    yard.advance({"x0": "1", "x1": "1"})
    age(git, worktree)
    found = outcome(yard, "s1", delete_branches=True)
    assert (found.result, found.facts["landed"], found.facts["branch_deleted"]) == (
        "removed",
        "squashed",
        True,
    )
    git(yard.top, "reflog", "expire", "--expire=now", "--all")
    git(yard.top, "gc", "--quiet", "--prune=now")
    assert yard.head(yard.top, f"{archives(yard)[0].ref}^1") == heads[-1]
    restore.restore(discover(str(yard.top)), "s1")
    assert yard.head(worktree, "fleet/codex/s1") == heads[-1]


def test_lock_file_of_a_process_that_is_dead_does_not_keep_it(yard: Yard, git: Git) -> None:
    worktree = yard.make("s1")
    with subprocess.Popen(["true"]) as dead:
        pass
    (worktree / ".claude-session-active").write_text(f'{{"pid": {dead.pid}}}', encoding="ascii")
    age(git, worktree)
    assert outcome(yard, "s1").result == "removed"


def test_lock_file_of_a_process_that_lives_keeps_it(yard: Yard, git: Git, at_work: Start) -> None:
    worktree = yard.make("s1")
    process = at_work(yard.top)
    (worktree / ".codex_session_active").write_text(f"pid={process.pid}\n", encoding="ascii")
    for path in (worktree / ".codex_session_active", worktree):
        os.utime(path)
    found = outcome(yard, "s1", ttl=0)
    assert (found.result, found.facts["kind"]) == ("kept", "active")


def test_command_line_says_what_it_did_and_ends_with_21_when_one_failed(
    yard: Yard, git: Git, gitfleet: Gitfleet
) -> None:
    broken, sound = age(git, yard.make("s1")), age(git, yard.make("s2"))
    yard.make("s3")
    (git_dir(git, broken) / "index").write_bytes(b"rubbish")
    would = gitfleet(
        yard.top, "worktree", "cleanup", "--base", "main", "--ttl-hours", "24", "--dry-run"
    ).ended(21)
    assert "would-remove: s2" in would.stdout
    assert sound.exists()
    done = gitfleet(yard.top, "worktree", "cleanup", "--json").ended(21).json()
    held(done, 21)
    assert done["data"]["summary"] == {"failed": 1, "removed": 1, "kept": 1}
    assert done["status"] == "partial"
    assert not sound.exists()


@pytest.mark.always
def test_command_line_archives_lists_restores_and_drops(yard: Yard, gitfleet: Gitfleet) -> None:
    def command(*args: str, at: Path = yard.top) -> Ran:
        return gitfleet(at, "worktree", *args)

    worktree = yard.make("s1")
    (worktree / "new").write_text("x\n", encoding="ascii")
    assert "archived" in command("archive", "s1").ok().stdout
    data = held(command("archive", "--json", at=worktree / "src").ok().json())
    assert data["archive"]["id"] == "s1"
    data = held(command("archive", "--list", "--json").ok().json(), command="worktree archive --list")
    (row,) = data["archives"]
    assert (row["id"], row["files"], row["branch"]) == ("s1", 5, "fleet/codex/s1")
    command("restore", "s1").ended(20)
    data = held(command("restore", "s1", "--path", "../again", "--json").ok().json())
    assert data["branch"] == "fleet/codex/s1-restored"
    assert (yard.top.parent / "again/new").read_text(encoding="ascii") == "x\n"
    command("archive", "--drop", "s1").ok()
    assert archives(yard) == []
    for args in (["--drop", "s1"], ["--list", "--drop", "s1"], ["../nowhere"], ["misspelt"]):
        command("archive", *args).ended(2)
    for hours in ("-1", "nan", "inf", "x"):
        command("cleanup", "--ttl-hours", hours).ended(2)
