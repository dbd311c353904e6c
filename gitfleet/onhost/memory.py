"""What memory a process really costs: its share of pages that others have too is counted in part only (PSS).

Expensive: the kernel walks all pages. Asked for candidates and sessions, never for every process of a scan.
"""

from __future__ import annotations

from dataclasses import replace

from gitfleet.onhost import procfs
from gitfleet.onhost.procfs import Folder, ProcessEnded
from gitfleet.onhost.records import HostProcess, ProcessGroup


def pss(one: HostProcess, root: str = procfs.PROC) -> int | None:
    """The proportional set size in bytes; None where it cannot be read, or the process is another one by now."""
    try:
        with Folder(f"{root}/{one.identity.pid}") as folder:
            line = procfs.parse_stat(folder.read("stat"))
            if line is None or line.start != one.identity.start:
                return None
            return _total(folder.read("smaps_rollup"))
    except (ProcessEnded, OSError):
        return None


def weighed(group: ProcessGroup, root: str = procfs.PROC) -> ProcessGroup:
    """The same group with the PSS of each member that is still to be known."""
    members = tuple(
        one if one.pss is not None or one.zombie else replace(one, pss=pss(one, root))
        for one in group.members
    )
    leader = next(one for one in members if one.identity == group.leader.identity)
    return replace(group, members=members, leader=leader)


def _total(data: bytes) -> int | None:
    for line in data.splitlines():
        if line.startswith(b"Pss:"):
            words = line.split()
            return int(words[1]) * 1024 if len(words) > 1 and words[1].isdigit() else None
    return None
