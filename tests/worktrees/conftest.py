"""A fleet whose clone `ada` gets managed worktrees."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fleetbench import Fleets
from tests.workbench import Git, shown
from tests.worktrees.yard import Yard

__all__ = ["at_work", "yard"]


@pytest.fixture
def yard(fleets: Fleets, git: Git) -> Yard:
    """A clone to make worktrees in; see `yard.Yard`."""
    return Yard(fleets, git)


@pytest.fixture
def at_work() -> Iterator[Callable[[Path], subprocess.Popen[bytes]]]:
    """`at_work(folder)` starts a process that works in a folder until the test ends it, or ends."""
    started: list[subprocess.Popen[bytes]] = []

    def start(folder: Path) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(["sleep", "600"], cwd=folder, stdin=subprocess.DEVNULL))
        return shown(started[-1])

    yield start
    for process in started:
        process.kill()
        process.wait()
