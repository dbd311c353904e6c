"""Real processes that stand in the waiting line, for tests to start, look for in the ledger, and end.

Time is made short by two honest means only: what a node has *watched* is moved back in its own notes (`aged`), as if it
had been watching for longer; and a clone that has to notice something is synced, as any command of it would do. The
clocks, the margins and the deadlines are those of everyday.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitfleet.base.names import SessionId
from gitfleet.claims import model, tickets
from gitfleet.claims.model import Claim
from gitfleet.claims.tickets import Ticket
from tests.fleetbench import Fleets
from tests.workbench import Gitfleet, Ran, overlaid

PATIENCE = 90.0
LONG_AGO = 1_000_000  # seconds


@dataclass(slots=True)
class Waiting:
    """One `gitfleet claim --wait --json` that runs."""

    session: str
    process: subprocess.Popen[bytes]
    out: Any
    err: Any

    def ended(self) -> Ran:
        """How it ended; fails when it does not within PATIENCE."""
        code = self.process.wait(timeout=PATIENCE)
        for stream in (self.out, self.err):
            stream.seek(0)
        return Ran(
            ("claim", "--wait", self.session),
            code,
            os.fsdecode(self.out.read()),
            os.fsdecode(self.err.read()),
        )

    def granted(self) -> list[str]:
        """What it was granted, as patterns, having asserted that it was."""
        return [record["pattern"] for record in self.ended().ok().json()["data"]["granted"]]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@dataclass(slots=True)
class Line:
    """The waiting line of one fleet, seen from the outside."""

    fleets: Fleets
    gitfleet: Gitfleet
    running: list[Waiting] = field(default_factory=list)

    def wait(self, clone: str, session: str, *paths: str, options: tuple[str, ...] = ()) -> Waiting:
        """Start a waiter, and come back when its ticket stands in the hub's line."""
        waiting = self.start(clone, session, *paths, options=options)
        self.until(lambda: session in self.sessions() or waiting.process.poll() is not None)
        return waiting

    def start(self, clone: str, session: str, *paths: str, options: tuple[str, ...] = ()) -> Waiting:
        """Start a waiter."""
        out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - `_close` does
        argv = self.gitfleet.argv("claim", "--wait", "--json", "--session", session, *options, *paths)
        environment = overlaid(self.gitfleet.environment())
        process = subprocess.Popen(
            argv,
            cwd=self.fleets.clone(clone),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        waiting = Waiting(session, process, out, err)
        self.running.append(waiting)
        return waiting

    def tickets(self) -> list[Ticket]:
        """The hub's line of now, first place first."""
        with self.fleets.view() as view:
            return tickets.line(view)

    def sessions(self) -> list[str]:
        """Who stands in it."""
        return [ticket.session for ticket in self.tickets()]

    def claim(self, session: str) -> Claim:
        """The one claim that a session has at the hub now."""
        with self.fleets.view() as view:
            (found,) = model.of_session(view, session)
        assert isinstance(found, Claim)
        return found

    def act(self, clone: str, *argv: str, code: int = 0) -> Any:
        """Run a command of ours with `--json`; its data."""
        ran = self.gitfleet(self.fleets.clone(clone), *argv, "--json").ended(code)
        return ran.json()["data"]

    def release(self, clone: str, session: str) -> None:
        """Release all that a session has, without a process of its own."""
        with self.fleets.open(clone) as fleet:
            fleet.claims.release(SessionId(session), None)

    def sync(self, clone: str) -> None:
        """What any command of the clone that asks the hub does for those who wait there."""
        with self.fleets.open(clone) as fleet:
            fleet.ledger.sync()

    def watches(self, clone: str, *ids: str) -> bool:
        """Whether the clone has begun to watch these claims or tickets."""
        return set(ids) <= self._watched(clone).keys()

    def aged(self, clone: str, *ids: str) -> None:
        """Let the clone have watched these claims or tickets for very long."""
        watched = self._watched(clone)
        for claim in ids:
            watched[claim]["since"] -= LONG_AGO
        path = self._notes(clone)
        new = path.with_name("watch.aged")
        new.write_text(json.dumps(watched), encoding="utf-8")
        new.replace(path)

    def _watched(self, clone: str) -> dict[str, dict[str, Any]]:
        path = self._notes(clone)
        found: dict[str, dict[str, Any]] = json.loads(path.read_bytes()) if path.exists() else {}
        return found

    def _notes(self, clone: str) -> Path:
        return self.fleets.state(clone) / "watch.json"

    def until(self, true: Callable[[], object]) -> None:
        """Come back as soon as it is true; fails after PATIENCE."""
        end = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < end, "it never came to be"
            time.sleep(0.02)


@contextmanager
def standing(fleets: Fleets, gitfleet: Gitfleet) -> Iterator[Line]:
    """The line of a fleet; whoever still waits in the end is killed."""
    line = Line(fleets, gitfleet)
    try:
        yield line
    finally:
        for waiting in line.running:
            waiting.process.kill()
            waiting.process.wait()
            waiting.out.close()
            waiting.err.close()
