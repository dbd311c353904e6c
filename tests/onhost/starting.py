"""Real programs for tests of what a host sees: each has a process group of its own, and ends with the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gitfleet.onhost import snapshot
from gitfleet.onhost.records import HostProcess, ProcessTable
from tests.workbench import PATIENCE, shown

READY = "ready"

LEAK = """
import os, subprocess, sys
def shown(child):
    while not open("/proc/%d/cmdline" % child.pid).read():
        pass
    return child
child = shown(subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
print("ready", child.pid, flush=True)
"""
"""Starts what it is told, says its pid once the system shows what that is, and ends."""


class Programs:
    """Starts programs. What they have started themselves ends with their process group."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []
        self.groups: list[int] = []
        self.said = ""
        """What the last one that was waited for has said with its `ready`."""

    def __call__(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: int | None = subprocess.DEVNULL,
        name: str | None = None,
    ) -> subprocess.Popen[str]:
        """Start one, and wait for no word of its. `name` is what it is told to be called, in place of its path."""
        words = [str(word) for word in argv]
        told = [name, *words[1:]] if name else words
        started = subprocess.Popen(
            told, executable=words[0], cwd=cwd, env=dict(os.environ if env is None else env), stdin=stdin,
            stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self._started.append(started)
        self.groups.append(started.pid)
        return shown(started)

    def python(self, text: str, *words: str, **options: object) -> subprocess.Popen[str]:
        """Start a Python program that says `ready` when it is what it is to be, and wait for that."""
        argv = [os.path.realpath(sys.executable), "-I", "-S", "-c", textwrap.dedent(text), *words]
        return self.ready(argv, **options)

    def ready(self, argv: Sequence[str | Path], **options: object) -> subprocess.Popen[str]:
        """Start one that says `ready`, and wait for that."""
        started = self(argv, **options)  # type: ignore[arg-type]
        self.said = self.heard(started)
        return started

    def heard(self, started: subprocess.Popen[str], word: str = READY) -> str:
        """What it says in the line that begins with `word`, after that."""
        assert started.stdout is not None
        for line in started.stdout:
            if line.startswith(word):
                return line[len(word) :].strip()
        raise AssertionError(f"{started.args!r} ended without a word")

    def end(self) -> None:
        """End all of them. A leader that is not waited for yet keeps the number of its group its own."""
        for group in self.groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        for one in self._started:
            if one.stdin is not None:
                one.stdin.close()
            if one.stdout is not None:
                one.stdout.close()
            one.wait(PATIENCE)


@contextmanager
def programs() -> Iterator[Programs]:
    """Programs that end with the body."""
    found = Programs()
    try:
        yield found
    finally:
        found.end()


def seen(pid: int) -> HostProcess:
    """The process as one sample finds it."""
    return snapshot.take(0).processes[pid]


def table_when(pid: int, state: str) -> ProcessTable:
    """The first table in which the process is in that state (zombies come about when the kernel gets to it)."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        table = snapshot.take(0)
        one = table.processes.get(pid)
        if one is not None and one.state == state:
            return table
    raise AssertionError(f"process {pid} never was {state}")
