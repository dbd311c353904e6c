"""From a quick way to its full one, and to what goes on beside it. Standard library only."""

from __future__ import annotations

import os
import sys


def hand_over(arguments: list[str], program: str = "", heard: bytes | None = None) -> int:
    """Become the full gate (or another `program` of ours), with site packages; `heard` is its input, where that was read."""
    sys.stdout.flush()
    if heard is not None:
        _say(heard)
    os.execv(sys.executable, [sys.executable, "-I", program or script(), "--full", *arguments])


def _say(data: bytes) -> None:
    """Have `data` read as standard input: from a file, since a pipe holds only so much."""
    from tempfile import TemporaryFile  # only on the long way

    with TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        os.dup2(file.fileno(), 0)


def script() -> str:
    """The script that the hook shims start."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "run.py")


def detach(argv: list[str]) -> None:
    """Start a program that goes on by itself: no terminal, no wait."""
    null = os.devnull
    actions = [(os.POSIX_SPAWN_OPEN, n, null, os.O_RDWR, 0) for n in (0, 1, 2)]
    os.posix_spawn(argv[0], argv, os.environ, file_actions=actions, setsid=True)
