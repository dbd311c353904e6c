"""A machine's clocks in a test's hands: real processes, command lines and hooks alike, that run on them."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.gatebench import GATE
from tests.workbench import ROOT


@dataclass(frozen=True, slots=True)
class Clock:
    """The clocks of one machine. `python` is an interpreter that runs on them."""

    python: Path
    settings: Path

    @classmethod
    def make(cls, folder: Path, name: str) -> Clock:
        clock = cls(folder / f"{name}-python", folder / f"{name}-clock.json")
        clock.set(wall=0, up=0, frozen=None, boot="")
        words = [
            sys.executable,
            "-P",
            str(ROOT / "tests/clockwork.py"),
            str(clock.settings),
            str(clock.python),
        ]
        clock.python.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        clock.python.chmod(0o755)
        return clock

    def set(self, **values: object) -> None:
        """Change some: `wall` and `up` (seconds ahead of the true clocks), `frozen` (wall time, or None), `boot`."""
        before = json.loads(self.settings.read_text()) if self.settings.exists() else {}
        there = self.settings.with_suffix(".new")
        there.write_text(json.dumps({**before, **values}))
        there.rename(self.settings)

    def go_on(self, seconds: int, *, wall: int | None = None) -> None:
        """Time passes; on the wall clock, as much as `wall` says."""
        said = json.loads(self.settings.read_text())
        self.set(up=said["up"] + seconds, wall=said["wall"] + (seconds if wall is None else wall))

    def argv(self, *arguments: str) -> tuple[str, ...]:
        """Our command line, on these clocks."""
        return (str(self.python), "-P", "-m", "gitfleet", *arguments)

    def rule(self, clone: Path) -> None:
        """Have the hooks of a clone run on these clocks, too."""
        (clone / ".git/gitfleet/launcher").write_text(f"{self.python}\n{GATE}\n")
        (clone / ".git/gitfleet/permits").write_text(
            ""
        )  # those are for a shell, which has the machine's own clocks
