"""The machine itself: its boot, memory, load, pressure, and what the kernel has killed for want of memory."""

from __future__ import annotations

import os
import platform
import time

from gitfleet.onhost import procfs
from gitfleet.onhost.records import HostFacts

RESOURCES = ("cpu", "memory", "io")
_VISIBLE = frozenset(("0", "off"))


def now() -> float:
    """Seconds since 1970 on the clock of this host."""
    return time.time()


def gather(uid: int, root: str = procfs.PROC, *, foreign: int = 0, unreadable: int = 0) -> HostFacts:
    """What there is to know of the machine now. What it does not tell is 0, empty, or None."""
    memory = _memory(root)
    return HostFacts(
        boot=boot(root), uid=uid, user=user_name(uid), host_name=platform.node(),
        system=f"{platform.system()} {platform.release()}", python=platform.python_version(),
        cores=os.cpu_count() or 1, ticks=procfs.TICKS,
        memory_total=memory.get("MemTotal", 0), memory_available=memory.get("MemAvailable", 0),
        swap_total=memory.get("SwapTotal", 0), swap_free=memory.get("SwapFree", 0),
        load=_load(root), pressure={one: _pressure(root, one) for one in RESOURCES},
        oom_kills=_oom_kills(root), uptime=uptime(root),
        foreign=foreign, unreadable=unreadable, hidden=hidden(root, uid),
    )  # fmt: skip


def boot(root: str = procfs.PROC) -> str:
    """The name of this boot; empty where the kernel tells none."""
    return _text(root, "sys/kernel/random/boot_id").strip()


def uptime(root: str = procfs.PROC) -> float:
    """Seconds since the boot, on the clock that the starts of processes are told in."""
    try:
        return float(_text(root, "uptime").split()[0])
    except (IndexError, ValueError):
        return 0.0


def user_name(uid: int) -> str:
    """What a user is called; the number where nobody knows."""
    import pwd  # not on every system

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def hidden(root: str, uid: int) -> bool:
    """Whether /proc leaves out processes of others, or shows them without what they are: then absence proves nothing."""
    try:
        with procfs.Folder(root + "/1") as first:
            first.read("stat")
    except (procfs.ProcessEnded, OSError):
        return True
    return uid != 0 and _hides(_text(root, "self/mountinfo"), root)


def _hides(mounts: str, root: str) -> bool:
    """Whether the mount of /proc has an option that hides, unless one of our groups is exempt."""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        place, options = (
            before.split()[4:5],
            dict(_option(one) for one in after.rpartition(" ")[2].split(",")),
        )
        if place == [root] and after.startswith("proc "):
            exempt = options.get("gid", "")
            seen = exempt.isdecimal() and int(exempt) in (*os.getgroups(), os.getegid())
            return options.get("hidepid", "0") not in _VISIBLE and not seen
    return False


def _option(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value


def _text(root: str, name: str) -> str:
    try:
        with open(f"{root}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""


def _memory(root: str) -> dict[str, int]:
    """In bytes."""
    rows = (line.replace(":", " ").split() for line in _text(root, "meminfo").splitlines())
    return {row[0]: int(row[1]) * 1024 for row in rows if len(row) > 1 and row[1].isdecimal()}


def _load(root: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in _text(root, "loadavg").split()[:3])
    except ValueError:
        return ()


def _pressure(root: str, resource: str) -> float | None:
    """The share of the last minute in which something waited for it, in percent. None where the kernel does not count."""
    for line in _text(root, "pressure/" + resource).splitlines():
        words = line.split()
        if words[:1] == ["some"]:
            known = dict(_option(word) for word in words[1:])
            try:
                return float(known["avg60"])
            except (KeyError, ValueError):
                return None
    return None


def _oom_kills(root: str) -> int | None:
    for line in _text(root, "vmstat").splitlines():
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.isdecimal():
            return int(value)
    return None
