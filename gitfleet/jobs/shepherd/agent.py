"""The agent's process: made so that it runs only once it was written down, fed, and reaped together with what it left to us."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

from gitfleet.base.children import Child, Program
from gitfleet.jobs.shepherd import family
from gitfleet.jobs.shepherd.outputs import AgentOutput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PR_SET_CHILD_SUBREAPER = 36
_MOST_TYPED = 1 << 16
_MOST_WAITING = 1 << 28


class CannotStart(Exception):
    """The agent could not be started; the text says why, in words."""


class AgentProcess:
    """One agent. It is made with the object, and waits; `go` lets it run."""

    def __init__(self, argv: Sequence[str], cwd: str, env: Mapping[str, str], *, fed: bool) -> None:
        """`fed`: it reads what we say. Raises CannotStart."""
        if not os.path.isdir(cwd):
            raise CannotStart(f"the working directory {cwd} does not exist")
        path = find(argv[0], env.get("PATH", os.defpath), cwd)
        _adopt_descendants()
        self.inlet = -1
        """Where we write what it reads; -1 once that has ended."""
        self._typed = bytearray()
        self._ends = False
        self._child = self._fork(Program(path, argv, cwd, env), fed)
        self.pid = self._child.pid
        seen = family.member(self.pid)
        self.start = seen.start if seen else 0
        (out, err) = self._child.outputs
        self.outputs = [AgentOutput("stdout", out), AgentOutput("stderr", err)]
        self.helpers: dict[int, int | None] = {}
        """Programs of ours that somebody waits for, and how they ended, as the system tells it."""
        self.status: int | None = None
        """How it ended, as the system tells it; None while it runs."""

    def go(self) -> None:
        """Let it run. Raises CannotStart when the system refuses."""
        try:
            self._child.go({})
        except OSError as error:
            self._child.outputs = {}
            raise CannotStart(f"the program could not be started: {error.strerror}") from error

    def abandon(self) -> None:
        """Let it end without ever having run."""
        self._child.abandon()

    def say(self, data: bytes, *, last: bool) -> None:
        """Have it read `data`, sooner or later; with `last` its input ends there, for good.

        What asks and asks, and does not read the answers, hears no more of us.
        """
        if self._ends:
            return
        self._typed += data
        self._ends = last
        if len(self._typed) > _MOST_WAITING:
            self._typed.clear()
            self._ends = True
        self.feed()

    def feed(self) -> None:
        """Write what it takes now. An agent that does not want to read is no error."""
        try:
            while self.inlet >= 0 and self._typed:
                done = os.write(self.inlet, self._typed[:_MOST_TYPED])
                del self._typed[:done]
        except BlockingIOError:
            return
        except OSError:
            self._typed.clear()
            self.deafen()
        if self._ends and not self._typed:
            self.deafen()

    @property
    def hungry(self) -> bool:
        """Whether something waits for it to read."""
        return self.inlet >= 0 and bool(self._typed)

    def deafen(self) -> None:
        """End its input."""
        if self.inlet >= 0:
            os.close(self.inlet)
            self.inlet = -1

    def reap(self) -> None:
        """Take note of what has ended: the agent, and what it left to us."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if pid == self.pid:
                    self.status = status
                elif pid in self.helpers:
                    self.helpers[pid] = status

    def _fork(self, program: Program, fed: bool) -> Child:
        """Its input is ours while it is made: a pipe, or nothing."""
        theirs = -1
        if fed:
            theirs, self.inlet = os.pipe()
            os.set_blocking(self.inlet, False)
        source = theirs if fed else os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        os.dup2(source, 0)
        os.close(source)
        child = Child(program, terminal=False)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(null, 0)
        os.close(null)
        return child


def find(name: str, path: str, cwd: str) -> str:
    """The file of a program, as the agent's own environment finds it. Raises CannotStart."""
    if "/" in name:
        found = os.path.join(cwd, name)
        if os.path.isfile(found) and os.access(found, os.X_OK):
            return found
        raise CannotStart(f"{name} is no program that can be run")
    for folder in path.split(os.pathsep):
        found = os.path.join(cwd, folder, name)
        if os.path.isfile(found) and os.access(found, os.X_OK):
            return found
    raise CannotStart(f"there is no program {name} on the agent's PATH")


def _adopt_descendants() -> None:
    """Have what the agent's children leave behind become ours, so that we hear of its end (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
