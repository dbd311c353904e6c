"""One process as it is this very moment, read straight from /proc: what a plan's identity is compared with before acting.

Nothing is kept from one look to the next. "Not there" is said only when the system says so; what cannot be read is None.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass

from gitfleet.onhost.records import Identity

_HASHED = 65536


@dataclass(frozen=True)
class Sighting:
    """What one look at a process gave. `terminal` is the device number of its terminal (0: none), `zombie` as in HostProcess."""

    identity: Identity
    name: str
    state: str
    ppid: int
    pgid: int
    sid: int
    terminal: int
    tpgid: int
    zombie: bool

    @property
    def pid(self) -> int:
        """Its number."""
        return self.identity.pid


def boot_id() -> str:
    """Which boot of this machine this is; "" where it does not say."""
    return _text("/proc/sys/kernel/random/boot_id").strip()


def look(pid: int) -> Sighting | None:
    """The process `pid` as it is now; None: there is none (a thread's number is none)."""
    stat = _stat_fields(pid)
    if stat is None or not os.path.exists(f"/proc/{pid}/task/{pid}"):
        return None
    name, rest = stat
    uid = _uid(pid)
    if uid is None:
        return None
    identity = Identity(
        boot=boot_id(),
        pid=pid,
        start=int(rest[19]),
        uid=uid,
        exe=_place(f"/proc/{pid}/exe"),
        pid_namespace=namespace(pid, "pid"),
        mount_namespace=namespace(pid, "mnt"),
    )
    return Sighting(
        identity,
        name,
        state=rest[0],
        ppid=int(rest[1]),
        pgid=int(rest[2]),
        sid=int(rest[3]),
        terminal=int(rest[4]),
        tpgid=int(rest[5]),
        zombie=rest[0] in "ZX" and _tasks(pid) <= 1,
    )


def family() -> dict[int, tuple[int, int, str]]:
    """Parent, process group and state of every process that can be seen, by pid."""
    found = {}
    for pid in pids():
        stat = _stat_fields(pid)
        if stat is not None:
            rest = stat[1]
            found[pid] = (int(rest[1]), int(rest[2]), rest[0])
    return found


def pids() -> list[int]:
    """The numbers of the processes that can be seen."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def started(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; None: it is not there."""
    stat = _stat_fields(pid)
    return None if stat is None else int(stat[1][19])


def alive(pid: int, start: int) -> bool:
    """Whether the process `pid` that began at `start` still runs; a zombie does not."""
    stat = _stat_fields(pid)
    if stat is None or int(stat[1][19]) != start:
        return False
    return stat[1][0] not in "ZX" or _tasks(pid) > 1


def ancestors(pid: int) -> list[int]:
    """The parents of a process, nearest first, as far as they can be seen."""
    found: list[int] = []
    while True:
        stat = _stat_fields(pid)
        pid = 0 if stat is None else int(stat[1][1])
        if pid <= 0 or pid in found:
            return found
        found.append(pid)


def command(pid: int) -> tuple[str, ...] | None:
    """The words that it was started with, as they stand there now; None: unreadable."""
    raw = _raw(f"/proc/{pid}/cmdline")
    return None if raw is None else tuple(os.fsdecode(raw).rstrip("\0").split("\0"))


def likeness(pid: int) -> str | None:
    """A digest of program, words and working directory: two processes that have the same are copies. None: unreadable."""
    raw = _raw(f"/proc/{pid}/cmdline")
    exe, cwd = _place(f"/proc/{pid}/exe"), _place(f"/proc/{pid}/cwd/.")
    if not raw or exe is None:
        return None
    return hashlib.sha256(repr((exe, cwd)).encode() + raw[:_HASHED]).hexdigest()


def namespace(pid: int | str, kind: str) -> int | None:
    """The inode of a namespace of a process; None: unreadable."""
    try:
        return os.stat(f"/proc/{pid}/ns/{kind}").st_ino
    except OSError:
        return None


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


def _stat_fields(pid: int) -> tuple[str, list[str]] | None:
    """Its name, and the fields of /proc/P/stat from the third on; None: it is gone."""
    raw = _raw(f"/proc/{pid}/stat")
    if not raw or b")" not in raw:
        return None
    head, _, tail = raw.rpartition(b")")
    fields = tail.decode("ascii", "replace").split()
    return (os.fsdecode(head.partition(b"(")[2]), fields) if len(fields) > 19 else None


def _uid(pid: int) -> int | None:
    for line in _text(f"/proc/{pid}/status").splitlines():
        if line.startswith("Uid:"):
            return int(line.split()[1])
    return None


def _tasks(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def _place(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def _text(path: str) -> str:
    return os.fsdecode(_raw(path) or b"")


def _raw(path: str) -> bytes | None:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(1 << 20)
    return None
