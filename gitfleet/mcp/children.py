"""The commands that do what tools are called for: our own command line, each in a process and process group of its own.

So nothing heavy is ever loaded here, and what one call does cannot hold up another. A command ends with us, however we end.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_PR_SET_PDEATHSIG = 1
MOST = 16 << 20
"""Bytes of an answer that are taken; a command that says more is ended."""
ERRORS = 16 << 10
"""Bytes that are kept of what it says besides."""
PIECE = 1 << 16


class ToolProcess:
    """A command at work: `out` and `err` are our ends of its pipes, -1 once they have ended; `code` is None until it has ended."""

    __slots__ = ("code", "err", "errors", "flooded", "out", "pid", "said")

    def __init__(self, words: list[str], variables: dict[str, str]) -> None:
        """Start it, with these `variables` beside ours. Raises OSError."""
        out, their_out = os.pipe()
        err, their_err = os.pipe()
        maker = os.getpid()
        try:
            self.pid = os.fork()
        except OSError:
            for handle in (out, their_out, err, their_err):
                os.close(handle)
            raise
        if not self.pid:
            _become(words, variables, maker, (their_out, their_err))
        os.close(their_out)
        os.close(their_err)
        self.out, self.err = out, err
        self.said, self.errors = bytearray(), bytearray()
        self.code: int | None = None
        self.flooded = False

    @property
    def over(self) -> bool:
        """Whether it has ended, and said all that it had to say."""
        return self.code is not None and self.out < 0

    def hear(self, handle: int) -> bytes:
        """Take what has come on one of the pipes; b"" at its end."""
        data = os.read(handle, PIECE)
        if not data:
            self._close(handle)
        elif handle == self.out:
            if len(self.said) + len(data) > MOST:
                self.flooded = True
                self.end(signal.SIGKILL)
            else:
                self.said += data
        else:
            self.errors += data
            del self.errors[:-ERRORS]
        return data

    def look(self) -> None:
        """Find out whether it has ended."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)

    def end(self, number: int) -> None:
        """Send a signal to it and all that it has started, unless it has ended."""
        if self.code is None:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:  # not yet in its group, or gone this instant
                os.kill(self.pid, number)

    def close(self) -> None:
        """Let go of its pipes."""
        for handle in (self.out, self.err):
            if handle >= 0:
                self._close(handle)

    def _close(self, handle: int) -> None:
        os.close(handle)
        if handle == self.out:
            self.out = -1
        else:
            self.err = -1


def _become(words: list[str], variables: dict[str, str], maker: int, theirs: tuple[int, int]) -> NoReturn:
    """Be the command, in a process that was forked for it."""
    try:
        signal.set_wakeup_fd(-1)
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(name, signal.SIG_DFL)
        os.setpgid(0, 0)
        null = os.open(os.devnull, os.O_RDONLY)
        for number, handle in enumerate((null, *theirs)):
            os.dup2(handle, number)
        if sys.platform == "linux":
            import ctypes  # in this process only: the server has no memory for it

            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
        if os.getppid() == maker:
            argv = [sys.executable, "-P", "-m", "gitfleet", *words]
            os.execve(sys.executable, argv, {**os.environ, **variables})
    finally:
        os._exit(127)
