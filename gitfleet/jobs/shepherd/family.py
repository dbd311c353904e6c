"""The processes that belong to an attempt: the agent's session, its group, what carries its mark, what descends from it.

Read from /proc; psutil where there is none. The agent leads a session of its own, so what it starts is in that session,
also what has a process group of its own (a shell's jobs). What has left the session is known by its mark,
GITFLEET_SESSION in the environment that it was started with. A zombie is gone: nothing of it can run.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from gitfleet.base import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARK = "GITFLEET_SESSION"
_PROC = os.path.exists("/proc/self/stat")


class Member:
    """A process: its pid, parent, group, session, start (ticks since boot; elsewhere hundredths of seconds), and whether it is only a zombie."""

    __slots__ = ("group", "parent", "pid", "session", "start", "zombie")

    def __init__(self, pid: int, parent: int, group: int, session: int, start: int, *, zombie: bool) -> None:
        self.pid, self.parent, self.group, self.session = pid, parent, group, session
        self.start, self.zombie = start, zombie


def processes() -> list[Member]:
    """Every process that can be seen."""
    if not _PROC:
        return list(_from_psutil())
    return [found for pid in identity.pids() if (found := member(pid))]


def member(pid: int) -> Member | None:
    """One process by its number; None where there is none."""
    if not _PROC:
        return next((one for one in _from_psutil() if one.pid == pid), None)
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            text = file.read()
    except OSError:
        return None
    fields = text.rpartition(b")")[2].split()
    if len(fields) < 20:
        return None
    zombie = fields[0] in {b"Z", b"X"} and _threads(pid) <= 1  # the main thread may have ended alone
    return Member(pid, int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]), zombie=zombie)


def members(agent: int, everybody: Iterable[Member] | None = None) -> list[Member]:
    """What runs of the group and the session that process `agent` leads or led."""
    found = processes() if everybody is None else everybody
    return [one for one in found if agent in {one.group, one.session} and not one.zombie]


def marked(mark: str, since: int, everybody: Iterable[Member] | None = None) -> list[Member]:
    """What runs with this mark and began at or after `since`: processes of our own user only. None where `mark` is empty."""
    if not mark:
        return []
    found = processes() if everybody is None else everybody
    young = (one for one in found if not one.zombie and one.start >= since)
    return [one for one in young if identity.environment_values(one.pid, [MARK]).get(MARK) == mark]


def send(pids: Iterable[int], number: int) -> None:
    """Send a signal to processes; those that have ended, or are not ours, are no error. What is stopped is woken for TERM."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            if number == signal.SIGTERM:
                os.kill(pid, signal.SIGCONT)


def send_group(group: int, number: int) -> None:
    """The same for a process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        if number == signal.SIGTERM:
            os.killpg(group, signal.SIGCONT)


def command(pid: int) -> str:
    """What a process was started as, for people; at most 200 characters, any of them."""
    words = os.fsencode(" ".join(identity.command_line(pid)))
    return words.decode("utf-8", "replace").strip()[:200]


def _threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def _from_psutil() -> Iterator[Member]:
    import psutil  # only where there is no /proc

    for one in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            zombie = one.status() == psutil.STATUS_ZOMBIE
            start = round(one.create_time() * 100)
            yield Member(one.pid, one.ppid(), os.getpgid(one.pid), os.getsid(one.pid), start, zombie=zombie)
