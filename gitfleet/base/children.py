"""A program that is there before it runs: its process waits for our word, so that it can be registered first.

Owns the fork, the wires (a pseudo-terminal, or pipes), the gate and how the process is signalled. Leaves passing bytes
on to `relay`, and what the new process does to `exec_child`. Apart from `processes`, which runs programs to their end: this
one belongs to the user, who talks to it.

The process is made, and does nothing but read from a pipe. Until the word comes it has not run a line of the program;
should its maker die, the pipe ends and so does it.
"""

from __future__ import annotations

import fcntl
import os
import termios
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from gitfleet.base import exec_child
from gitfleet.base.exec_child import Gate, Program

__all__ = ["Child", "ChildChange", "Program"]


class ChildChange(NamedTuple):
    """What has become of a child: the signal that stopped it, or its exit code (128 and the signal that ended it)."""

    stopped: int | None = None
    code: int | None = None


class Child:
    """A process that waits for our word; `pid` is the program's own.

    `outputs` says where we read what it writes, and to which of our outputs that goes. `reports`, where it is not None,
    can be read from when `change` has something to say; without it, SIGCHLD tells.
    """

    pid: int
    outputs: dict[int, int]
    reports: int | None

    def __init__(self, program: Program, *, terminal: bool, apart: bool = True) -> None:
        """Fork. With `terminal` on a pseudo-terminal, else on pipes (and our own standard input).

        `apart` gives it a session of its own, so that signals for our process group do not reach it by themselves; with
        a terminal that is so in any case. Call it while no other thread runs.
        """
        self.terminal = terminal
        self.apart = apart or terminal
        self._code: int | None = None
        self._told = b""
        word_out, word_in = os.pipe()
        news_out, news_in = os.pipe()
        self._gate: int | None = word_in
        self._news = news_out
        if terminal:
            self._on_terminal(program, Gate(word_out, news_in))
        else:
            self._on_pipes(program, Gate(word_out, news_in))
        os.close(word_out)
        os.close(news_in)

    @property
    def keyboard(self) -> int | None:
        """Where we write what the user types; None when the child reads our own standard input."""
        return next(iter(self.outputs), None) if self.terminal else None

    def go(self, variables: Mapping[str, str]) -> None:
        """Let it run, with `variables` on top of its environment. Raises OSError when the program cannot be run."""
        gate, self._gate = self._gate, None
        assert gate is not None
        word = exec_child.WORD + b"".join(
            os.fsencode(f"{name}={value}\0") for name, value in variables.items()
        )
        with os.fdopen(self._news, "rb") as file:
            with suppress(BrokenPipeError), os.fdopen(gate, "wb") as speaker:
                speaker.write(word)
            news = file.read()
        if news:
            self._wait()
            self.close()
            raise OSError(int(news), os.strerror(int(news)))

    def abandon(self) -> None:
        """Let it end without ever having run. Harmless when it runs or has ended."""
        if self._gate is not None:
            os.close(self._gate)
            os.close(self._news)
            self._gate = None
            self._wait()
            self.close()

    def change(self) -> ChildChange | None:
        """What has become of it since the last call, if anything. Does not wait."""
        if self._code is not None:
            return None
        return self._ask(os.WNOHANG | os.WUNTRACED)

    def signal(self, number: int) -> None:
        """Send a signal to it: to its group, and to the one that has its terminal. One that has ended is no error."""
        if self._code is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            (os.killpg if self.apart else os.kill)(self.pid, number)
        front = self._foreground()
        if front not in {None, self.pid}:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(front or 0, number)

    def resize(self, size: bytes) -> None:
        """Give its terminal another size (a `winsize`); the system tells its programs."""
        if self.keyboard is not None:
            with suppress(OSError):
                fcntl.ioctl(self.keyboard, termios.TIOCSWINSZ, size)

    def close(self) -> None:
        """Close our ends: what still lives on its terminal hears that it is gone (SIGHUP)."""
        for handle in self.outputs:
            os.close(handle)
        self.outputs = {}
        if self.reports is not None:
            os.close(self.reports)
            self.reports = None

    def _on_terminal(self, program: Program, gate: Gate) -> None:
        master, slave = _terminal()
        reports_out, reports_in = os.pipe()
        self._waited = os.fork()
        if not self._waited:
            for handle in (self._gate or 0, self._news, master, reports_out):
                os.close(handle)
            exec_child.oversee(program, gate, slave, reports_in)
        os.close(slave)
        os.close(reports_in)
        self.outputs, self.reports = {master: 1}, reports_out
        told = self._report().split()
        if not told:
            raise OSError("the process of the program could not be made")
        self.pid = int(told[1])
        os.set_blocking(reports_out, False)

    def _on_pipes(self, program: Program, gate: Gate) -> None:
        out, theirs_out = os.pipe()
        err, theirs_err = os.pipe()
        connect = exec_child.on_pipes((theirs_out, theirs_err), apart=self.apart)
        self.pid = self._waited = os.fork()
        if not self.pid:
            for handle in (self._gate or 0, self._news, out, err):
                os.close(handle)
            exec_child.become(program, gate, connect)
        os.close(theirs_out)
        os.close(theirs_err)
        self.outputs, self.reports = {out: 1, err: 2}, None

    def _wait(self) -> None:
        if self.reports is not None:
            os.set_blocking(self.reports, True)
        while self._code is None:
            self._ask(os.WUNTRACED)

    def _ask(self, options: int) -> ChildChange | None:
        if self.reports is None:
            pid, status = os.waitpid(self._waited, options)
            return self._changed(status) if pid else None
        try:
            report = self._report()
        except BlockingIOError:
            return None
        if report:
            return self._changed(int(report.split()[1]), stopped=report.startswith(b"stopped"))
        _, status = os.waitpid(self._waited, 0)  # whoever oversaw it was killed: the system hangs up on it
        return self._changed(status or 1 << 8)

    def _changed(self, status: int, *, stopped: bool | None = None) -> ChildChange:
        if stopped or (stopped is None and os.WIFSTOPPED(status)):
            return ChildChange(stopped=status if stopped else os.WSTOPSIG(status))
        code = os.waitstatus_to_exitcode(status)
        self._code = code if code >= 0 else 128 - code
        if self.reports is not None:
            with suppress(ChildProcessError):
                os.waitpid(self._waited, 0)
        return ChildChange(code=self._code)

    def _report(self) -> bytes:
        """The next report, or b"" when there will be none. Raises BlockingIOError when there is none yet."""
        assert self.reports is not None
        while b"\n" not in self._told:
            data = os.read(self.reports, 4096)
            if not data:
                return b""
            self._told += data
        report, _, self._told = self._told.partition(b"\n")
        return report

    def _foreground(self) -> int | None:
        """The process group that its terminal belongs to now, e.g. what a shell in it has started."""
        if self.keyboard is None:
            return None
        try:
            front = os.tcgetpgrp(self.keyboard)
        except OSError:
            return None
        return front if front > 1 else None


def _terminal() -> tuple[int, int]:
    """A pseudo-terminal that starts with the modes and the size of ours: our end, the program's end."""
    master, slave = os.openpty()
    with suppress(termios.error, OSError):
        termios.tcsetattr(slave, termios.TCSANOW, termios.tcgetattr(0))
        fcntl.ioctl(slave, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
    return master, slave
