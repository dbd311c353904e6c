"""ScanContext one process from /proc: the raw lines, without a library, and without believing any of it to be well formed.

Everything of a process is read relative to one open handle of its folder: once the process has ended that handle answers
"no such process", even if its number is in use again, so that nothing of two processes is ever mixed. Leaves sockets to
`sockets`, memory that is expensive to `memory`, and the whole table to `snapshot`.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from gitfleet.onhost import silent_disks
from gitfleet.onhost.records import HostProcess, Identity

PROC = "/proc"
MARKER = b"GITFLEET_SESSION"
"""The only variable that is ever taken out of the environment of a process."""

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")

_KERNEL_THREAD = 0x00200000  # PF_KTHREAD
_MOST = 1 << 22
_DELETED = " (deleted)"
_SESSION_ID = re.compile(rb"[0-9A-Za-z_.:-]{1,128}\Z")
_VARIABLE = re.compile(rb"[^=\0]+=")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class ProcessEnded(Exception):
    """The process was there a moment ago, and is no more."""


class StatLine(NamedTuple):
    """What /proc/P/stat says, in the units of the kernel: ticks and pages."""

    pid: int
    name: str
    state: str
    ppid: int
    pgid: int
    sid: int
    terminal: int
    tpgid: int
    flags: int
    cpu: int
    nice: int
    threads: int
    start: int
    rss: int


def parse_stat(data: bytes) -> StatLine | None:
    """The line, or None where it is none. The name may hold anything, newlines and `) R 1 (` included."""
    head, open_bracket, rest = data.partition(b"(")
    name, close_bracket, tail = rest.rpartition(b")")
    field = tail.split()
    try:
        if not open_bracket or not close_bracket:
            return None
        return StatLine(
            int(head), os.fsdecode(name), field[0].decode("ascii"), int(field[1]), int(field[2]), int(field[3]),
            int(field[4]), int(field[5]), int(field[6]), int(field[11]) + int(field[12]), int(field[16]),
            int(field[17]), int(field[19]), int(field[21]),
        )  # fmt: skip
    except (IndexError, ValueError):
        return None


class Folder:
    """The open folder of one process (or of one of its threads). A context manager.

    Its methods raise ProcessEnded once the process has ended, PermissionError for what may not be seen, and OSError.
    """

    def __init__(self, path: str, within: int | None = None) -> None:
        try:
            self._handle = os.open(path, _FOLDER, dir_fd=within)
        except (FileNotFoundError, ProcessLookupError):
            raise ProcessEnded(path) from None

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def inner(self, path: str) -> Folder:
        """A folder in it."""
        return Folder(path, self._handle)

    def read(self, name: str, limit: int = _MOST) -> bytes:
        """The bytes of a file in it, at most `limit` of them."""
        try:
            file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._handle)
            try:
                data = part = os.read(file, 16384)
                while part and len(data) < limit:
                    part = os.read(file, 1 << 18)
                    data += part
            finally:
                os.close(file)
        except ProcessLookupError:
            raise ProcessEnded(name) from None
        return data

    def link(self, name: str) -> str:
        """Where a link in it points to."""
        try:
            return os.readlink(name, dir_fd=self._handle)
        except ProcessLookupError:
            raise ProcessEnded(name) from None

    def stat(self, name: str) -> os.stat_result:
        """What is behind a link in it."""
        try:
            return os.stat(name, dir_fd=self._handle)
        except ProcessLookupError:
            raise ProcessEnded(name) from None

    def names(self, name: str) -> list[str]:
        """The entries of a folder in it."""
        try:
            handle = os.open(name, _FOLDER, dir_fd=self._handle)
            try:
                return os.listdir(handle)
            finally:
                os.close(handle)
        except ProcessLookupError:
            raise ProcessEnded(name) from None

    def open(self, name: str, flags: int) -> int:
        """A file in it, open anew; the caller closes it."""
        try:
            return os.open(name, flags | os.O_CLOEXEC, dir_fd=self._handle)
        except ProcessLookupError:
            raise ProcessEnded(name) from None

    def lstat(self, name: str) -> os.stat_result:
        """A link in it, itself."""
        try:
            return os.stat(name, dir_fd=self._handle, follow_symlinks=False)
        except ProcessLookupError:
            raise ProcessEnded(name) from None


def numbers(root: str = PROC) -> list[int]:
    """The processes that /proc lists."""
    return [int(name) for name in os.listdir(root) if name.isdecimal()]


def exists(pid: int) -> bool:
    """Whether a process is there, though /proc does not show it. What may not be signalled is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


class Sample(NamedTuple):
    """What one process had used up at a moment: ticks of CPU time, bytes read and written (None: not ours to know)."""

    start: int
    cpu: int
    io: int | None


def sample(folder: Folder, own: bool) -> Sample | None:
    """How much it has used until now; None for a line that makes no sense."""
    line = parse_stat(folder.read("stat"))
    return None if line is None else Sample(line.start, line.cpu, io_total(folder) if own else None)


class ScanContext(NamedTuple):
    """What is the same for all processes of a scan. `silent`: disks that do not answer, and are not looked at."""

    boot: str
    uid: int
    uptime: float
    root: str = PROC
    silent: tuple[str, ...] = ()


def process(folder: Folder, reading: ScanContext) -> HostProcess | None:
    """All that one process tells of itself; of one of another user, only what everybody may know.

    None for a line that makes no sense. Raises ProcessEnded, and PermissionError where not even that may be seen.
    """
    line = parse_stat(folder.read("stat"))
    if line is None:
        return None
    uid, swap = _status(folder)
    gaps: list[str] = []
    zombie = line.state == "Z"
    if zombie:
        living = _living_thread(folder, line.pid)
        if living:
            with folder.inner(f"task/{living}") as thread:
                return _filled(thread, line, _status(thread), reading, gaps)
    return _filled(folder, line, (uid, swap), reading, gaps, zombie=zombie)


def _filled(
    folder: Folder,
    line: StatLine,
    status: tuple[int, int],
    reading: ScanContext,
    gaps: list[str],
    *,
    zombie: bool = False,
) -> HostProcess:
    uid, swap = status
    kernel = bool(line.flags & _KERNEL_THREAD)
    silent = zombie or kernel  # nothing to be read, and nothing is missing
    own = uid == reading.uid and not silent
    exe = cwd = _NOWHERE
    spaces: tuple[int | None, int | None] = (None, None)
    marker = None
    if own:
        exe, cwd = (_place(folder, name, gaps, reading.silent) for name in ("exe", "cwd"))
        spaces = _namespace(folder, "ns/pid", gaps), _namespace(folder, "ns/mnt", gaps)
        marker = _marker(folder, gaps)
    cgroup = None if kernel else _cgroup(folder)
    return HostProcess(
        identity=Identity(reading.boot, line.pid, line.start, uid, exe.inode, *spaces),
        ppid=line.ppid, pgid=line.pgid, sid=line.sid, tpgid=line.tpgid, terminal=line.terminal,
        state=_thread_state(folder, line, zombie=zombie), name=line.name,
        command=() if silent else _command(folder, gaps, own=own),
        exe=exe.path, exe_deleted=exe.deleted, cwd=cwd.path, cwd_inode=cwd.inode, cwd_deleted=cwd.deleted,
        age=max(0.0, reading.uptime - line.start / TICKS), cpu_total=line.cpu / TICKS,
        rss=line.rss * PAGE, swap=swap, threads=line.threads, nice=line.nice,
        cgroup=cgroup, unit=unit_of(cgroup), marker=marker, zombie=zombie, kernel=kernel, gaps=tuple(gaps),
    )  # fmt: skip


class LinkTarget(NamedTuple):
    """What a link of a process points to: its path as the process sees it, device and inode, and whether it was removed."""

    path: str | None
    inode: tuple[int, int] | None
    deleted: bool


_NOWHERE = LinkTarget(None, None, False)


def _place(folder: Folder, name: str, gaps: list[str], silent: tuple[str, ...]) -> LinkTarget:
    """The link itself has the word "(deleted)", but a name may end with it too: then the file it names is the same one."""
    try:
        path = folder.link(name)
        if silent and silent_disks.lies_on(path, silent):
            gaps.append(name)
            return LinkTarget(path, None, False)
        there = folder.stat(name)
    except OSError:
        gaps.append(name)
        return _NOWHERE
    inode = there.st_dev, there.st_ino
    if not path.endswith(_DELETED):
        return LinkTarget(path, inode, False)
    try:
        named = os.stat(path)
    except (OSError, ValueError):
        named = None
    if named is not None and (named.st_dev, named.st_ino) == inode:
        return LinkTarget(path, inode, False)
    return LinkTarget(path[: -len(_DELETED)], inode, True)


def _namespace(folder: Folder, name: str, gaps: list[str]) -> int | None:
    try:
        number = folder.link(name).rpartition("[")[2].rstrip("]")
    except OSError:
        gaps.append(name)
        return None
    return int(number) if number.isdecimal() else None


def _command(folder: Folder, gaps: list[str], *, own: bool) -> tuple[str, ...]:
    try:
        data = folder.read("cmdline", 1 << 18).rstrip(b"\0")
    except OSError:
        if own:
            gaps.append("command")
        return ()
    return tuple(os.fsdecode(word) for word in data.split(b"\0")) if data else ()


def _marker(folder: Folder, gaps: list[str]) -> str | None:
    """The session that its environment names. An environment that its title has overwritten is a gap, and so is one that names two."""
    try:
        data = folder.read("environ")
    except OSError:
        gaps.append("marker")
        return None
    found = set((b"\0" + data).split(b"\0" + MARKER + b"=")[1:])
    values = {part.partition(b"\0")[0] for part in found} - {b""}
    if len(values) > 1 or (not values and data and not _VARIABLE.match(data)):
        gaps.append("marker")
        return None
    if not values:
        return None
    value = values.pop()
    if not _SESSION_ID.match(value):
        gaps.append("marker")
        return None
    return value.decode("ascii")


def io_total(folder: Folder) -> int | None:
    """Bytes that it has read and written since its start, whatever they came from."""
    try:
        lines = folder.read("io").split()
        return int(lines[1]) + int(lines[3])
    except (OSError, IndexError, ValueError):
        return None


def _status(folder: Folder) -> tuple[int, int]:
    """The real user id (-1: not told), and swap in bytes."""
    try:
        data = folder.read("status")
    except OSError:
        return -1, 0
    return _number(data, b"\nUid:", -1), _number(data, b"\nVmSwap:", 0) * 1024


def _number(data: bytes, word: bytes, otherwise: int) -> int:
    start = data.find(word)
    try:
        return int(data[start + len(word) : start + len(word) + 32].split()[0]) if start >= 0 else otherwise
    except (IndexError, ValueError):
        return otherwise


def _living_thread(folder: Folder, pid: int) -> int:
    """A thread that goes on though the main one has ended; 0 for a true zombie. The main thread of such a process looks like one."""
    try:
        others = [int(name) for name in folder.names("task") if name.isdecimal() and int(name) != pid]
    except OSError:
        return 0
    return min(others, default=0)


def _thread_state(folder: Folder, line: StatLine, *, zombie: bool) -> str:
    if zombie or line.state != "Z":
        return line.state
    try:
        own = parse_stat(folder.read("stat"))
    except OSError:
        return "S"
    return own.state if own else "S"


def _cgroup(folder: Folder) -> str | None:
    """The path of its control group: of the one hierarchy, else of systemd's."""
    try:
        rows = [line.split(b":", 2) for line in folder.read("cgroup").splitlines()]
    except OSError:
        return None
    known = {row[1]: os.fsdecode(row[2]) for row in rows if len(row) == 3}
    path = known.get(b"name=systemd")
    one = known.get(b"")
    return one if one not in (None, "/") or path is None else path


def unit_of(cgroup: str | None) -> str | None:
    """The innermost systemd unit of a control group: a service or scope; None for none."""
    for part in reversed((cgroup or "").split("/")):
        if part.endswith((".service", ".scope")):
            return part
    return None
