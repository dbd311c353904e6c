"""Making processes slower: renice where it has an effect, and throttle to a part of one core. Both say how they can be taken back.

With autogroups (the kernel's default on most desktops) a nice value counts within a terminal session only, and a user cannot
lower it again; the session's autogroup has the effect, and goes back. It counts only where no cpu control group stands in between.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from gitfleet.onhost.acting import sighting
from gitfleet.onhost.acting.journal_line import Line, table, text, whole, wholes
from gitfleet.onhost.acting.muster import Muster
from gitfleet.onhost.acting.work_order import DONE, FAILED, SKIPPED, ActEnd, WorkOrder
from gitfleet.onhost.records import HostProcess

_CGROUPS = "/sys/fs/cgroup"
_PERIOD = 100_000
_T = TypeVar("_T")


@dataclass(frozen=True)
class SpeedBefore:
    """How fast they were: what is noted before a change. One of these has something: nice values of `autogroups` by a member's pid,
    nice values of `threads`, `cores` of threads (each by `pid:start:tid`), or the `limit` of a `cgroup`.
    """

    autogroups: Mapping[str, int] = field(default_factory=dict)
    threads: Mapping[str, int] = field(default_factory=dict)
    cores: Mapping[str, list[int]] = field(default_factory=dict)
    cgroup: str = ""
    limit: str = ""

    def noted(self) -> Line:
        """As the journal keeps it."""
        if self.cgroup:
            return {"cgroup": self.cgroup, "max": self.limit}
        named = {"autogroups": self.autogroups, "threads": self.threads, "cores": self.cores}
        return {name: value for name, value in named.items() if value}


def _before(noted: Line) -> SpeedBefore:
    """What the journal has. Raises OpRefused: it is in no form of ours."""
    return SpeedBefore(
        {pid: whole(nice) for pid, nice in table(noted, "autogroups").items()},
        {thread: whole(nice) for thread, nice in table(noted, "threads").items()},
        {thread: wholes(mask) for thread, mask in table(noted, "cores").items()},
        text(noted.get("cgroup", "")),
        text(noted.get("max", "")),
    )


def renice(order: WorkOrder, crowd: Muster) -> ActEnd:
    """Give them a higher nice value: by autogroup where that counts and the whole session is theirs, else each of their threads."""
    nice = order.request.options.nice
    noted = order.entry.step("about-renice")
    if noted is None:
        groups = autogroups(crowd.members)
        before = (
            SpeedBefore(autogroups=groups) if groups else SpeedBefore(threads=_thread_values(crowd, _nice_of))
        )
        order.around("renice", lambda: _set_nice(before, nice), **before.noted())
    else:
        before = _before(noted)
    by_group = bool(before.autogroups)
    slow = (
        all(_autogroup_nice(int(pid)) == nice for pid in before.autogroups)
        if by_group
        else all(value >= nice for value in _thread_values(crowd, _nice_of).values())
    )
    words = "of their session's autogroup" if by_group else "of each thread"
    return ActEnd(
        DONE if slow else FAILED, f"nice {nice} {words}" if slow else "the nice value did not stick"
    )


def throttle(order: WorkOrder, crowd: Muster) -> ActEnd:
    """Leave them a part of one core: by their own control group where it is the user's and holds nobody else, else one core for all."""
    noted = order.entry.step("about-throttle")
    if noted is None:
        folder = own_cgroup(crowd.members)
        cores = _thread_values(crowd, _cores_of)
        if not folder and all(len(mask) < 2 for mask in cores.values()):
            return ActEnd(SKIPPED, "they have one core only already")
        limit = (_read(f"{folder}/cpu.max") or "") if folder else ""
        if folder and _is_tighter(limit, order.request.options.share):
            return ActEnd(SKIPPED, "their control group has no larger share of a core already")
        before = SpeedBefore(cgroup=folder, limit=limit) if folder else SpeedBefore(cores=cores)
        order.around("throttle", lambda: _set_limit(before, order.request.options.share), **before.noted())
    else:
        before = _before(noted)
    if before.cgroup:
        held = _read(f"{before.cgroup}/cpu.max") != before.limit
        return ActEnd(DONE if held else FAILED, "its control group has a part of one core")
    held = all(len(mask) <= 1 for mask in _thread_values(crowd, _cores_of).values())
    return ActEnd(
        DONE if held else FAILED, "one core for all" if held else "threads are on several cores still"
    )


def unslow(noted: Line) -> bool:
    """Give back what `about-renice` or `about-throttle` has noted. False: it cannot be given back (all of it, or a part)."""
    before = _before(noted)
    done = True
    for leader, nice in before.autogroups.items():
        done = _write_autogroup(int(leader), nice) and done
    for thread, nice in before.threads.items():
        done = _each_thread(thread, partial(_set_nice_of, nice)) and done
    if before.cgroup:
        done = _write(f"{before.cgroup}/cpu.max", before.limit) and done
    every = sorted({core for mask in before.cores.values() for core in mask})
    for pid, start in _processes(before.cores):
        for tid in _tasks(pid, start):
            thread = f"{pid}:{start}:{tid}"
            done = _each_thread(thread, partial(_set_cores_of, before.cores.get(thread, every))) and done
    return done


def reversible(members: Iterable[HostProcess]) -> dict[str, bool]:
    """Which actions could be taken back for these processes, on this host, by this user."""
    return {
        "renice": bool(autogroups(tuple(members))) or _may_lower(),
        "pause": True,
        "throttle": True,
        "terminate": False,
    }


def autogroups(members: Iterable[HostProcess]) -> dict[str, int]:
    """The nice value of the autogroup of each session of `members`, by a member's pid; none where that would have no effect on them
    alone: it is off, they are in a cpu control group, or others are in their session.
    """
    if _read("/proc/sys/kernel/sched_autogroup_enabled") != "1":
        return {}
    known, found = {one.identity.pid for one in members}, {}
    sessions = {one.sid: one.identity.pid for one in members}
    if any(one.sid in sessions and one.pid not in known and sighting.runs(one) for one in sighting.lines()):
        return {}
    for pid in sessions.values():
        path = _cgroup(pid)
        nice = _autogroup_nice(pid)
        if nice is None or (path not in {None, "/"} and os.path.exists(f"{_CGROUPS}{path}/cpu.weight")):
            return {}
        found[str(pid)] = nice
    return found


def own_cgroup(members: Iterable[HostProcess]) -> str:
    """The folder of the control group (v2) that holds just these processes, and that this user may limit; "": there is none."""
    pids = {one.identity.pid for one in members}
    paths = {_cgroup(pid) for pid in pids}
    path = paths.pop() if len(paths) == 1 else None
    if not path or path == "/":
        return ""
    folder = f"{_CGROUPS}{path}"
    try:
        with open(f"{folder}/cgroup.procs", encoding="ascii") as file:
            inside = {int(line) for line in file.read(1 << 20).split()}
        with os.scandir(folder) as entries:  # what is in groups below it would be limited, too
            below = any(entry.is_dir(follow_symlinks=False) for entry in entries)
    except (OSError, ValueError):
        return ""
    return folder if inside <= pids and not below and os.access(f"{folder}/cpu.max", os.W_OK) else ""


def _is_tighter(limit: str | None, share: float) -> bool:
    """Whether a `cpu.max` leaves no more than `share` of a core already; unreadable ones do."""
    words = (limit or "").split()
    try:
        return words[0] != "max" and int(words[0]) <= share * int(words[1])
    except (IndexError, ValueError):
        return True


def _set_nice(before: SpeedBefore, nice: int) -> None:
    for pid in before.autogroups:
        _write_autogroup(int(pid), nice)
    for thread, value in before.threads.items():
        if value < nice:
            _each_thread(thread, partial(_set_nice_of, nice))


def _set_limit(before: SpeedBefore, share: float) -> None:
    if before.cgroup:
        _write(f"{before.cgroup}/cpu.max", f"{int(share * _PERIOD)} {_PERIOD}")
        return
    for thread, mask in before.cores.items():
        _each_thread(thread, partial(_set_cores_of, mask[-1:]))


def _thread_values(crowd: Muster, ask: Callable[[int], _T]) -> dict[str, _T]:
    """A value of each thread of each member, by `pid:start:tid`."""
    found = {}
    for pid, start in crowd.held:
        for tid in _tasks(pid, start):
            with contextlib.suppress(OSError):
                found[f"{pid}:{start}:{tid}"] = ask(tid)
    return found


def _each_thread(thread: str, change: Callable[[int], None]) -> bool:
    """Change one thread, if it is still that one. One that has ended needs nothing."""
    pid, start, tid = map(int, thread.split(":"))
    if not sighting.alive(pid, start) or not os.path.exists(f"/proc/{pid}/task/{tid}"):
        return True
    try:
        change(tid)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return True


def _processes(threads: Iterable[str]) -> set[tuple[int, int]]:
    return {(int(pid), int(start)) for pid, start, _ in (one.split(":") for one in threads)}


def _tasks(pid: int, start: int) -> list[int]:
    try:
        return [int(tid) for tid in os.listdir(f"/proc/{pid}/task")] if sighting.alive(pid, start) else []
    except OSError:
        return []


def _nice_of(tid: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, tid)


def _set_nice_of(nice: int, tid: int) -> None:
    os.setpriority(os.PRIO_PROCESS, tid, nice)


def _set_cores_of(cores: Iterable[int], tid: int) -> None:
    os.sched_setaffinity(tid, cores)


def _cores_of(tid: int) -> list[int]:
    return sorted(os.sched_getaffinity(tid))


def _may_lower() -> bool:
    return os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_NICE)[0] >= 20


def _autogroup_nice(pid: int) -> int | None:
    """/proc/P/autogroup is `/autogroup-25 nice 0`."""
    said = (_read(f"/proc/{pid}/autogroup") or "").split()
    return int(said[-1]) if len(said) == 3 and said[1] == "nice" else None


def _write_autogroup(pid: int, nice: int) -> bool:
    """The kernel takes one change in 100 ms, and answers EAGAIN meanwhile."""
    for _ in range(20):
        try:
            with open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as file:
                file.write(str(nice))
        except FileNotFoundError:
            return True
        except BlockingIOError:
            time.sleep(0.05)
        except OSError:
            return False
        else:
            return True
    return False


def _cgroup(pid: int) -> str | None:
    for line in (_read(f"/proc/{pid}/cgroup") or "").splitlines():
        if line.startswith("0::"):
            return line[3:]
    return None


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(65536).strip()
    except OSError:
        return None


def _write(path: str, text: str) -> bool:
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
