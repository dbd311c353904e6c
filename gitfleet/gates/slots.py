"""Places to run gates in: each a folder outside of every checkout, for one run at a time, used again and again.

A place is taken by a lock of the system on a file of it, which the guard of the run (`base.guard`) has open as well: it is
free once both have ended, however they ended. What they left running before is ended by whoever takes it next, who knows it by
a variable in its environment.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from gitfleet.base import clock, files, identity
from gitfleet.errors import LocalStorage

VARIABLE = "GITFLEET_GATE_SLOT"
"""Says in the environment of all that runs for a gate, which place it belongs to."""
_MOST = 256
_PATIENCE = 10.0


class Slot(NamedTuple):
    """A place that is ours now: its folder, and the open file that holds its lock."""

    folder: str
    handle: int


def root(node: str) -> str:
    """Where the places of a node are: a folder of the user's caches, so that no tool finds a checkout above it."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):
        cache = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "gitfleet", "gates", node)


@contextmanager
def taken(top: str) -> Iterator[Slot]:
    """The first free place below `top`, made if need be, with nothing of an earlier run alive. Raises LocalStorage."""
    slot = _take(top)
    try:
        sweep(slot.folder)
        yield slot
    finally:
        os.close(slot.handle)


def _take(top: str) -> Slot:
    files.folder(top, mode=0o700)
    for number in range(_MOST):
        folder = os.path.join(top, str(number))
        files.folder(folder)
        with files.storage(folder):
            handle = os.open(
                os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            continue
        return Slot(folder, handle)
    raise LocalStorage(
        f"All {_MOST} places for gates below {top} are in use.", hint="Wait until a run has ended.", path=top
    )


def sweep(folder: str) -> int:
    """End every process of this user that belongs to the place; how many there were. Takes some seconds at most."""
    start = clock.elapsed()
    ended = set()
    while found := _members(folder):
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        ended |= found
        if clock.elapsed() - start > _PATIENCE:
            break
        clock.wait(0.02)
    return len(ended)


def _members(folder: str) -> set[int]:
    return {
        pid
        for pid in identity.pids()
        if pid != os.getpid() and identity.environment_values(pid, [VARIABLE]).get(VARIABLE) == folder
    }
