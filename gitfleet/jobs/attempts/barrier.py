"""The agent of an attempt waits until its session is registered and its claims are granted: at a named pipe in the attempt's folder.

Its shepherd runs by then, which the session lives and dies with. While the pipe is there, the agent has not run a line: so
whoever finds the attempt after a crash knows whether to go on with its preparation.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from gitfleet.base import clock
from gitfleet.jobs.shepherd import control, records

NAME = records.GATE
WILLING = 500
"""How much sooner than others an agent is ended when a machine is out of memory, in thousandths of that memory (Linux)."""
_FIRST = f"{{ echo {WILLING} >/proc/self/oom_score_adj; }} 2>/dev/null; "
_WAITS = _FIRST + 'read -r _ <"$0" && rm -f "$0" && exec "$@"'
_LOOK = 0.005


def argv(folder: str, command: Sequence[str]) -> tuple[str, ...]:
    """What waits, and then becomes `command`."""
    return ("/bin/sh", "-c", _WAITS, os.path.join(folder, NAME), *command)


def make(folder: str) -> None:
    """Put the pipe there. Twice is harmless."""
    try:
        os.mkfifo(os.path.join(folder, NAME), 0o600)
    except FileExistsError:
        return


def closed(folder: str) -> bool:
    """Whether the agent still waits, or has not come yet."""
    return records.at_gate(folder)


def open_for(folder: str) -> bool:
    """Let the agent run, and come back when it does; False where its attempt ended before that. Twice is harmless."""
    path = os.path.join(folder, NAME)
    while closed(folder):
        if not control.alive(folder):
            return False
        try:
            handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno != errno.ENXIO:  # nobody reads yet
                raise
        else:
            try:
                os.write(handle, b"\n")
            except BrokenPipeError:  # it has read the first one, and goes on
                pass
            finally:
                os.close(handle)
        clock.wait(_LOOK)
    return True
