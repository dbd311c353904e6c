"""What cannot be written here is found out before the fleet is told anything; or what has happened is said."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from gitfleet.base import files
from gitfleet.errors import LocalStorage
from tests.fleetbench import Fleets
from tests.places import needs_mount
from tests.workbench import Git, Gitfleet, Ran, run

_LOCKED = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'


def locked(gitfleet: Gitfleet, folder: Path, directory: Path, *args: str) -> Ran:
    """The command, while nothing may be written in `folder`."""
    argv: list[str | Path] = ["unshare", "-m", "sh", "-c", _LOCKED, folder, *gitfleet.argv(*args)]
    return run(argv, directory, env=gitfleet.environment())


@pytest.fixture
def tree(fleets: Fleets, git: Git, gitfleet: Gitfleet) -> Path:
    """A worktree of ada, which has its hooks."""
    gitfleet(fleets.clone("ada"), "sync").ok()
    path = fleets.root / "tree"
    git(fleets.clone("ada"), "worktree", "add", "--quiet", "-b", "feat", path)
    return path


def git_dir(git: Git, tree: Path) -> Path:
    return Path(git(tree, "rev-parse", "--absolute-git-dir"))


def started(gitfleet: Gitfleet, tree: Path, *more: str) -> Sequence[str]:
    return ("session", "start", "--agent", "codex", "--pid", str(os.getpid()), "--id", *more)


def sessions(gitfleet: Gitfleet, clone: Path) -> set[str]:
    return {row["id"] for row in gitfleet(clone, "session", "list", "--json").ok().json()["data"]["sessions"]}


def blocked(folder: Path) -> None:
    """Let a file stand where a folder has to be: that stops root, too."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("in the way")


@needs_mount
def test_session_in_a_worktree_whose_git_dir_is_read_only_starts_and_ends(
    tree: Path, fleets: Fleets, git: Git, gitfleet: Gitfleet
) -> None:
    """It is a mark for hooks that could not be written, and they do without."""
    own = git_dir(git, tree)
    locked(gitfleet, own, tree, *started(gitfleet, tree, "stuck")).ok()
    assert "stuck" in sessions(gitfleet, tree)
    gitfleet(tree, "claim", "src/a.py", "--session", "stuck").ok()
    locked(gitfleet, own, tree, "session", "end", "stuck").ok()
    assert "stuck" not in sessions(gitfleet, tree)


@needs_mount
def test_session_where_the_mark_of_another_cannot_be_changed_does_not_start(
    tree: Path, git: Git, gitfleet: Gitfleet
) -> None:
    gitfleet(tree, *started(gitfleet, tree, "first")).ok()
    before = sessions(gitfleet, tree)
    ran = locked(gitfleet, git_dir(git, tree), tree, *started(gitfleet, tree, "second")).ended(20)
    assert "gitfleet-session" in ran.stderr
    assert "read-only" in ran.stderr
    assert sessions(gitfleet, tree) == before


@pytest.mark.parametrize("command", ["start", "adopt"])
def test_session_whose_facts_cannot_be_kept_here_does_not_start(
    tree: Path, fleets: Fleets, gitfleet: Gitfleet, command: str
) -> None:
    blocked(fleets.state("ada") / "sessions")
    before = fleets.tip()
    with subprocess.Popen(["cat"], cwd=tree, stdin=subprocess.PIPE) as agent:
        ran = gitfleet(tree, "session", command, "--agent", "codex", "--pid", str(agent.pid), "--id", "stuck")
        agent.communicate()
    assert ran.returncode == 20, ran
    assert fleets.tip() == before


def test_session_whose_facts_are_a_folder_here_does_not_start(
    tree: Path, fleets: Fleets, gitfleet: Gitfleet
) -> None:
    (fleets.state("ada") / "sessions/stuck.json").mkdir(parents=True)
    before = fleets.tip()
    ran = gitfleet(tree, *started(gitfleet, tree, "stuck"))
    assert ran.returncode == 20
    assert fleets.tip() == before


def test_command_that_cannot_start_its_session_runs_not_and_leaves_nothing(
    tree: Path, fleets: Fleets, gitfleet: Gitfleet
) -> None:
    blocked(fleets.state("ada") / "sessions")
    before = fleets.tip()
    gitfleet(tree, "session", "start", "--here", "--id", "stuck", "--", "touch", "ran").ended(20)
    assert not (tree / "ran").exists()
    assert fleets.tip() == before


@pytest.mark.parametrize("place", ["hooks", "gitfleet/outbox", "gitfleet.yaml"])
def test_init_that_cannot_write_here_begins_nothing_on_the_hub(
    hub: Path, tmp_path: Path, git: Git, gitfleet: Gitfleet, place: str
) -> None:
    git(tmp_path, "clone", "--quiet", hub, "fresh")
    clone = tmp_path / "fresh"
    if place == "gitfleet.yaml":
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        clone.chmod(0o555)
    else:
        (clone / ".git" / place).parent.mkdir(exist_ok=True)
        blocked(clone / ".git" / place)
    ran = gitfleet(clone, "init")
    clone.chmod(0o755)
    assert ran.returncode == 20, ran
    assert git(hub, "for-each-ref", "refs/fleet") == ""


@needs_mount
def test_uninstall_that_may_not_take_the_hooks_out_ends_no_session(
    fleets: Fleets, gitfleet: Gitfleet
) -> None:
    ada = fleets.clone("ada")
    gitfleet(ada, "sync").ok()
    before = fleets.tip()
    ran = locked(gitfleet, ada / ".git/hooks", ada, "uninstall").ended(20)
    assert "No hook was changed" in ran.stderr
    assert fleets.tip() == before


@needs_mount
def test_hooks_that_are_in_place_and_read_only_are_no_obstacle(fleets: Fleets, gitfleet: Gitfleet) -> None:
    ada = fleets.clone("ada")
    gitfleet(ada, "sync").ok()
    hooks = ada / ".git/hooks"
    for command in (("sync",), started(gitfleet, ada, "s-1"), ("doctor", "--repair")):
        assert "hooks" not in locked(gitfleet, hooks, ada, *command).stderr
    (hooks / "pre-commit").unlink()
    assert "is not writable" in locked(gitfleet, hooks, ada, "sync").ended(20).stderr


def test_after_tells_what_has_happened_before_what_failed() -> None:
    with pytest.raises(LocalStorage) as caught, files.after("The session has started."):
        raise LocalStorage("The disk is full.", hint="Make room.", path="/x")
    assert caught.value.message == "The session has started. But: The disk is full."
    assert (caught.value.hint, caught.value.facts["path"]) == ("Make room.", "/x")


@pytest.mark.parametrize(
    ("what", "says"), [("folder", "there is a folder"), ("file above", "there is a file")]
)
def test_tryout_of_a_place_that_something_else_has_taken_is_refused(
    tmp_path: Path, what: str, says: str
) -> None:
    if what == "folder":
        (tmp_path / "x").mkdir()
        place = tmp_path / "x"
    else:
        (tmp_path / "x").write_text("")
        place = tmp_path / "x" / "y"
    with pytest.raises(LocalStorage, match=says):
        files.tryout(str(place))


def test_tryout_of_a_place_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    files.tryout(str(tmp_path / "x"))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
