"""Who is at work in a worktree: one look at the processes of this machine for all worktrees together.

Three kinds of evidence: processes whose working directory, program or open files lie in the tree; the session's own process
by its identity; and the lock files that agents leave in the tree. A lock file counts only while the process it names lives
and is not younger than the file; one that cannot be understood counts (unknown means in use). Other users' processes may
not be visible to us.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from gitfleet.base import identity, plain_json
from gitfleet.base.text import display, some
from gitfleet.sessions.local import Here

LOCK_FILES = (".claude-session-active", ".codex_session_active", ".nomic-session-active")
_MAX_LOCK = 16 * 1024
_DEEP = 64  # folders above a working directory that are looked at
_SLACK = 5.0  # seconds between the start of a process and the time on the lock file that it may be behind


Sign = Literal["cwd", "program", "open file", "session", "lock"]


class User(NamedTuple):
    """One sign that somebody is at work in a tree.

    `how` is `cwd`, `program`, `open file`, `session` or `lock`; `what` the path or the session's id; `pid` is 0 where none
    is known; `name` is the program's.
    """

    how: Sign
    what: str
    pid: int
    name: str

    def __str__(self) -> str:
        who = f"process {self.pid} ({self.name or 'unknown'})" if self.pid else "somebody"
        match self.how:
            case "session":
                return f"session {self.what}" + (f", {who}" if self.pid else "")
            case "lock":
                return f"{who} by the lock file {self.what}"
            case "cwd":
                return f"{who} works there"
            case _:
                return f"{who} has {self.what} open"


def in_use(there: Sequence[User]) -> str:
    """That somebody is at work in a tree, in words that are safe to show."""
    return f"it is in use: {some([display(str(one)) for one in there], 1)}"


def users(
    paths: Sequence[str], *, sessions: Iterable[Here] = (), without: Collection[int] = ()
) -> dict[str, list[User]]:
    """The users of each of `paths` (tops of worktrees), by path as given; an empty list where nobody was found.

    `sessions` are those of this clone. Processes in `without` do not count, whatever the evidence (see `callers.family`). The
    main worktree's path may be among them: what lies in a worktree below it counts for that one. Costs one pass over /proc.
    """
    found: dict[str, list[User]] = {path: [] for path in paths}
    if not found:
        return found
    places = {os.path.realpath(path): path for path in paths}
    tops = {known: path for path in paths for known in _identity(path)}
    seen: set[tuple[str, int]] = set()
    for pid, how, where in _traces():
        path = _tree_of(where, places)
        if path is None and how == "cwd":
            path = _tree_around(f"/proc/{pid}/cwd", tops)
        if path is None or pid in without or (path, pid) in seen:
            continue
        seen.add((path, pid))
        found[path].append(User(how, where, pid, _name(pid)))
    for session in sessions:
        path = places.get(os.path.realpath(session.worktree)) if session.worktree else None
        if path is not None and session.alive and not (session.process and session.process.pid in without):
            pid = session.process.pid if session.process else 0
            found[path].append(User("session", session.id, pid, _name(pid) if pid else ""))
    for path in paths:
        found[path] += [user for user in _locks(path) if not user.pid or user.pid not in without]
    return found


def _locks(path: str) -> Iterator[User]:
    """The lock files of agents at the top of a worktree that count."""
    for name in LOCK_FILES:
        text, written = _read_lock(os.path.join(path, name)) or (None, 0.0)
        if text is None:
            continue
        pids = _pids(text)
        alive = next((pid for pid in pids if _started_before(pid, written)), 0)
        if alive or not pids:
            yield User("lock", name, alive, _name(alive) if alive else "")


def _traces() -> Iterator[tuple[int, Sign, str]]:
    """(pid, kind of evidence, absolute path) of every process that may be looked at, the strongest evidence first."""
    if os.path.isdir("/proc/self/fd"):
        for pid in identity.pids():
            yield from _traces_of(pid)
        return
    import psutil  # 20 ms, and only where there is no /proc

    for process in psutil.process_iter():
        try:
            yield process.pid, "cwd", process.cwd()
            for file in process.open_files():
                yield process.pid, "open file", file.path
        except (psutil.Error, OSError):
            continue


def _traces_of(pid: int) -> Iterator[tuple[int, Sign, str]]:
    folder = f"/proc/{pid}"
    if where := _link(f"{folder}/cwd"):
        yield pid, "cwd", where
    if where := _link(f"{folder}/exe"):
        yield pid, "program", where
    try:
        handles = os.listdir(f"{folder}/fd")
    except OSError:
        return
    for handle in handles:
        if where := _link(f"{folder}/fd/{handle}"):
            yield pid, "open file", where


def _link(path: str) -> str:
    try:
        target = os.readlink(path)
    except OSError:
        return ""
    return target.removesuffix(" (deleted)") if target.startswith("/") else ""


def _tree_of(where: str, places: Mapping[str, str]) -> str | None:
    """The innermost of the trees that `where` lies in."""
    while where:
        if where in places:
            return places[where]
        where = where.rpartition("/")[0]
    return None


def _tree_around(folder: str, tops: Mapping[tuple[int, int], str]) -> str | None:
    """The innermost of the trees that a folder lies in, by the folders themselves: a process in a container, or below a
    mount, has other names for them.
    """
    for _ in range(_DEEP):
        found = _identity(folder)
        if not found or found[0] in tops:
            return tops[found[0]] if found else None
        above = _identity(f"{folder}/..")
        if above == found:
            return None
        folder += "/.."
    return None


def _identity(folder: str) -> list[tuple[int, int]]:
    """Device and number of a folder; empty where it cannot be told."""
    try:
        seen = os.stat(folder)
    except OSError:
        return []
    return [(seen.st_dev, seen.st_ino)]


def _name(pid: int) -> str:
    arguments = identity.command_line(pid)
    return identity.program_name(arguments[0]) if arguments else ""


def _read_lock(path: str) -> tuple[bytes, float] | None:
    """The content of a lock file and when it was written (seconds since 1970); None when there is none.

    Never waits and never follows: the tree is somebody else's, and a fifo or a link may stand there.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:
        return b"", 0.0
    try:
        state = os.fstat(handle)
        return os.read(handle, _MAX_LOCK) if stat.S_ISREG(state.st_mode) else b"", state.st_mtime
    except OSError:
        return b"", 0.0
    finally:
        os.close(handle)


def _pids(text: bytes) -> list[int]:
    """The processes that a lock file names: JSON with `pid`, `ppid`, or lines `pid=…`; empty when it cannot be understood."""
    try:
        raw = plain_json.load(text)
        pairs = list(raw.items()) if isinstance(raw, dict) else [("pid", raw)]
    except ValueError:
        lines = (line.partition(b"=") for line in text.splitlines())
        pairs = [(os.fsdecode(name.strip()), os.fsdecode(value.strip())) for name, _, value in lines]
    found = []
    for name, value in pairs:
        if name in {"pid", "ppid"} and str(value).isdecimal() and len(str(value)) < 11:
            found.append(int(value))
    return found


def _started_before(pid: int, written: float) -> bool:
    """Whether a process lives that can have written the file: one that started later has only the number of another."""
    import psutil  # 20 ms, and only where a lock file lies

    if pid < 1 or (pid == 1 and os.getpid() != 1 and not _in_container()):
        return False  # 0 means whole groups to the system, and pid 1 of a host is nobody's agent
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= written + _SLACK
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _in_container() -> bool:
    here = identity.identify(os.getpid())
    return here is not None and here.namespace != 0
