"""Which network disks do not answer: whoever looks at a file on one of them waits for ever, a scan included.

Each mount of a network file system is asked once, side by side, before anything on it is looked at. What lies on one that says
nothing is unknown.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import Callable, Iterable

PATIENCE = 2.0
"""Seconds for all of them together."""

_NETWORKED = frozenset(
    ("9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "smbfs", "sshfs")
)


def silent(
    root: str = "/proc", *, probe: Callable[[str], object] = os.stat, patience: float = PATIENCE
) -> tuple[str, ...]:
    """The mounts that did not answer. Nothing is asked where there are no network disks."""
    mounts = _mounts(root)
    asked = [(path, _asked(path, probe)) for path in mounts]
    end = time.monotonic() + patience
    for _, answered in asked:
        answered.wait(max(0.0, end - time.monotonic()))
    return tuple(path for path, answered in asked if not answered.is_set())


def lies_on(path: str, mounts: Iterable[str]) -> bool:
    """Whether a path is on one of these mounts."""
    return any(path == mount or path.startswith(mount.rstrip("/") + "/") for mount in mounts)


def _asked(path: str, probe: Callable[[str], object]) -> threading.Event:
    """Set once the disk has said anything, an error included. The thread is left to itself."""
    answered = threading.Event()

    def ask() -> None:
        with suppress(OSError):
            probe(path)
        answered.set()

    threading.Thread(target=ask, daemon=True).start()
    return answered


def _mounts(root: str) -> list[str]:
    """Where network file systems are mounted, as paths are written; the kernel writes blanks as numbers."""
    try:
        with open(root + "/self/mountinfo", "rb") as file:
            lines = file.read(1 << 22).splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        before, _, after = line.partition(b" - ")
        fields, kind = before.split(), os.fsdecode(after.split(b" ", 1)[0])
        if len(fields) > 4 and (kind in _NETWORKED or kind.startswith("fuse.")):
            found.append(os.fsdecode(fields[4].decode("unicode_escape").encode("latin-1")))
    return found
