"""The user's own terminal while a program on a pseudo-terminal has it: raw, its size, and back as it was."""

from __future__ import annotations

import fcntl
import os
import signal
import termios
import tty
from contextlib import suppress


def interactive() -> bool:
    """Whether somebody sits there: standard input and output are both terminals."""
    return os.isatty(0) and os.isatty(1)


def attached() -> bool:
    """Whether any of our standard streams is a terminal, so that its signals reach our whole process group."""
    return any(os.isatty(handle) for handle in range(3))


class OwnTerminal:
    """Our terminal (standard input), raw within `with` and as it was afterwards, however the body ends."""

    def __init__(self) -> None:
        self._modes = termios.tcgetattr(0)

    def raw(self) -> None:
        """Every key goes to the program, Ctrl-C included; what was typed ahead is kept. One that has gone away is no error."""
        with suppress(termios.error):
            tty.setraw(0, termios.TCSANOW)

    def restore(self) -> None:
        """As it was when we came. A terminal that has gone away is no error; one that is not ours now is not waited for."""
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            termios.tcsetattr(0, termios.TCSANOW, self._modes)
        except termios.error:
            return
        finally:
            signal.signal(signal.SIGTTOU, before)

    def size(self) -> bytes:
        """Its size as a `winsize`."""
        try:
            return fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8))
        except OSError:
            return bytes(8)

    def __enter__(self) -> OwnTerminal:
        self.raw()
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()
