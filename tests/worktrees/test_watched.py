"""Worktrees that a daemon of git watches (`core.fsmonitor`, in gits that are built with it)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil
import pytest

from tests.workbench import Git
from tests.worktrees.attic import age, git_dir, outcome
from tests.worktrees.yard import Yard

_BUILT = subprocess.run(
    ["git", "version", "--build-options"], capture_output=True, text=True, check=False
).stdout
pytestmark = pytest.mark.skipif(
    "fsmonitor--daemon" not in _BUILT, reason="this git has no daemon that watches"
)


def listener(socket: Path) -> psutil.Process:
    """The process that listens at a Unix socket."""
    (pid,) = {one.pid for one in psutil.net_connections("unix") if str(one.laddr) == str(socket) and one.pid}
    return psutil.Process(pid)


@pytest.fixture
def watched(yard: Yard, git: Git) -> Path:
    """An idle worktree with a daemon of its own; the main checkout has none."""
    worktree = age(git, yard.make("s1"))
    git(yard.top, "config", "extensions.worktreeConfig", "true")
    git(worktree, "config", "--worktree", "core.fsmonitor", "true")
    git(worktree, "fsmonitor--daemon", "start")
    return worktree


def test_cleanup_of_a_watched_worktree_leaves_no_daemon(yard: Yard, git: Git, watched: Path) -> None:
    daemon = listener(git_dir(git, watched) / "fsmonitor--daemon.ipc")
    try:
        found = outcome(yard, "s1")
        assert (found.result, watched.exists()) == ("removed", False), found.reason
        psutil.wait_procs([daemon], timeout=30)
        assert not daemon.is_running()
    finally:
        if daemon.is_running():
            daemon.kill()
