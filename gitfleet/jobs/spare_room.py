"""What the machine must have to spare before another attempt starts: memory and disk, as `free` of the fleet file says.

An attempt takes its memory only some time after its start. Until then it counts as if it had: by `limits.memory` of its agent, else by
what must be free for one more.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from gitfleet.base import clock, files
from gitfleet.jobs.definitions.schema import Agent, FreeRules
from gitfleet.jobs.durations import size_words
from gitfleet.jobs.records.job_record import JobRecord

SETTLES = 30.0
"""Seconds until what an attempt takes is seen in what is free."""


def memory(groups: str = "/sys/fs/cgroup", own: str = "/proc/self/cgroup") -> int:
    """Bytes of memory that are free, or can be made so without swapping: on the machine, and in the control groups (v2) that we are in."""
    import psutil  # 20 ms, and only where the fleet file asks for it

    rooms = [int(psutil.virtual_memory().available)]
    lines = _lines(own)
    inside = next((line[3:] for line in lines if line.startswith("0::/")), "/")
    folder = os.path.join(groups, inside.lstrip("/"))
    while files.within(folder, groups):
        rooms += _room(folder)
        folder = os.path.dirname(folder)
    return max(0, min(rooms))


def _room(group: str) -> list[int]:
    """What a control group has left of its limit, files that the kernel can let go of included; nothing where it has none."""
    said = [_lines(os.path.join(group, f"memory.{name}")) for name in ("max", "current", "stat")]
    try:
        (most,), (used,), facts = said
        return [int(most) - int(used) + int(dict(line.split() for line in facts).get("inactive_file", 0))]
    except ValueError:
        return []


def _lines(path: str) -> list[str]:
    """The lines of a file of the kernel; none where it cannot be read."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


class SpareRoom:
    """A `Hold`. `rules` are those that hold now, `folder` is on the disk that matters; `free` tells memory, `disk` what is free there.

    Ask it last: a job that it lets start counts as started.
    """

    def __init__(
        self,
        rules: Callable[[], FreeRules],
        folder: str,
        *,
        free: Callable[[], int] = memory,
        disk: Callable[[str], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._rules, self._folder, self._free, self._free_disk = rules, folder, free, disk
        self._memory = self._disk = 0
        self._let: dict[str, tuple[float, int]] = {}

    def refresh(self) -> None:
        """See `Hold`."""
        rules, now = self._rules(), clock.elapsed()
        self._memory = self._free() if rules.memory else 0
        self._disk = self._free_disk(self._folder) if rules.disk else 0
        self._let = {name: (at, most) for name, (at, most) in self._let.items() if now - at < SETTLES}

    def why(self, job: JobRecord, agent: Agent) -> str:
        """See `Hold`."""
        rules = self._rules()
        if rules.disk and self._disk < rules.disk:
            return f"needs {size_words(rules.disk)} free disk; {size_words(self._disk)} are free"
        if not rules.memory:
            return ""
        begun = sum(most for name, (_, most) in self._let.items() if name != job.id)
        if self._memory - begun < rules.memory:
            told = f"needs {size_words(rules.memory)} free memory; {size_words(self._memory)} are free"
            return f"{told}, {size_words(begun)} of it for what has just begun" if begun else told
        self._let[job.id] = clock.elapsed(), agent.limits.memory or rules.memory
        return ""
