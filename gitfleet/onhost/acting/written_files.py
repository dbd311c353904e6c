"""What a process has open for writing that could be lost with it: regular files on real filesystems, deleted ones too.

Terminals, pipes, sockets, devices and shared memory are none of these; logs and caches can be lost. Shared writable
mappings count like open files. Paths stay here: what is answered is how many there are of which kind.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field

from gitfleet.onhost.acting import reachable

DATA, UNLINKED, DATABASE, LOG, SCRATCH = "data", "unlinked", "database", "log", "scratch"
_DELETED = " (deleted)"
_MEMORY = re.compile(r"/(memfd:|dev/(shm/[^/]+$|(?!shm/))|SYSV|proc/|sys/|run/|anon_hugepage|drm mm object)")
"""Devices, and memory that looks like a file: what shm_open makes has no folder, a file in a folder of /dev/shm is one."""
_LOG = re.compile(r"(\.(log|out|err)(\.\d+)?|/nohup\.out|\.log\.[\w.-]+)$|/(logs?|journal)/", re.IGNORECASE)
_SCRATCH = frozenset([
    "node_modules", ".cache", ".next", ".nuxt", ".turbo", ".vite", ".parcel-cache", "__pycache__", ".pytest_cache",
    ".mypy_cache", ".ruff_cache", ".svelte-kit", ".angular", ".gradle",
])  # fmt: skip
_DATABASE = re.compile(
    r"(-journal|-wal|-shm|\.wal|\.mdb|\.ldb|\.ibd|\.frm|\.myd|\.sqlite3?|\.db3?|\.rdb|\.aof|\.kdbx)$|/ibdata\d+$"
    r"|/pg_wal/|/postmaster\.pid$|/MANIFEST-\d+$",
    re.IGNORECASE,
)
_TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/")  # noqa: S108 - where test runners catch what tests print
_MOST = 20_000


@dataclass
class WrittenFiles:
    """The files that some processes have open for writing, each once, by kind; `unknown`: of how many processes it is not known."""

    kinds: dict[tuple[int, int], str] = field(default_factory=dict)
    unknown: int = 0

    def count(self, *kinds: str) -> int:
        """How many there are of these kinds."""
        return sum(kind in kinds for kind in self.kinds.values())


def written_files(pids: Iterable[int]) -> WrittenFiles:
    """What the processes `pids` have open for writing now. One that has gone meanwhile writes nothing."""
    found = WrittenFiles()
    for pid in pids:
        try:
            for key, kind in [*_open_files(pid), *_mappings(pid)]:
                if found.kinds.get(key, SCRATCH) in (SCRATCH, LOG):  # the graver kind of two names
                    found.kinds[key] = kind
        except (FileNotFoundError, ProcessLookupError):
            continue
        except (OSError, ValueError):
            found.unknown += 1
    return found


def kind_of(path: str, *, unlinked: bool, output: bool = False) -> str:
    """What a file is that is open for writing, by its path as /proc shows it. "": nothing that can be lost.

    `output`: it takes all of a program's output; or, of a deleted one, that on standard output or error, as test runners catch it.
    """
    name = path[: -len(_DELETED)] if path.endswith(_DELETED) else path
    if not name.startswith("/") or _MEMORY.match(name):
        return ""
    if unlinked:
        return LOG if output and name.startswith(_TEMPORARY) else UNLINKED
    if not _SCRATCH.isdisjoint(name.split("/")):
        return SCRATCH
    if output or _LOG.search(name):
        return LOG
    if _DATABASE.search(name) or os.path.exists(f"{name}-journal") or os.path.exists(f"{name}-wal"):
        return DATABASE
    return DATA


def _open_files(pid: int) -> list[tuple[tuple[int, int], str]]:
    folder = f"/proc/{pid}/fd"
    written: list[tuple[str, os.stat_result, str]] = []
    for name in os.listdir(folder)[:_MOST]:
        link = f"{folder}/{name}"
        try:
            if not os.lstat(link).st_mode & stat.S_IWUSR:  # the link's mode is that of the descriptor
                continue
            path = os.readlink(link)
            reachable.demand(path)
            found = os.stat(link)
            if stat.S_ISREG(found.st_mode):
                written.append((name, found, path))
        except FileNotFoundError:
            continue  # closed meanwhile
    places = {name: (found.st_dev, found.st_ino) for name, found, _ in written}
    out, err = places.get("1"), places.get("2")
    kinds = []
    for name, found, path in written:
        unlinked = found.st_nlink == 0
        output = places[name] in {out, err} if unlinked else places[name] == out == err
        kind = kind_of(path, unlinked=unlinked, output=output)
        if kind:
            kinds.append(((found.st_dev, found.st_ino), kind))
    return kinds


def _mappings(pid: int) -> list[tuple[tuple[int, int], str]]:
    with open(f"/proc/{pid}/maps", "rb") as file:
        lines = file.read(64 << 20).splitlines()
    kinds = []
    for line in lines:
        fields = line.split(None, 5)
        if len(fields) < 6 or fields[1][1:2] != b"w" or fields[1][3:4] != b"s" or fields[4] == b"0":
            continue
        path = os.fsdecode(fields[5])
        reachable.demand(path)
        major, _, minor = fields[3].partition(b":")
        kind = kind_of(path, unlinked=path.endswith(_DELETED))
        if kind:
            kinds.append(((os.makedev(int(major, 16), int(minor, 16)), int(fields[4])), kind))
    return kinds


def locked_files(pids: Iterable[int], written: WrittenFiles) -> int | None:
    """How many files these processes have locked for writing. Those in caches do not count. None: /proc/locks cannot be read.

    A lock of an open file description names no process: it is theirs if the file is among `written`.
    """
    try:
        with open("/proc/locks", "rb") as file:
            lines = file.read(16 << 20).splitlines()
    except OSError:
        return None
    known = set(pids)
    idle = {inode for (_, inode), kind in written.kinds.items() if kind == SCRATCH}
    theirs = {inode for (_, inode), kind in written.kinds.items() if kind != SCRATCH}
    found = set()
    for line in lines:
        fields = line.split()
        if len(fields) < 8 or fields[1] == b"->" or fields[3] != b"WRITE" or fields[1] == b"LEASE":
            continue
        inode = int(fields[5].rsplit(b":", 1)[-1])
        if inode not in idle and (int(fields[4]) in known or inode in theirs):
            found.add(fields[5])
    return len(found)
