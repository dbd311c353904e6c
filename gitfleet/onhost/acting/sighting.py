"""One process as it is this very moment: what a plan's identity is compared with before acting.

Nothing is kept from one look to the next. "Not there" is said only when the system says so; what cannot be read is None.
"""

from __future__ import annotations

import hashlib
import os

from gitfleet.onhost import facts, procfs
from gitfleet.onhost.acting import reachable
from gitfleet.onhost.procfs import Folder, ProcessEnded, ScanContext, StatLine
from gitfleet.onhost.records import HostProcess, Identity

ENDED = frozenset("ZX")
STOPPED = frozenset("Tt")


def look(pid: int) -> HostProcess | None:
    """The process `pid` as it is now; None: there is none (a thread's number is none). Raises OSError where it cannot be seen."""
    if not _is_process(pid):
        return None
    try:
        with Folder(f"{procfs.PROC}/{pid}") as folder:
            return procfs.process(
                folder, ScanContext(facts.boot(), os.getuid(), facts.uptime(), silent=reachable.silent())
            )
    except ProcessEnded:
        return None


def line(pid: int) -> StatLine | None:
    """What the system counts of a process; None: it is not there."""
    try:
        with Folder(f"{procfs.PROC}/{pid}") as folder:
            return procfs.parse_stat(folder.read("stat"))
    except (ProcessEnded, OSError):
        return None


def lines() -> list[StatLine]:
    """The same of every process that can be seen."""
    return [one for one in map(line, procfs.numbers()) if one is not None]


def alive(pid: int, start: int) -> bool:
    """Whether the process `pid` that began at `start` still runs; a zombie does not."""
    found = line(pid)
    return found is not None and found.start == start and runs(found)


def runs(found: StatLine) -> bool:
    """Whether it is no zombie: one whose first thread has ended while others go on is none."""
    return found.state not in ENDED or _tasks(found.pid) > 1


def likeness(one: HostProcess) -> str | None:
    """A digest of program, words and working directory: two processes that have the same are copies. None: not known."""
    if one.identity.exe is None or not one.command:
        return None
    return hashlib.sha256(repr((one.identity.exe, one.cwd_inode, one.command)).encode()).hexdigest()


def difference(planned: Identity, seen: Identity) -> str:  # noqa: PLR0911 - one reason each
    """Why `seen` is not what was planned, in words; "": it is. What was not known then, or is not now, is a difference."""
    if planned.boot != seen.boot or not planned.boot:
        return "the machine has been started anew"
    if planned.pid != seen.pid or planned.start != seen.start:
        return "another process has its number now"
    if planned.uid != seen.uid:
        return "it belongs to another user now"
    if planned.exe is None or seen.exe is None:
        return "which program it runs cannot be read"
    if tuple(planned.exe) != tuple(seen.exe):
        return "it runs another program now"
    if planned.pid_namespace != seen.pid_namespace or planned.mount_namespace != seen.mount_namespace:
        return "it is in another namespace now"
    return ""


def namespace(kind: str) -> int | None:
    """The inode of a namespace of ours; None: unreadable."""
    try:
        return os.stat(f"{procfs.PROC}/self/ns/{kind}").st_ino
    except OSError:
        return None


def _is_process(pid: int) -> bool:
    return os.path.exists(f"{procfs.PROC}/{pid}/task/{pid}")


def _tasks(pid: int) -> int:
    try:
        return len(os.listdir(f"{procfs.PROC}/{pid}/task"))
    except OSError:
        return 0
