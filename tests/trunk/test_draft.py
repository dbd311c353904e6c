"""The gitfleet.yaml of the clone that begins a fleet: in nobody's way, and nobody's work is lost with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workbench import Git, Gitfleet

Clone = Callable[[str], Path]
RULES = "version: 1\n"
PULLS = [
    ("pull", "--quiet"),
    ("pull", "--quiet", "--rebase"),
    ("pull", "--quiet", "--no-rebase", "--no-ff"),
    ("pull", "--quiet", "--ff-only", "origin", "main"),
]
UNGATED = ("-c", "core.hooksPath=/dev/null")


@pytest.fixture
def ada(clone: Clone, gitfleet: Gitfleet) -> Path:
    """The clone that begins the fleet."""
    path = clone("ada")
    gitfleet(path, "init").ok()
    return path


@pytest.fixture
def ben(ada: Path, clone: Clone, gitfleet: Gitfleet) -> Path:
    """One that joins."""
    path = clone("ben")
    gitfleet(path, "init").ok()
    return path


def land(path: Path, git: Git, text: str = RULES, branch: str = "main") -> None:
    """Have the hub's branch get a gitfleet.yaml, as from a clone without gitfleet."""
    (path / "gitfleet.yaml").write_text(text)
    git(path, "add", "gitfleet.yaml")
    git(path, *UNGATED, "commit", "--quiet", "-m", "rules")
    git(path, *UNGATED, "push", "--quiet", "origin", f"HEAD:{branch}")


def test_init_after_rules_have_landed_knows_them_in_a_clone_that_has_not_pulled(
    ada: Path, clone: Clone, git: Git, gitfleet: Gitfleet
) -> None:
    ben = clone("ben")
    land(ada, git, "version: 1\ncommits: off\n")
    said = gitfleet(ben, "init").ok()
    assert "gitfleet.yaml: its rules hold as they stand on 'main'" in said.stdout
    assert "once it has landed" not in gitfleet(ada, "init").ok().stdout
    git.commit(ben, {"unclaimed.txt": "1\n"})


def test_init_of_who_begins_the_fleet_alone_writes_the_draft_and_says_what_is_next(
    clone: Clone, git: Git, gitfleet: Gitfleet
) -> None:
    first, second = clone("ada"), clone("ben")
    said = gitfleet(first, "init").ok().stdout
    for words in ("gitfleet.yaml: written, and claimed for you", "next: `gitfleet claim PATH`", "`git push`"):
        assert words in said
    assert "gitfleet.yaml: none yet" in gitfleet(second, "init").ok().stdout
    assert gitfleet(second, "init", "--json").ok().json()["data"]["config"] == "none"
    assert git(second, "status", "--short") == ""
    (first / "gitfleet.yaml").unlink()
    gitfleet(first, "init").ok()
    assert git(first, "status", "--short") == ""


def test_init_where_the_hub_has_one_that_the_clone_has_not_fetched_leaves_none(
    clone: Clone, git: Git, gitfleet: Gitfleet
) -> None:
    first, second = clone("ada"), clone("ben")
    land(second, git)
    gitfleet(first, "init").ok()
    assert git(first, "status", "--short") == ""
    git(first, "pull", "--quiet")
    assert (first / "gitfleet.yaml").read_text() == RULES


@pytest.mark.sample(2)
@pytest.mark.parametrize("agent", [False, True])
@pytest.mark.parametrize("folder", ["", "src"])
def test_first_commit_of_everything_after_init_passes(
    clone: Clone, git: Git, gitfleet: Gitfleet, folder: str, *, agent: bool
) -> None:
    path = clone("ada")
    env = {"GITFLEET_SESSION": "codex-1" if agent else None}
    gitfleet(path / folder, "init", env=env).ok()
    if agent:
        pid = str(os.getpid())
        gitfleet(path, "session", "start", "--id", "codex-1", "--agent", "codex", "--pid", pid, env=env).ok()
    gitfleet(path, "claim", "src/api/a.py", env=env).ok()
    (path / "src/api/a.py").write_text("A = 2\n")
    git(path, "add", "--all", env=env)
    git(path, "commit", "--quiet", "-m", "first", env=env)
    git(path, "push", "--quiet", "origin", "main", env=env)
    assert "gitfleet.yaml" in git(path, "show", "--name-only", "--format=", "HEAD").splitlines()
    gitfleet(path, "check", "--range", "HEAD~1..HEAD", env=env).ok()


@pytest.mark.parametrize("after", ["", "codex-2"])
def test_commit_of_everything_after_an_agents_session_has_ended_passes(
    ada: Path, git: Git, gitfleet: Gitfleet, after: str
) -> None:
    for agent in filter(None, ("codex-1", after)):
        pid = str(os.getpid())
        gitfleet(ada, "session", "start", "--id", agent, "--agent", "codex", "--pid", pid).ok()
        if agent != after:
            said = gitfleet(ada, "session", "end", agent).ok().stdout
            assert "gitfleet.yaml is claimed for session ada-" in said
    git(ada, "add", "--all")
    git(ada, "commit", "--quiet", "-m", "first")
    assert git(ada, "status", "--short") == ""


def test_draft_that_a_session_left_goes_to_the_agent_that_is_still_at_work_there(
    ada: Path, gitfleet: Gitfleet
) -> None:
    for agent in ("codex-1", "codex-2"):
        pid = str(os.getpid())
        gitfleet(ada, "session", "start", "--id", agent, "--agent", "codex", "--pid", pid).ok()
    assert (
        "gitfleet.yaml is claimed for session codex-2 now"
        in gitfleet(ada, "session", "end", "codex-1").ok().stdout
    )
    (row,) = gitfleet(ada, "claims", "--json").ok().json()["data"]["claims"]
    assert (row["pattern"], row["session"]) == ("gitfleet.yaml", "codex-2")


def test_session_in_another_worktree_leaves_the_draft_with_its_person(
    ada: Path, git: Git, gitfleet: Gitfleet
) -> None:
    git(ada, "worktree", "add", "--quiet", "../other")
    gitfleet(ada.parent / "other", "session", "start", "--id", "codex-1", "--pid", str(os.getpid())).ok()
    (row,) = gitfleet(ada, "claims", "--json").ok().json()["data"]["claims"]
    assert row["pattern"] == "gitfleet.yaml"
    assert row["session"].startswith("ada-")


@pytest.mark.sample(2)
@pytest.mark.parametrize("pull", PULLS)
def test_pull_of_one_that_another_landed_takes_the_place_of_the_draft(
    ada: Path, ben: Path, git: Git, gitfleet: Gitfleet, pull: tuple[str, ...]
) -> None:
    land(ben, git)
    git(ada, *pull)
    assert (ada / "gitfleet.yaml").read_text() == RULES
    assert git(ada, "status", "--short") == ""
    gitfleet(ada, "sync").ok()
    assert not (ada / ".git/hooks/reference-transaction").exists()
    gitfleet(ada, "doctor").ok()


def test_checkout_of_a_fetched_branch_that_has_one_works(ada: Path, ben: Path, git: Git) -> None:
    land(ben, git, branch="side")
    git(ada, "fetch", "--quiet")
    git(ada, "checkout", "--quiet", "side")
    assert (ada / "gitfleet.yaml").read_text() == RULES


def test_sync_after_one_has_landed_takes_the_draft_away(
    ada: Path, ben: Path, git: Git, gitfleet: Gitfleet
) -> None:
    land(ben, git)
    (ada / ".git/hooks/reference-transaction").unlink()
    gitfleet(ada, "sync").ok()
    assert not (ada / "gitfleet.yaml").exists()
    git(ada, "pull", "--quiet")


def test_pull_in_a_clone_that_was_moved_takes_the_place_of_the_draft(ada: Path, ben: Path, git: Git) -> None:
    land(ben, git)
    moved = ada.rename(ada.parent / "moved")
    git(moved, "pull", "--quiet")
    assert (moved / "gitfleet.yaml").read_text() == RULES


def test_draft_that_was_changed_or_added_stays(ada: Path, ben: Path, git: Git, gitfleet: Gitfleet) -> None:
    mine = (ada / "gitfleet.yaml").read_text() + "# mine\n"
    (ada / "gitfleet.yaml").write_text(mine)
    land(ben, git)
    assert git.ask(ada, "pull", "--quiet").returncode
    gitfleet(ada, "sync").ok()
    assert (ada / "gitfleet.yaml").read_text() == mine


def test_draft_that_was_added_unchanged_stays_in_the_index(
    ada: Path, ben: Path, git: Git, gitfleet: Gitfleet
) -> None:
    git(ada, "add", "gitfleet.yaml")
    land(ben, git)
    git(ada, "fetch", "--quiet")
    gitfleet(ada, "sync").ok()
    assert git(ada, "status", "--short") == "A  gitfleet.yaml"


def test_fetch_that_brings_none_and_a_gate_whose_python_is_gone_leave_the_draft(
    ada: Path, ben: Path, git: Git
) -> None:
    git(ben, *UNGATED, "push", "--quiet", "origin", "HEAD:refs/heads/side")
    git(ada, "fetch", "--quiet")
    assert (ada / "gitfleet.yaml").exists()
    (ada / ".git/gitfleet/launcher").write_text("/no/python\n/no/gate\n")
    land(ben, git)
    git(ada, "fetch", "--quiet")
    assert (ada / "gitfleet.yaml").exists()


def test_own_commit_of_the_draft_ends_it(ada: Path, git: Git, gitfleet: Gitfleet) -> None:
    git(ada, "add", "gitfleet.yaml")
    git(ada, "commit", "--quiet", "-m", "rules")
    git(ada, "push", "--quiet")
    gitfleet(ada, "sync").ok()
    assert (ada / "gitfleet.yaml").exists()
    assert not (ada / ".git/gitfleet/made.json").exists()


@pytest.mark.parametrize("gone", ["all", "link"])
def test_uninstall_after_the_worktree_of_the_draft_is_gone_leaves_the_fleet(
    gone: str, clone: Clone, git: Git, gitfleet: Gitfleet, tmp_path: Path
) -> None:
    path, beside = clone("ada"), tmp_path / "beside"
    git(path, "worktree", "add", "--quiet", str(beside))
    gitfleet(beside, "init").ok()
    if gone == "all":
        shutil.rmtree(beside)
    else:
        (beside / ".git").unlink()
    gitfleet(path, "uninstall").ok()
    assert not (path / ".git/gitfleet").exists()
    assert (beside / "gitfleet.yaml").exists() is (
        gone == "link"
    )  # git does not say whether it is known there
