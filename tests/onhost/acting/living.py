"""Real processes for tests of acting: started in sessions of their own, known by identity, and ended afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gitfleet.onhost.acting import sighting
from gitfleet.onhost.acting.act_journal import ActKey
from gitfleet.onhost.acting.act_request import ActOptions, ActRequest
from gitfleet.onhost.acting.performing import pause_between, perform
from gitfleet.onhost.records import Identity
from tests.workbench import PATIENCE

PLAN, OID = "fleet-20260115-143022-a7b3", "a" * 40
QUICK = ActOptions(grace=10.0, settle=0.0)


class Living:
    """Starts programs, each the leader of a session and group of its own, and knows them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.children: list[subprocess.Popen[str]] = []

    def start(self, *argv: str, ready: str = "", **options: Any) -> subprocess.Popen[str]:
        """A program that runs; with `ready`, having written that line."""
        options = {"start_new_session": True, "cwd": self.folder, "stdin": subprocess.DEVNULL, **options}
        options.setdefault("stdout", subprocess.PIPE if ready else subprocess.DEVNULL)
        child = subprocess.Popen(argv, text=True, stderr=subprocess.DEVNULL, **options)
        self.children.append(child)
        if ready:
            assert child.stdout is not None
            assert child.stdout.readline().strip() == ready
        return child

    def sleeper(self) -> subprocess.Popen[str]:
        """A program that waits, and ends upon TERM."""
        return self.start("sleep", "1000")

    def python(self, code: str, **options: Any) -> subprocess.Popen[str]:
        """A program in Python that writes `ready` when it is."""
        return self.start(sys.executable, "-I", "-S", "-u", "-c", code, ready="ready", **options)

    def end(self) -> None:
        """End what runs still, with its groups."""
        for child in self.children:
            for kill in (os.killpg, os.kill):
                try:
                    kill(child.pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    continue
            child.wait(PATIENCE)
            if child.stdout is not None:
                child.stdout.close()


def identity(pid: int) -> Identity:
    """A process as a scan would have it."""
    seen = sighting.look(pid)
    assert seen is not None
    return seen.identity


def request_of(action: str, *pids: int, group: bool = True, number: int = 1, **changes: Any) -> ActRequest:
    """A request to act on these processes, the first of which leads their group."""
    key = ActKey(OID, f"c-{number:012x}", action)
    facts = {"options": QUICK, "category": "dev-server", "pgid": pids[0] if group else 0, **changes}
    return ActRequest(key, PLAN, tuple(map(identity, pids)), **facts)


def do(request: ActRequest, folder: Path, gone: Callable[[float], bool] = pause_between) -> dict[str, Any]:
    """Have it done, with the journal in `folder`."""
    return perform(request, str(folder / "journal"), gone)


def state_of(pid: int) -> str:
    """The state that the system shows of it; "": it is gone."""
    seen = sighting.look(pid)
    return "" if seen is None or seen.zombie else seen.state
