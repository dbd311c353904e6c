"""`worktree reconcile`: the base comes in where it can, everything else is left as it is, and each says why."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.errors import UsageError
from gitfleet.sessions.service import Start
from gitfleet.worktrees import marker, notes
from gitfleet.worktrees.notes import TreeNotes
from gitfleet.worktrees.service import Selection
from tests.workbench import UNSEEN, Entrant, Git, Gitfleet, Race
from tests.worktrees.yard import Yard, index_of, picture

AtWork = Callable[[Path], "subprocess.Popen[bytes]"]
CONFLICTING = {"README.md": "# From others\n", "docs/readme.md": "Others.\n"}


def diverge(git: Git, path: Path, name: str = "mine.txt") -> str:
    return git.commit(path, {name: "mine\n"}, "mine")


def parents(git: Git, path: Path) -> list[str]:
    return git(path, "rev-list", "--parents", "-n1", "HEAD").split()[1:]


@pytest.mark.parametrize(
    ("strategy", "behind", "diverged"),
    [
        ("merge", "fast-forwarded", "merged"),
        ("rebase", "fast-forwarded", "rebased"),
        ("ff-only", "fast-forwarded", "diverged"),
        ("none", "behind", "behind"),
    ],
)
@pytest.mark.always
def test_reconcile_with_each_strategy_brings_in_what_it_can(
    yard: Yard, git: Git, strategy: str, behind: str, diverged: str
) -> None:
    one, two, three = yard.make("one"), yard.make("two"), yard.make("three")
    mine = diverge(git, two)
    base = yard.advance({"new.txt": "new\n"})
    git(yard.top, "fetch", "--quiet", "origin")
    git(three, "merge", "--quiet", "origin/main")
    diverge(git, three)
    found = {outcome.session: outcome.result for outcome in yard.reconcile(strategy=strategy).outcomes}
    assert found == {"one": behind, "two": diverged, "three": "up-to-date"}
    assert (yard.head(one) == base) is (behind == "fast-forwarded")
    expected = {"merged": [mine, base], "rebased": [base]}.get(diverged)
    if expected:
        assert parents(git, two) == expected
        assert (two / "new.txt").read_text() == "new\n"
        assert (two / "mine.txt").read_text() == "mine\n"
    else:
        assert yard.head(two) == mine
    for path in (one, two, three):
        assert git(path, "status", "--porcelain") == ""


def test_reconcile_twice_brings_in_what_came_since(yard: Yard, git: Git) -> None:
    """W9: what was integrated once was then left alone for a day."""
    path = yard.make("one")
    diverge(git, path)
    for turn in ("first", "second"):
        base = yard.advance({f"{turn}.txt": turn})
        assert yard.outcome("one").result == "merged"
        assert parents(git, path)[1] == base
        assert yard.outcome("one").result == "up-to-date"


def test_reconcile_with_dirty_files_that_the_merge_does_not_touch_goes_on(yard: Yard, git: Git) -> None:
    path = yard.make("one")
    diverge(git, path)
    base = yard.advance({"src/api/b.py": "B = 3\n"})
    (path / "README.md").write_text("edited\n")
    (path / "untracked").write_text("x\n")
    assert yard.outcome("one").result == "merged"
    assert parents(git, path)[1] == base
    assert git(path, "status", "--porcelain").splitlines() == [" M README.md", "?? untracked"]
    assert git(path, "stash", "list") == ""


@pytest.mark.sample(4)
@pytest.mark.parametrize("case", ["edited", "staged", "deleted", "untracked", "ignored", "folder"])
@pytest.mark.parametrize("ahead", [False, True])
def test_reconcile_where_something_would_be_overwritten_leaves_it_to_the_byte(
    yard: Yard, git: Git, case: str, ahead: bool
) -> None:
    path = yard.make("one")
    if ahead:
        diverge(git, path)
    yard.advance({"src/api/b.py": "B = 3\n", "new": "from others\n", "ignored.log": "from others\n"})
    if case in {"edited", "staged"}:
        (path / "src/api/b.py").write_text("mine\n")
    if case == "staged":
        git(path, "add", "--all")
    if case == "deleted":
        (path / "src/api/b.py").unlink()
    if case == "untracked":
        (path / "new").write_text("mine\n")
    if case == "ignored":
        exclude = yard.top / ".git/info/exclude"
        exclude.write_text(exclude.read_text() + "*.log\n")
        (path / "ignored.log").write_text("precious\n")
    if case == "folder":
        (path / "new").mkdir()
        (path / "new/mine").write_text("mine\n")
    before = picture(path), index_of(git, path), yard.head(path)
    for dry_run in (True, False):
        outcome = yard.outcome("one", dry_run=dry_run)
        assert (outcome.result, outcome.facts["kind"]) == (
            "skipped",
            "untracked" if case in {"untracked", "ignored", "folder"} else "dirty",
        )
        assert (picture(path), index_of(git, path), yard.head(path)) == before
    assert not (yard.top / ".git/refs/stash").exists()


@pytest.mark.parametrize("strategy", ["merge", "rebase"])
def test_reconcile_with_conflicts_lists_them_and_leaves_everything_to_the_byte(
    yard: Yard, git: Git, strategy: str
) -> None:
    """W31: conflicts were reported without a file."""
    path = yard.make("one")
    git.commit(path, {"README.md": "# Mine\n", "docs/readme.md": "Mine.\n", "other": "x\n"})
    (path / "untracked").write_text("x\n")
    yard.advance(CONFLICTING)
    before = picture(path), index_of(git, path), yard.head(path), git(path, "status", "--porcelain")
    found = yard.reconcile(strategy=strategy)
    (outcome,) = found.outcomes
    assert (outcome.result, outcome.facts["conflicts"]) == ("conflict", ["README.md", "docs/readme.md"])
    assert found.failed
    assert (picture(path), index_of(git, path), yard.head(path), git(path, "status", "--porcelain")) == before
    assert git(path, "symbolic-ref", "--short", "HEAD") == "fleet/codex/one"


def test_reconcile_with_conflicts_in_names_that_are_odd_lists_them_whole(yard: Yard, git: Git) -> None:
    name = "né w\tline.txt"
    yard.advance({name: "0\n"})
    path = yard.make("one")
    git.commit(path, {name: "1\n"})
    yard.advance({name: "2\n"})
    assert yard.outcome("one").facts["conflicts"] == [name]


def test_reconcile_of_what_it_must_leave_alone_says_why(yard: Yard, git: Git, at_work: AtWork) -> None:
    names = ("busy", "detached", "locked", "switched", "gone", "bisecting", "merging", "rebasing", "fine")
    paths = {name: yard.make(name) for name in names}
    for name in ("merging", "rebasing"):
        git.commit(paths[name], {"README.md": "# Mine\n"})
    yard.advance(CONFLICTING)
    at_work(paths["busy"])
    git(paths["detached"], "checkout", "--quiet", "--detach")
    git(yard.top, "worktree", "lock", paths["locked"])
    git(paths["switched"], "checkout", "--quiet", "-b", "mine")
    paths["gone"].rename(yard.top / "moved")
    git(paths["bisecting"], "bisect", "start")
    git(yard.top, "fetch", "--quiet", "origin")
    for name, command in (("merging", "merge"), ("rebasing", "rebase")):
        assert git.ask(paths[name], command, "origin/main").returncode != 0
    before = {name: picture(path) for name, path in paths.items()}
    found = {outcome.session: outcome for outcome in yard.reconcile().outcomes}
    assert {name: (item.result, item.facts["kind"]) for name, item in found.items()} == {
        "busy": ("skipped", "in-use"),
        "detached": ("skipped", "detached"),
        "locked": ("skipped", "locked"),
        "switched": ("skipped", "switched"),
        "gone": ("skipped", "missing"),
        "bisecting": ("skipped", "in-progress"),
        "merging": ("skipped", "in-progress"),
        "rebasing": ("skipped", "in-progress"),
        "fine": ("fast-forwarded", "behind"),
    }
    assert "bisect" in found["bisecting"].reason
    assert "rebase" in found["rebasing"].reason
    assert all(picture(paths[name]) == before[name] for name in names if name != "fine")


def test_reconcile_of_an_active_one_happens_only_when_asked_for(yard: Yard, at_work: AtWork) -> None:
    path = yard.make("one")
    process = at_work(path)
    base = yard.advance({"new": "x\n"})
    outcome = yard.outcome("one")
    assert (outcome.result, outcome.facts["kind"]) == ("skipped", "in-use")
    assert f"process {process.pid} (sleep)" in outcome.reason
    assert yard.outcome("one", include_active=True).result == "fast-forwarded"
    assert yard.head(path) == base


def test_reconcile_skips_one_that_was_just_handed_to_another_process(yard: Yard, at_work: AtWork) -> None:
    handed = yard.ensure("codex", "one").choice.managed
    base = yard.advance({"new": "x\n"})
    TreeNotes(handed.git_dir).reserve(at_work(yard.fleets.root).pid)
    assert yard.outcome("one").facts["kind"] == "in-use"
    TreeNotes(handed.git_dir).reserve(os.getppid())
    assert yard.outcome("one").result == "fast-forwarded"
    assert yard.head(Path(handed.path)) == base


def test_reconcile_without_the_hub_calls_nothing_up_to_date(yard: Yard, git: Git) -> None:
    """W45: it integrated what was old, and said up to date."""
    yard.make("same")
    path = yard.make("behind")
    base = yard.advance({"new": "x\n"})
    yard.make("newest")  # so that the base has been seen
    yard.fleets.hub.rename(yard.fleets.root / "away.git")
    found = yard.reconcile()
    assert found.failed
    assert {item.session: item.result for item in found.outcomes} == {
        "same": "fast-forwarded",
        "behind": "fast-forwarded",
        "newest": "unknown",
    }
    assert yard.head(path) == base
    assert all(not base.fresh and base.error for base in found.bases)
    assert all("could not be fetched" in item.reason for item in found.outcomes)


def test_reconcile_with_a_base_that_is_gone_fails_for_those_that_follow_it_only(yard: Yard, git: Git) -> None:
    yard.advance({"n": "n\n"}, branch="next")
    yard.make("one", base="next")
    yard.make("two")
    git(yard.fleets.hub, "branch", "-D", "next")
    yard.advance({"new": "x\n"})
    results = {item.session: (item.result, item.facts["kind"]) for item in yard.reconcile().outcomes}
    assert results == {"one": ("failed", "no-base"), "two": ("fast-forwarded", "behind")}


def test_reconcile_onto_a_base_that_is_named_takes_that_one(yard: Yard) -> None:
    path = yard.make("one")
    commit = yard.advance({"n": "n\n"}, branch="next")
    assert yard.reconcile(base="next").outcomes[0].result == "fast-forwarded"
    assert yard.head(path) == commit


def test_reconcile_where_one_fails_goes_on_with_the_others_and_ends_with_21(
    yard: Yard, git: Git, gitfleet: Gitfleet
) -> None:
    paths = {name: yard.make(name) for name in ("broken", "conflicting", "good")}
    git.commit(paths["conflicting"], {"README.md": "# Mine\n"})
    base = yard.advance(CONFLICTING)
    Path(git(paths["broken"], "rev-parse", "--absolute-git-dir"), "index").write_bytes(b"no index")
    ran = gitfleet(yard.top, "worktree", "reconcile", "--all", "--json").ended(21)
    answer = ran.json()
    assert answer["status"] == "partial"
    assert answer["data"]["summary"] == {"failed": 1, "conflict": 1, "fast-forwarded": 1}
    assert yard.head(paths["good"]) == base


def test_reconcile_in_a_dry_run_tells_what_the_real_run_then_does(yard: Yard, git: Git) -> None:
    paths = {name: yard.make(name) for name in ("behind", "diverged", "conflicting", "same")}
    diverge(git, paths["diverged"])
    git.commit(paths["conflicting"], {"README.md": "# Mine\n"})
    git(paths["same"], "checkout", "--quiet", "--detach")
    yard.advance(CONFLICTING)
    before = {name: (picture(path), index_of(git, path), yard.head(path)) for name, path in paths.items()}
    told = {item.session: item.result for item in yard.reconcile(dry_run=True).outcomes}
    after = {name: (picture(path), index_of(git, path), yard.head(path)) for name, path in paths.items()}
    assert after == before
    assert told == {
        "behind": "would-fast-forward",
        "diverged": "would-merge",
        "conflicting": "conflict",
        "same": "skipped",
    }
    done = {item.session: item.result for item in yard.reconcile().outcomes}
    assert done == {**told, "behind": "fast-forwarded", "diverged": "merged"}


def test_reconcile_of_one_by_path_session_or_place_leaves_others(yard: Yard, gitfleet: Gitfleet) -> None:
    paths = {name: yard.make(name) for name in ("one", "two", "three", "four")}
    base = yard.advance({"new": "x\n"})
    gitfleet(yard.top, "worktree", "reconcile", "--path", paths["one"] / "src").ok()
    gitfleet(yard.top, "worktree", "reconcile", "--session", "two").ok()
    gitfleet(paths["three"] / "src", "worktree", "reconcile").ok()
    assert {name: yard.head(path) == base for name, path in paths.items()} == {
        "one": True,
        "two": True,
        "three": True,
        "four": False,
    }


@pytest.mark.parametrize(
    "what", [["--path", "."], ["--path", "../bob"], ["--session", "nobody"], ["--session", "../x"], []]
)
def test_reconcile_of_what_is_no_managed_worktree_is_refused(
    yard: Yard, gitfleet: Gitfleet, what: list[str]
) -> None:
    yard.make("one")
    yard.advance({"new": "x\n"})
    before = picture(yard.top), yard.head(yard.top)
    gitfleet(yard.top, "worktree", "reconcile", *what).ended(2)
    assert (picture(yard.top), yard.head(yard.top)) == before


def test_reconcile_where_a_lower_process_works_is_no_obstacle_to_an_agent_in_its_own(
    yard: Yard, gitfleet: Gitfleet, tmp_path: Path
) -> None:
    """The agent that calls, and the shells between, are at work there: that is why they ask."""
    path = yard.make("one")
    yard.advance({"new": "x\n"})
    script = tmp_path / "agent"
    script.write_text('#!/bin/sh\ncd "$1" && shift && "$@"\n')
    script.chmod(0o755)
    argv = [str(script), str(path), *gitfleet.argv("worktree", "reconcile", "--json")]
    done = subprocess.run(
        argv, env={**os.environ, **gitfleet.environment()}, capture_output=True, text=True, check=True
    )
    assert '"fast-forwarded"' in done.stdout


def test_reconcile_merges_with_the_hooks_of_the_repository_and_our_gate_lets_it_pass(
    yard: Yard, git: Git, gitfleet: Gitfleet
) -> None:
    git(
        yard.top, "remote", "set-url", "origin", yard.fleets.hub
    )  # git reads relative ones from where it runs
    gitfleet(yard.top, "init").ok()
    log = yard.fleets.root / "hooks.log"
    for name in ("commit-msg", "post-merge", "pre-merge-commit"):
        hook = yard.top / ".git/hooks" / name
        hook.write_text(f'#!/bin/sh\necho {name} "$PWD" "${{GITFLEET_SESSION-none}}" >>{log}\n')
        hook.chmod(0o755)
    path = yard.make("one")
    git(path, *UNSEEN, "commit", "--quiet", "--allow-empty", "-m", "mine")
    base = yard.advance({"new": "x\n"})
    ran = gitfleet(yard.top, "worktree", "reconcile", "--all", env={"GITFLEET_SESSION": "ada-1"}).ok()
    assert ran.stdout.startswith("merged: one")
    assert parents(git, path)[1] == base
    said = log.read_text().splitlines()
    assert said == [f"{name} {path} none" for name in ("pre-merge-commit", "commit-msg", "post-merge")]
    git(
        path, "push", "--quiet", "origin", "HEAD:refs/heads/try"
    )  # our gate for pushes finds nothing unclaimed in it


def test_reconcile_of_a_branch_whose_session_has_ended_goes_by_what_the_branch_retains(
    yard: Yard, git: Git, gitfleet: Gitfleet
) -> None:
    git(yard.top, "remote", "set-url", "origin", yard.fleets.hub)
    gitfleet(yard.top, "init").ok()
    lines = [f"{number}\n" for number in range(20)]
    yard.advance({"retained": "".join(lines), "free": "".join(lines)})
    path = yard.make("one")
    gitfleet(path, "session", "start", "--id", "one").ok()
    gitfleet(path, "claim", "retained", "free").ok()
    for name in ("retained", "free"):
        (path / name).write_text("".join(["ours\n", *lines[1:]]))
    git(path, "commit", "--quiet", "--all", "--message", "ours")
    gitfleet(path, "session", "end", "one").ok()
    base = yard.advance({"retained": "".join([*lines[:-1], "theirs\n"])})
    ran = gitfleet(yard.top, "worktree", "reconcile", "--all").ok()
    assert ran.stdout.startswith("merged: one")
    assert "Fleet-Session: one" in git(path, "log", "-1", "--format=%B")
    gitfleet(path, "check", "--range", f"{base}..HEAD").ok()
    yard.advance({"free": "".join([*lines[:-1], "theirs\n"])})
    git(path, "fetch", "--quiet", "origin")
    merged = git.ask(path, "merge", "--quiet", "--no-edit", "origin/main")
    assert (merged.returncode, "retained by branch" in merged.stderr) == (1, True), (
        "only upkeep is the branch's"
    )


def test_reconcile_where_a_hook_says_no_takes_the_merge_back(yard: Yard, git: Git) -> None:
    path = yard.make("one")
    diverge(git, path)
    yard.advance({"new": "x\n"})
    hook = yard.top / ".git/hooks/commit-msg"
    hook.write_text("#!/bin/sh\necho not like this >&2\nexit 1\n")
    hook.chmod(0o755)
    (path / "README.md").write_text("edited\n")
    before = picture(path), index_of(git, path), yard.head(path)
    outcome = yard.outcome("one")
    assert (outcome.result, outcome.facts["kind"]) == ("failed", "refused")
    assert "not like this" in outcome.reason
    assert (picture(path), index_of(git, path), yard.head(path)) == before


def test_reconcile_while_git_is_at_work_there_fails_and_changes_nothing(yard: Yard, git: Git) -> None:
    path = yard.make("one")
    yard.advance({"new": "x\n"})
    lock = Path(git(path, "rev-parse", "--absolute-git-dir"), "index.lock")
    lock.touch()
    before = picture(path), yard.head(path)
    assert yard.outcome("one").result == "failed"
    assert (picture(path), yard.head(path)) == before
    lock.unlink()
    assert yard.outcome("one").result == "fast-forwarded"


def test_reconcile_with_submodules_merges_and_tells_which_have_moved(
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
    diverge(git, path)
    git.commit(bob / "sub", {"new": "x\n"})
    git(bob, "commit", "--quiet", "--all", "-m", "moved")
    git(bob, "push", "--quiet", "origin", "HEAD:main")
    (path / "sub/README.md").write_text("edited\n")
    outcome = yard.outcome("one")
    assert (outcome.result, outcome.facts["kind"]) == ("skipped", "dirty")
    git(path / "sub", "checkout", "--quiet", "README.md")
    before = yard.head(path / "sub")
    outcome = yard.outcome("one")
    assert (outcome.result, outcome.facts["submodules"]) == ("merged", ["sub"])
    assert "git submodule update" in outcome.reason
    assert yard.head(path / "sub") == before


def test_reconcile_of_a_rebase_with_changes_or_conflicts_leaves_the_branch(yard: Yard, git: Git) -> None:
    path = yard.make("one")
    diverge(git, path)
    yard.advance({"new": "x\n"})
    (path / "README.md").write_text("edited\n")
    outcome = yard.outcome("one", strategy="rebase")
    assert (outcome.result, outcome.facts["kind"]) == ("skipped", "dirty")
    assert git(path, "status", "--porcelain") == " M README.md"


def test_reconcile_leaves_its_mark_in_the_reflog_and_the_span_of_its_change(yard: Yard, git: Git) -> None:
    path = yard.make("one")
    yard.advance({"new": "x\n"})
    yard.reconcile()
    git_dir = git(path, "rev-parse", "--absolute-git-dir")
    assert git(path, "reflog", "-1", "--format=%gs").startswith(notes.ACTION)
    assert TreeNotes(git_dir).ours((path / "new").stat().st_mtime_ns)
    assert marker.read(git_dir) == yard.managed()[0]


def test_reconcile_from_several_processes_at_once_is_done_once(
    yard: Yard, gitfleet: Gitfleet, race: Race, git: Git
) -> None:
    paths = [yard.make(name) for name in ("one", "two", "three")]
    for path in paths:
        diverge(git, path)
    base = yard.advance({"new": "x\n"})
    argv = gitfleet.argv("worktree", "reconcile", "--all", "--json")
    ran = race([Entrant(argv, yard.top, gitfleet.environment())] * 4)
    results = [item["result"] for one in ran for item in one.ok().json()["data"]["outcomes"]]
    assert results.count("merged") == 3
    assert set(results) <= {
        "merged",
        "up-to-date",
        "skipped",
    }  # skipped: the git of another one is at work there
    assert all(parents(git, path)[1] == base for path in paths)


def test_reconcile_of_a_session_that_lives_is_skipped_by_its_registration(
    yard: Yard, at_work: AtWork, tmp_path: Path
) -> None:
    path = yard.make("one")
    agent = at_work(tmp_path)
    with yard.fleets.open(f"ada/.worktrees/{path.name}") as fleet:
        fleet.sessions.start(Start(id="one", agent="codex", pid=agent.pid))
    yard.advance({"new": "x\n"})
    assert yard.outcome("one").facts["kind"] == "in-use"
    agent.kill()
    agent.wait()
    assert yard.outcome("one").result == "fast-forwarded"


def test_reconcile_of_nothing_that_was_asked_for_is_an_error(yard: Yard) -> None:
    with pytest.raises(UsageError):
        yard.reconcile(Selection())
    assert yard.reconcile().outcomes == []


def test_reconcile_with_a_git_that_cannot_merge_in_memory_takes_conflicts_back_to_the_byte(
    yard: Yard, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = subprocess.run(
        ["sh", "-c", "command -v git"], capture_output=True, text=True, check=True
    ).stdout.strip()
    old = tmp_path / "bin/git"
    old.parent.mkdir()
    old.write_text(f'#!/bin/sh\nfor a; do [ "$a" = merge-tree ] && exit 129; done\nexec {real} "$@"\n')
    old.chmod(0o755)
    paths = {name: yard.make(name) for name in ("conflicting", "ignored", "fine")}
    git.commit(paths["conflicting"], {"README.md": "# Mine\n"})
    for name in ("ignored", "fine"):
        diverge(git, paths[name])
    exclude = yard.top / ".git/info/exclude"
    exclude.write_text(exclude.read_text() + "*.log\n")
    (paths["ignored"] / "x.log").write_text("precious")
    (paths["conflicting"] / "src/api/a.py").write_text("edited\n")
    yard.advance({**CONFLICTING, "x.log": "from others\n"})
    before = {name: (picture(path), index_of(git, path), yard.head(path)) for name, path in paths.items()}
    monkeypatch.setenv("PATH", f"{old.parent}:{os.environ['PATH']}")
    found = {item.session: item for item in yard.reconcile().outcomes}
    assert {name: item.result for name, item in found.items()} == {
        "conflicting": "conflict",
        "ignored": "skipped",
        "fine": "merged",
    }
    assert found["conflicting"].facts["conflicts"] == ["README.md"]
    for name in ("conflicting", "ignored"):
        assert (picture(paths[name]), index_of(git, paths[name]), yard.head(paths[name])) == before[name]
    assert git(paths["conflicting"], "status", "--porcelain") == " M src/api/a.py"


def test_reconcile_with_staged_changes_forwards_past_them_and_merges_not(yard: Yard, git: Git) -> None:
    behind, diverged = yard.make("behind"), yard.make("diverged")
    diverge(git, diverged)
    base = yard.advance({"src/api/b.py": "B = 3\n"})
    for path in (behind, diverged):
        (path / "README.md").write_text("staged\n")
        git(path, "add", "--all")
    found = {item.session: (item.result, item.facts["kind"]) for item in yard.reconcile().outcomes}
    assert found == {"behind": ("fast-forwarded", "behind"), "diverged": ("skipped", "dirty")}
    assert yard.head(behind) == base
    for path in (behind, diverged):
        assert git(path, "status", "--porcelain") == "M  README.md"


# What is finished is left as it is.


@pytest.mark.sample(3)
@pytest.mark.parametrize("strategy", ["merge", "rebase"])
@pytest.mark.parametrize("how", ["own name", "another name", "not seen here", "with our merge on top"])
def test_reconcile_of_all_leaves_a_branch_alone_that_is_pushed_where_nobody_is_at_work(
    yard: Yard, git: Git, how: str, strategy: str
) -> None:
    path = yard.make("one")
    diverge(git, path)
    if how == "with our merge on top":
        yard.advance({"before.txt": "x\n"})
        yard.push(path)
        yard.reconcile(Selection(paths=[str(path)]))
    elif how == "not seen here":
        git(path, "push", "--quiet", str(yard.fleets.hub), "HEAD:refs/heads/review/x")
    else:
        yard.push(path, "HEAD" if how == "own name" else "HEAD:refs/heads/review/x")
    before = yard.head(path)
    yard.advance({"new.txt": "new\n"})
    outcome = yard.outcome("one", strategy=strategy)
    assert (outcome.result, outcome.facts["kind"]) == ("skipped", "finished")
    assert yard.head(path) == before
    (asked,) = yard.reconcile(Selection(paths=[str(path)])).outcomes
    assert asked.result == "merged"


def test_reconcile_of_all_goes_on_with_a_branch_of_which_something_is_not_pushed(
    yard: Yard, git: Git
) -> None:
    path = yard.make("one")
    diverge(git, path)
    yard.push(path)
    diverge(git, path, "more.txt")
    yard.advance({"new.txt": "new\n"})
    assert yard.outcome("one").result == "merged"
