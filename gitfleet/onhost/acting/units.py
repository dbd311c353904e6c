"""Whether a service manager keeps a process up: then it would be started again, and its unit is what must be stopped.

A unit's control group also holds what its jobs have left behind (a build's runner, cron, sshd without logind): that is
not kept up. So it is asked whether a process is the unit's first, or stands below one of the same unit that lives.
"""

from __future__ import annotations

from gitfleet.onhost.acting import sighting
from gitfleet.onhost.acting.sighting import Sighting

_APPLICATIONS = ("app-", "user@", "session-", "tmux-spawn-", "run-")
_MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")


def is_kept_up(one: Sighting) -> bool:
    """Whether a service of the system's or the user's manager would bring it back, or still owns it."""
    path = service_of(one.pid)
    if not path:
        return False
    if one.ppid > 1 and service_of(one.ppid) == path:
        return True
    first = _first_of(path)
    return first is None or first == one.pid


def service_of(pid: int) -> str:
    """The control group of the service that a process is in; "": in none."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
            lines = file.read(65536).splitlines()
    except OSError:
        return ""
    for line in lines:
        path = line.split(":", 2)[-1]
        parts = path.split("/")
        services = [
            part for part in parts if part.endswith(".service") and not part.startswith(_APPLICATIONS)
        ]
        if services and not parts[-1].endswith(".scope"):
            return path
    return ""


def _first_of(path: str) -> int | None:
    """The process of a control group that began first; None: it cannot be read."""
    for mount in _MOUNTS:
        try:
            with open(f"{mount}{path}/cgroup.procs", encoding="ascii") as file:
                pids = [int(line) for line in file.read(1 << 20).split()]
        except (OSError, ValueError):
            continue
        known = [(start, pid) for pid in pids for start in [sighting.started(pid)] if start is not None]
        return min(known)[1] if known else None
    return None
