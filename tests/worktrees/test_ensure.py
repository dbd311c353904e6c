"""`worktree ensure`: one worktree for each session, never one that somebody uses, nothing of anybody else's touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import canonical
from gitfleet.base.names import SessionId
from gitfleet.errors import BadPath, Blocked, Conflict, Unverifiable, UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.git.program import GitFailed
from gitfleet.sessions.service import Start
from gitfleet.worktrees import marker, notes
from gitfleet.worktrees.service import Selection
from tests.places import PLAIN, needs_plain
from tests.workbench import Entrant, Git, Gitfleet, Race, run
from tests.worktrees.yard import Yard, picture

AtWork = Callable[[Path], "subprocess.Popen[bytes]"]


def test_ensure_where_none_is_free_makes_a_worktree_from_the_fetched_base(yard: Yard, git: Git) -> None:
    newest = yard.advance({"new.txt": "new\n"})
    found = yard.ensure("codex")
    path = Path(found.managed.path)
    assert (found.choice.created, found.choice.done, found.base.fresh) == (True, True, True)
    assert path.parent == yard.top / ".worktrees"
    assert yard.head(path) == newest == found.managed.base_commit
    assert git(path, "symbolic-ref", "HEAD") == f"refs/heads/fleet/codex/{found.managed.session}"
    assert git(path, "status", "--porcelain") == ""
    assert marker.read(found.managed.git_dir) == found.managed


def test_ensure_leaves_git_status_empty_everywhere_and_add_finds_nothing_of_ours(
    yard: Yard, git: Git
) -> None:
    path = yard.make("one")
    yard.reconcile()
    for place in (yard.top, path):
        assert git(place, "status", "--porcelain", "--untracked-files=all") == ""
        git(place, "add", "--all")
        assert git(place, "diff", "--cached", "--name-only") == ""


def test_ensure_adds_its_line_to_exclude_once_and_keeps_what_is_there(yard: Yard) -> None:
    exclude = yard.top / ".git/info/exclude"
    exclude.write_bytes(b"*.log\n# mine, without a newline")
    yard.make("one")
    yard.make("two")
    yard.make("three", folder="odd [name]*")
    assert exclude.read_bytes() == (
        b"*.log\n# mine, without a newline\n"
        b"# gitfleet keeps worktrees in the next folder (the line before this one had no end)\n/.worktrees/\n"
        b"# gitfleet keeps worktrees in the next folder\n/odd \\[name]\\*/\n"
    )


def test_ensure_with_a_free_one_of_the_agent_reuses_it(yard: Yard) -> None:
    path = yard.make("one")
    found = yard.ensure("codex")
    assert (found.managed.path, found.managed.session, found.choice.created) == (str(path), "one", False)


@pytest.mark.parametrize(
    "other", [{"agent": "claude"}, {"base": "next"}, {"folder": "elsewhere"}, {"force_new": True}]
)
def test_ensure_for_another_agent_base_folder_or_by_force_makes_a_new_one(
    yard: Yard, other: dict[str, Any]
) -> None:
    yard.advance({"n": "n\n"}, branch="next")
    yard.make("one")
    assert yard.ensure(**{"agent": "codex", **other}).choice.created


def test_ensure_twice_never_hands_out_the_same(yard: Yard) -> None:
    """W4: two launches of one agent got one directory."""
    first, second = yard.ensure("codex"), yard.ensure("codex")
    assert first.managed.path != second.managed.path
    assert second.choice.passed == [(first.managed.path, "it was just given to another session")]


def test_worktree_whose_session_has_come_and_gone_is_free_for_the_next_of_the_same_caller(yard: Yard) -> None:
    first = yard.ensure("codex").managed
    with Fleet.open(first.path) as fleet:
        fleet.sessions.start(Start(id="one"))
        assert yard.ensure("codex", dry_run=True).managed.path != first.path
        fleet.sessions.end(SessionId("one"))
    assert yard.ensure("codex", dry_run=True).managed.path == first.path


def test_reservation_of_a_process_that_is_gone_or_of_long_ago_holds_nobody_up(yard: Yard) -> None:
    gone = subprocess.Popen(["true"])
    first = yard.ensure("codex").managed
    record = json.loads(Path(first.git_dir, notes.TAKEN).read_bytes())
    gone.wait()
    for change in (
        {"process": {**record["process"], "pid": gone.pid}},
        {"at": record["at"] - notes.HOLDS},
        {"at": record["at"] + 10**6},
    ):
        Path(first.git_dir, notes.TAKEN).write_bytes(canonical.dump({**record, **change}))
        assert yard.ensure("codex", dry_run=True).managed.path == first.path


def test_ensure_passes_over_what_is_not_free_and_says_why(yard: Yard, git: Git, at_work: AtWork) -> None:
    paths = {
        name: yard.make(name)
        for name in ("busy", "dirty", "new", "locked", "detached", "switched", "picking", "gone")
    }
    at_work(paths["busy"])
    (paths["dirty"] / "README.md").write_text("changed\n")
    (paths["new"] / "untracked").write_text("x")
    git(yard.top, "worktree", "lock", "--reason", "on a stick", paths["locked"])
    git(paths["detached"], "checkout", "--quiet", "--detach")
    git(paths["switched"], "checkout", "--quiet", "-b", "mine")
    git(paths["picking"], "bisect", "start")
    paths["gone"].rename(yard.top / "moved")
    found = yard.ensure("codex")
    assert found.choice.created
    whys = {Path(path).name: why for path, why in found.choice.passed}
    assert whys.pop("busy").startswith("it is in use: process")
    assert whys == {
        "dirty": "1 paths are changed or untracked there",
        "new": "1 paths are changed or untracked there",
        "locked": "it is locked (on a stick)",
        "detached": "it is not on its own branch fleet/codex/detached",
        "switched": "it is not on its own branch fleet/codex/switched",
        "picking": "a bisect is in progress there",
        "gone": "its folder is gone",
    }


def test_ensure_never_returns_one_with_a_live_session(yard: Yard, at_work: AtWork, tmp_path: Path) -> None:
    path = yard.make("one")
    agent = at_work(tmp_path)  # elsewhere: only its registration says that it works there
    with yard.fleets.open(f"ada/.worktrees/{path.name}") as fleet:
        fleet.sessions.start(Start(id="one", agent="codex", pid=agent.pid))
    passed = yard.ensure("codex", dry_run=True).choice.passed
    assert passed[0][1].startswith(f"it is in use: session one, process {agent.pid}")
    agent.kill()
    agent.wait()
    assert yard.ensure("codex").managed.path == str(path)


def test_ensure_for_a_session_gives_it_its_own_also_dirty_and_no_other(yard: Yard) -> None:
    path = yard.make("one")
    yard.make("two")
    (path / "README.md").write_text("changed\n")
    assert yard.ensure("codex", "one").managed.path == str(path)
    found = yard.ensure("codex", "three")
    assert (found.choice.created, found.managed.session) == (True, "three")


def test_ensure_for_a_session_that_another_process_is_in_is_refused(yard: Yard, at_work: AtWork) -> None:
    """W3: the same id again, with a live agent there, destroyed its directory."""
    path = yard.make("one")
    at_work(path)
    (path / "work").write_text("not committed")
    before = picture(yard.top)
    for agent, force_new in (("codex", False), ("claude", False), ("codex", True)):
        with pytest.raises(Conflict):
            yard.ensure(agent, "one", force_new=force_new)
    assert picture(yard.top) == before


def test_ensure_where_something_else_stands_leaves_it_alone(yard: Yard, git: Git) -> None:
    """W2: a directory in the way was deleted."""
    (yard.top / ".worktrees/mine").mkdir(parents=True)
    (yard.top / ".worktrees/mine/precious").write_text("x")
    (yard.top / ".worktrees/file").write_text("x")
    git(yard.top, "branch", "fleet/codex/held")
    git(yard.top, "worktree", "add", "--quiet", "elsewhere", "fleet/codex/held")
    before = picture(yard.top)
    for session in ("mine", "file", "held"):
        with pytest.raises(Blocked):
            yard.ensure("codex", session)
    assert picture(yard.top) == before


def test_ensure_takes_up_the_branch_of_a_session_whose_worktree_was_removed(yard: Yard, git: Git) -> None:
    path = yard.make("one")
    work = git.commit(path, {"work": "done\n"})
    git(yard.top, "worktree", "remove", path)
    found = yard.ensure("codex", "one")
    assert (found.choice.created, yard.head(path)) == (True, work)


def test_ensure_where_a_branch_is_in_the_way_says_so_and_leaves_nothing(yard: Yard, git: Git) -> None:
    git(yard.top, "branch", "fleet")
    with pytest.raises(GitFailed):
        yard.ensure("codex", "one")
    assert not (yard.top / ".worktrees/one").exists()
    assert os.listdir(yard.top / ".git/gitfleet/worktrees/making") == []
    git(yard.top, "branch", "-D", "fleet")
    assert yard.ensure("codex", "one").choice.created


def test_ensure_without_the_hub_says_so_and_begins_from_what_was_last_seen(yard: Yard) -> None:
    """W45: a failed fetch was ignored."""
    seen = yard.advance({"new": "1\n"})
    yard.make("one")
    yard.advance({"new": "2\n"})
    yard.fleets.hub.rename(yard.fleets.root / "away.git")
    found = yard.ensure("codex", "two")
    assert (found.base.fresh, found.base.commit) == (False, seen)
    assert "Could not read from the hub" in found.base.error
    with pytest.raises(Unverifiable):
        yard.ensure("codex", base="never-seen")


def test_ensure_with_a_base_that_the_hub_does_not_have_is_refused(yard: Yard) -> None:
    """W11: a mistyped base counted as a base with nothing missing."""
    with pytest.raises(UsageError, match="no branch 'mian' in the hub"):
        yard.ensure("codex", base="mian")
    assert yard.managed() == []


def test_ensure_from_within_a_worktree_makes_no_nested_one(yard: Yard, gitfleet: Gitfleet) -> None:
    """W1: run in a linked worktree, it nested .worktrees in .worktrees."""
    path = yard.make("one")
    answer = gitfleet(path, "worktree", "ensure", "--session", "two", "--print-path").ok()
    assert answer.stdout == f"{yard.top}/.worktrees/two\n"
    with pytest.raises(BadPath):
        yard.ensure("codex", folder=".worktrees/one/inner")


def test_ensure_in_a_dry_run_changes_nothing_and_tells_what_it_would_do(yard: Yard) -> None:
    before = picture(yard.top)
    found = yard.ensure("codex", "one", dry_run=True)
    assert (found.choice.created, found.choice.done) == (True, False)
    assert picture(yard.top) == before
    assert yard.managed() == []
    path = yard.make("one")
    assert yard.ensure("codex", dry_run=True).managed.path == str(path)
    assert yard.ensure("codex").managed.path == str(path)  # the dry run has not taken it


def test_ensure_with_reconcile_brings_the_base_into_one_that_is_reused(yard: Yard) -> None:
    """W10: what was reused was never reconciled."""
    path = yard.make("one")
    newest = yard.advance({"new": "1\n"})
    found = yard.ensure("codex", reconcile=True)
    assert found.outcome is not None
    assert (found.outcome.result, yard.head(path)) == ("fast-forwarded", newest)


def test_ensure_with_reconcile_in_a_dry_run_tells_what_the_base_would_bring(yard: Yard) -> None:
    path = yard.make("one")
    before = yard.head(path)
    yard.advance({"new": "1\n"})
    outcome = yard.ensure("codex", reconcile=True, dry_run=True).outcome
    assert outcome is not None
    assert (outcome.result, yard.head(path)) == ("would-fast-forward", before)


def test_ensure_of_two_agents_with_one_id_does_not_touch_the_first(yard: Yard) -> None:
    path = yard.make("one", agent="codex")
    before = picture(path)
    with pytest.raises(Conflict, match="belongs to the agent codex"):
        yard.ensure("claude", "one")
    assert picture(path) == before


def test_ensure_in_a_clone_that_is_its_own_hub_begins_from_its_trunk(yard: Yard, gitfleet: Gitfleet) -> None:
    alone = yard.fleets.clone("alone")
    answer = gitfleet(alone, "worktree", "ensure", "--session", "one", "--json").ok().json()["data"]
    assert answer["base"] == {"name": "main", "commit": yard.head(alone, "main"), "fresh": True, "error": ""}


def test_ensure_with_a_worktree_of_somebody_elses_in_the_folder_never_reuses_it(yard: Yard, git: Git) -> None:
    git(yard.top, "worktree", "add", "--quiet", "-b", "fleet/codex/theirs", ".worktrees/theirs")
    assert yard.ensure("codex").choice.created


def test_marker_that_was_copied_or_is_broken_makes_nothing_ours(yard: Yard, git: Git) -> None:
    path = yard.make("one")
    git(yard.top, "worktree", "add", "--quiet", "-b", "theirs", "theirs")
    source = Path(git(path, "rev-parse", "--absolute-git-dir"), marker.NAME)
    target = Path(git(yard.top / "theirs", "rev-parse", "--absolute-git-dir"), marker.NAME)
    for content in (
        source.read_bytes(),
        b"",
        b"[]",
        b"{",
        b'{"v":1,"kind":"worktree"}',
        b'{"v":9,"kind":"worktree"}',
    ):
        target.write_bytes(content)
        assert [managed.session for managed in yard.managed()] == ["one"]
        with yard.open() as fleet:
            assert [item.path for item in fleet.worktrees.look().broken] == [str(yard.top / "theirs")]
            with pytest.raises(UsageError):
                fleet.worktrees.select(fleet.worktrees.look(), Selection(paths=["theirs"]))


def test_ensure_from_16_processes_at_once_gives_16_worktrees_all_recorded(
    yard: Yard, gitfleet: Gitfleet, race: Race, git: Git
) -> None:
    """W26: of 8 at once, 7 worktrees were made and 1 was recorded."""
    yard.make("free")
    argv = gitfleet.argv("worktree", "ensure", "--agent", "codex", "--json")
    ran = race([Entrant(argv, yard.top, gitfleet.environment())] * 16)
    given = [one.ok().json()["data"] for one in ran]
    assert len({answer["path"] for answer in given}) == 16
    assert sum(not answer["created"] for answer in given) == 1
    assert {answer["path"] for answer in given} == {managed.path for managed in yard.managed()}
    branches = git(yard.top, "for-each-ref", "--format=%(refname:short)", "refs/heads/fleet").split()
    assert sorted(branches) == sorted(answer["branch"] for answer in given)
    assert all(git(Path(answer["path"]), "status", "--porcelain") == "" for answer in given)


@pytest.mark.parametrize("step", ["noted", "branched", "registered", "half-made", "made"])
def test_ensure_after_a_crash_in_the_middle_goes_on(yard: Yard, git: Git, step: str) -> None:
    """What `kill -9` of gitfleet and of git leaves at each step, and the same session again, and another."""
    base = yard.head(yard.top)
    path, branch = yard.top / ".worktrees/one", "fleet/codex/one"
    note = yard.top / ".git/gitfleet/worktrees/making/one.json"
    note.parent.mkdir(parents=True)
    plan = {
        "path": str(path), "git_dir": "", "id": "one", "agent": "codex", "session": "one", "branch": branch, "base": "main",
        "base_commit": base, "created_at": 1, "folder": str(path.parent),
    }  # fmt: skip
    note.write_bytes(canonical.dump({"plan": plan, "create": True}))
    if step == "branched":
        git(yard.top, "branch", branch)
    elif step in {"registered", "half-made"}:
        how = ("--no-checkout", "--lock", "--reason", "initializing")
        git(yard.top, "worktree", "add", "--quiet", *how, "-b", branch, path)
        if step == "registered":
            (yard.top / ".git/worktrees/one/HEAD").write_text(f"{'0' * 40}\n")
        else:
            (path / "README.md").write_text("# A pro")
    elif step == "made":
        git(yard.top, "worktree", "add", "--quiet", "-b", branch, path)
    assert yard.ensure("codex", "two").choice.created
    found = yard.ensure("codex", "one")
    assert found.managed.path == str(path)
    assert git(path, "status", "--porcelain") == ""
    assert (path / "README.md").read_text() == "# A project\n"
    assert git(path, "symbolic-ref", "--short", "HEAD") == branch
    assert {managed.session for managed in yard.managed()} == {"one", "two"}
    assert os.listdir(note.parent) == []
    with yard.open() as fleet:
        assert all(worktree.locked is None for _, worktree in fleet.worktrees.look().managed)


def test_note_of_a_dead_maker_never_takes_a_branch_that_has_commits_or_is_in_use(
    yard: Yard, git: Git
) -> None:
    folder = yard.top / ".git/gitfleet/worktrees/making"
    folder.mkdir(parents=True)
    for session in ("moved", "used"):
        plan = {
            "path": str(yard.top / ".worktrees" / session), "git_dir": "", "id": session, "agent": "codex", "session": session,
            "branch": f"fleet/codex/{session}", "base": "main", "base_commit": yard.head(yard.top), "created_at": 1,
            "folder": str(yard.top / ".worktrees"), "create": True,
        }  # fmt: skip
        (folder / f"{session}.json").write_bytes(canonical.dump(plan))
        git(yard.top, "worktree", "add", "--quiet", "-b", f"fleet/codex/{session}", yard.top / session)
    git.commit(yard.top / "moved", {"x": "x\n"})
    git(yard.top / "moved", "checkout", "--quiet", "--detach")
    (folder / "broken.json").write_bytes(b"{")
    yard.ensure("codex", "other")
    names = git(yard.top, "for-each-ref", "--format=%(refname:short)", "refs/heads/fleet").split()
    assert set(names) == {"fleet/codex/moved", "fleet/codex/used", "fleet/codex/other"}
    assert os.listdir(folder) == []


def unpushed(yard: Yard, path: Path) -> None:
    yard.git.commit(path, {"mine": "mine\n"})


def pushed(yard: Yard, path: Path) -> None:
    unpushed(yard, path)
    yard.push(path)


def pushed_and_merged_into(yard: Yard, path: Path) -> None:
    pushed(yard, path)
    yard.advance({"theirs": "theirs\n"})
    yard.git(yard.top, "fetch", "--quiet", "origin")
    yard.git(path, "merge", "--quiet", "--no-edit", "origin/main")


def partly_landed(yard: Yard, path: Path) -> None:
    unpushed(yard, path)
    yard.push(path, "HEAD:main")
    yard.git.commit(path, {"more": "more\n"})


def stashed(yard: Yard, path: Path) -> None:
    (path / "README.md").write_text("edited\n")
    yard.git(path, "stash")


@pytest.mark.parametrize("how", [unpushed, pushed, pushed_and_merged_into, partly_landed, stashed])
def test_ensure_hands_out_no_worktree_whose_work_has_not_landed(
    yard: Yard, how: Callable[[Yard, Path], None]
) -> None:
    path = yard.make("one")
    how(yard, path)
    before = yard.head(path)
    found = yard.ensure("codex", reconcile=True)
    assert (found.choice.created, found.managed.path != str(path)) == (True, True)
    assert yard.git(yard.top, "rev-list", "--count", found.managed.branch, "^origin/main") == "0"
    ((where, why),) = found.choice.passed
    assert where == str(path)
    assert (
        "the stash holds work" if how is stashed else "1 commit of its branch fleet/codex/one has not landed"
    ) in why
    assert yard.head(path) == before


@pytest.mark.parametrize("how", ["merge", "squash", "only ours"])
def test_ensure_hands_out_a_worktree_whose_work_has_landed(yard: Yard, git: Git, how: str) -> None:
    path = yard.make("one")
    if how == "merge":
        unpushed(yard, path)
        yard.push(path, "HEAD:main")
    elif how == "squash":
        unpushed(yard, path)
        git.commit(path, {"mine": "mine, again\n"})
        yard.advance({"mine": "mine, again\n"})
    else:
        yard.advance({"x": "x\n"})
        git(yard.top, "fetch", "--quiet", "origin")
        git(path, "merge", "--quiet", "--no-ff", "-m", "ours", "origin/main")
    found = yard.ensure("codex")
    assert (found.managed.path, found.choice.created) == (str(path), False)


def test_ensure_for_the_session_itself_gives_it_its_work_back(yard: Yard) -> None:
    path = yard.make("one")
    unpushed(yard, path)
    assert yard.ensure("codex", "one").managed.path == str(path)


def test_ensure_where_git_makes_the_worktree_and_then_fails_hands_it_out_whole(
    yard: Yard, git: Git, tmp_path: Path
) -> None:
    real, tools = shutil.which("git"), tmp_path / "tools"
    tools.mkdir()
    wrapper = '#!/bin/sh\ncase " $* " in *" worktree add "*) "{0}" "$@"; exit 1 ;; esac\nexec "{0}" "$@"\n'
    (tools / "git").write_text(
        wrapper.format(real)
    )  # as a failing hook has it that git cannot be kept from running
    (tools / "git").chmod(0o755)
    os.environ["PATH"] = f"{tools}:{os.environ['PATH']}"
    found = yard.ensure("codex")
    path = Path(found.managed.path)
    assert marker.read(found.managed.git_dir) == found.managed
    assert yard.head(path) == found.managed.base_commit
    assert git(path, "status", "--porcelain") == ""
    assert "locked" not in git(yard.top, "worktree", "list", "--porcelain")


@needs_plain
@pytest.mark.parametrize("place", [".git/worktrees", ".worktrees"])
def test_ensure_where_a_folder_may_not_be_written_to_names_it_and_leaves_nothing(
    yard: Yard, git: Git, gitfleet: Gitfleet, place: str
) -> None:
    yard.make("other")
    before = git(yard.top, "for-each-ref")
    (yard.top / place).chmod(0o555)
    argv = [*PLAIN, *gitfleet.argv("-C", yard.top, "worktree", "ensure", "--session", "new")]
    ran = run(argv, yard.top, env=gitfleet.environment()).ended(20)
    (yard.top / place).chmod(0o755)
    assert f"{yard.top}/{place} is not writable. Nothing was changed." in ran.stderr
    assert git(yard.top, "for-each-ref") == before
    assert [managed.session for managed in yard.managed()] == ["other"]
    gitfleet(yard.top, "worktree", "ensure", "--session", "new").ok()
