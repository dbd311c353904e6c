"""The fleet that session tests start from, and processes that live as long as a test says."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from gitfleet.fleet.fleet import Fleet
from tests.fleetbench import Fleets
from tests.workbench import shown

Agent = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def opened(fleets: Fleets) -> Iterator[Callable[[str], Fleet]]:
    """Opens a clone's fleet, and closes it at the end."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(fleets.open(name))


@pytest.fixture
def agent() -> Iterator[Agent]:
    """Starts a process that does nothing until it is killed."""
    with ExitStack() as stack:

        def start() -> subprocess.Popen[bytes]:
            process = subprocess.Popen(["sleep", "1000"])
            stack.callback(process.wait)
            stack.callback(process.kill)
            return shown(process)

        yield start


def kill(process: subprocess.Popen[bytes]) -> None:
    """End it as `kill -9` does, and leave no zombie."""
    process.kill()
    process.wait()
