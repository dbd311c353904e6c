"""Real processes for tests of acting: started in sessions of their own, known by identity, and ended afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from gitfleet.onhost.acting import sighting
from gitfleet.onhost.acting.act_journal import ActKey
from gitfleet.onhost.acting.act_request import ActOptions, ActRequest
from gitfleet.onhost.acting.performing import perform
from gitfleet.onhost.records import Identity
from tests.workbench import PATIENCE

PLAN, OID = "fleet-20260115-143022-a7b3", "a" * 40
SESSION = "claude-0123abcd"


def options(**changes: Any) -> ActOptions:
    """Options that wait for nothing, by which the session that started the processes has ended."""
    facts: dict[str, Any] = {"grace": 10.0, "settle": 0.0, "sessions": {SESSION: "ended"}, **changes}
    return ActOptions(**facts)


class Left:
    """A process that nobody looks after: its starter has ended, and so has its session."""

    def __init__(self, pid: int, start: int, stdout: IO[str]) -> None:
        self.pid, self.start, self.stdout = pid, start, stdout

    @property
    def runs(self) -> bool:
        """Whether it does, still."""
        return sighting.alive(self.pid, self.start)


class Living:
    """Starts programs, each the leader of a session and group of its own, below nobody, and knows them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.left: list[Left] = []

    def start(self, *argv: str, ready: str = "", cwd: Path | None = None, into: str = "") -> Left:
        """A program that runs; with `ready`, having written that line, else under its own name. `into`: a shell's redirections."""
        reader, writer = os.pipe()
        started = subprocess.run(
            ["sh", "-c", f'setsid "$@" 2>/dev/null {into} & echo $! >&2', "sh", *argv],
            stdout=writer, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=cwd or self.folder, text=True,
            check=True, env={**os.environ, "GITFLEET_SESSION": SESSION},
        )  # fmt: skip
        os.close(writer)
        pid, stdout = int(started.stderr), os.fdopen(reader)
        if ready:
            assert stdout.readline().split()[:1] == [ready]
        while (seen := sighting.look(pid)) and not ready and command_of(pid) in {"", "sh", "setsid"}:
            time.sleep(0.005)
        seen = sighting.look(pid)
        assert seen is not None
        one = Left(pid, seen.identity.start, stdout)
        self.left.append(one)
        return one

    def sleeper(self) -> Left:
        """A program that waits, and ends upon TERM."""
        return self.start("sleep", "1000")

    def python(self, code: str, *words: str) -> Left:
        """A program in Python that writes `ready` when it is."""
        return self.start(sys.executable, "-I", "-S", "-u", "-c", code, *words, ready="ready")

    def end(self) -> None:
        """End what runs still, with its groups."""
        for one in self.left:
            for member in [line.pid for line in sighting.lines() if one.pid in {line.pgid, line.sid}]:
                with suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
            one.stdout.close()


def identity(pid: int) -> Identity:
    """A process as a scan would have it."""
    seen = sighting.look(pid)
    assert seen is not None
    return seen.identity


def request_of(action: str, *pids: int, group: bool = True, number: int = 1, **changes: Any) -> ActRequest:
    """A request to act on these processes, the first of which leads their group."""
    key = ActKey(OID, f"c-{number:012x}", action)
    facts = {"options": options(), "category": "dev-server", "pgid": pids[0] if group else 0, **changes}
    return ActRequest(key, PLAN, tuple(map(identity, pids)), **facts)


def pause_between(seconds: float) -> bool:
    """A `gone` for one who never leaves: waits, and says no."""
    time.sleep(seconds)
    return False


def do(request: ActRequest, folder: Path, gone: Callable[[float], bool] = pause_between) -> dict[str, Any]:
    """Have it done, with the journal in `folder`."""
    return perform(request, str(folder / "journal"), gone)


def state_of(pid: int) -> str:
    """The state in which it comes to rest: one that computes, or waits for a processor, is waited for. "": it is gone."""
    while (seen := sighting.look(pid)) is not None and seen.state in {"R", "D"}:
        time.sleep(0.005)
    return "" if seen is None or seen.zombie else seen.state


def until(happened: Callable[[], bool]) -> Callable[[float], bool]:
    """A `gone` for one who stays: each wait lasts until it has happened, and then for so many seconds."""

    def gone(seconds: float) -> bool:
        end = time.monotonic() + PATIENCE
        while seconds and not happened():
            assert time.monotonic() < end, "it never happened"
            time.sleep(0.005)
        return pause_between(seconds)

    return gone


def has_heard(file: Path) -> bool:
    """Whether a program that writes down the signals that it hears has written the first of them."""
    return file.exists() and file.read_bytes() != b""


def command_of(pid: int) -> str:
    """The word that it was started under."""
    seen = sighting.look(pid)
    return seen.command[0] if seen is not None and seen.command else ""
