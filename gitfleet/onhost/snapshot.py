"""The table of all processes, taken in two samples, so that rates are known. Nothing is judged here."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Callable

from gitfleet.onhost import facts, procfs, silent_disks, sockets
from gitfleet.onhost.procfs import Folder, ProcessEnded, Sample, ScanContext
from gitfleet.onhost.records import HostProcess, ProcessTable

MATTERS = frozenset(("exe", "cwd", "command", "marker", "ns/mnt"))
"""Gaps that count: without these it cannot be told what a process is, or whose."""


def take(
    seconds: float = 1.0,
    root: str = procfs.PROC,
    *,
    wait: Callable[[float], object] = time.sleep,
    connected: bool = True,
) -> ProcessTable:
    """All processes that can be seen; `seconds` between the two samples (0: one sample, no rates), in which `wait` waits.
    Without `connected` sockets are not looked at, which is half of the cost; `connect` does that later.

    What ends meanwhile is left out. What cannot be read is a gap of its process, or counted in the facts, never "gone".
    """
    uid, silent = os.getuid(), silent_disks.silent(root)
    before, then = _samples(uid, root) if seconds > 0 else {}, time.monotonic()
    if seconds > 0:
        wait(seconds)
    reading = ScanContext(facts.boot(root), uid, facts.uptime(root), root, silent)
    elapsed = time.monotonic() - then
    found: dict[int, HostProcess] = {}
    unseen = 0
    for pid in procfs.numbers(root):
        try:
            one = _one(pid, reading, before, elapsed)
        except ProcessEnded:
            continue
        except OSError:
            unseen += 1
            continue
        if one is not None:
            found[pid] = one
    found = _adopted(found, reading)
    found = sockets.attached(found, uid, root) if connected else found
    own = [one for one in found.values() if one.identity.uid == uid and not one.kernel]
    foreign = sum(one.identity.uid != uid and not one.kernel for one in found.values()) + unseen
    unreadable = sum(not MATTERS.isdisjoint(one.gaps) for one in own)
    host = facts.gather(uid, root, foreign=foreign, unreadable=unreadable)
    return ProcessTable(host, found, facts.now(), elapsed if seconds > 0 else 0.0, silent)


def connect(table: ProcessTable, root: str = procfs.PROC) -> ProcessTable:
    """The same table, with what its processes listen on and talk to."""
    return replace(table, processes=sockets.attached(table.processes, table.facts.uid, root))


def _samples(uid: int, root: str) -> dict[int, Sample]:
    found = {}
    for pid in procfs.numbers(root):
        try:
            with Folder(f"{root}/{pid}") as folder:
                first = procfs.sample(folder, own=folder.stat(".").st_uid == uid)
        except (ProcessEnded, OSError):
            continue
        if first is not None:
            found[pid] = first
    return found


def _one(pid: int, reading: ScanContext, before: dict[int, Sample], elapsed: float) -> HostProcess | None:
    with Folder(f"{reading.root}/{pid}") as folder:
        one = procfs.process(folder, reading)
        first = before.get(pid)
        if one is None or one.kernel or first is None or first.start != one.identity.start or elapsed <= 0:
            return one
        cpu = max(0.0, one.cpu_total - first.cpu / procfs.TICKS) / elapsed
        total = None if first.io is None else procfs.io_total(folder)
    moved = None if first.io is None or total is None else max(0, total - first.io) / elapsed
    return replace(one, cpu=cpu, io=moved)


def _adopted(found: dict[int, HostProcess], reading: ScanContext) -> dict[int, HostProcess]:
    """The same, where parents that have ended meanwhile are followed by the new ones."""
    for pid, one in found.items():
        if one.ppid > 0 and one.ppid not in found:
            try:
                with Folder(f"{reading.root}/{pid}") as folder:
                    line = procfs.parse_stat(folder.read("stat"))
            except (ProcessEnded, OSError):
                continue
            if line is not None and line.start == one.identity.start and line.ppid != one.ppid:
                found[pid] = replace(one, ppid=line.ppid)
    return found
