"""From a quick way to its full one, and to what goes on beside it. Standard library only."""

from __future__ import annotations

import os
import sys


def hand_over(arguments: list[str], *, heard: bytes | None = None, package: str = "githooks") -> int:
    """Become the full way of a `package` of ours, with site packages; `heard` is its input, where that was read."""
    sys.stdout.flush()
    if heard is not None:
        _say(heard)
    os.execv(sys.executable, _full(arguments, package))


def _say(data: bytes) -> None:
    """Have `data` read as standard input: from a file, since a pipe holds only so much."""
    from tempfile import TemporaryFile  # only on the long way

    with TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        os.dup2(file.fileno(), 0)


def _full(arguments: list[str], package: str) -> list[str]:
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return [sys.executable, "-I", os.path.join(folder, package, "run.py"), "--full", *arguments]


def detach(arguments: list[str], package: str = "githooks") -> None:
    """Start the full way as a process that goes on by itself: no terminal, no wait."""
    argv, null = _full(arguments, package), os.devnull
    actions = [(os.POSIX_SPAWN_OPEN, n, null, os.O_RDWR, 0) for n in (0, 1, 2)]
    os.posix_spawn(argv[0], argv, os.environ, file_actions=actions, setsid=True)
