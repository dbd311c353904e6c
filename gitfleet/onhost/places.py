"""In which session's worktree a process works: told by the folder itself, not by its name.

A worktree may have been removed and made anew at the same path; what worked in the old one does not work in the new one. So
working directories are compared by device and inode, walking up from where the process really is. The
walk ends at a repository that is no place itself: a clone inside of a worktree is another's, with sessions of its own.
"""

from __future__ import annotations

import os
import re

from gitfleet.onhost import procfs, silent_disks
from gitfleet.onhost.records import HostProcess, ProcessTable

_DEEPEST = 64
_SUBMODULE = re.compile(rb"\.git/(worktrees/[^/]+/)?modules/")


def placed(table: ProcessTable, places: dict[str, str], root: str = procfs.PROC) -> dict[int, str]:
    """By pid the session whose worktree it works in; `places` maps absolute paths to sessions.

    Left out are those of which that cannot be told: another mount namespace, an unreadable or unreachable folder.
    """
    if not places:
        return {}
    here = _namespace(root)
    inodes = {}
    for path in places:
        if silent_disks.lies_on(path, table.silent):
            continue
        try:
            there = os.stat(path)
        except (OSError, ValueError):
            continue
        inodes[there.st_dev, there.st_ino] = path
    known: dict[object, str | None] = {}
    found = {}
    for pid, one in table.processes.items():
        if one.cwd_inode is None or one.cwd is None or here is None or one.identity.mount_namespace != here:
            continue
        key = one.cwd_inode, one.cwd, one.cwd_deleted
        if key not in known:
            known[key] = _place(pid, one, places, inodes, root)
        place = known[key]
        if place is not None:
            found[pid] = places[place]
    return found


def _place(
    pid: int, one: HostProcess, places: dict[str, str], inodes: dict[tuple[int, int], str], root: str
) -> str | None:
    """The innermost place around its working directory. Of a removed one, only if folder and name say the same."""
    reached = _upwards(f"{root}/{pid}/cwd", one, inodes)
    if not one.cwd_deleted:
        return reached
    named = _by_name(one.cwd or "", places)
    if named is None or named == reached:
        return reached if named is not None else None
    return None if os.path.isdir(named) else named


def _upwards(path: str, one: HostProcess, inodes: dict[tuple[int, int], str]) -> str | None:
    before = None
    for _ in range(_DEEPEST):
        try:
            there = os.stat(path + "/.")
        except OSError:
            return None
        inode = there.st_dev, there.st_ino
        if before is None and inode != one.cwd_inode:
            return None  # it has gone elsewhere, or is another process by now
        if inode in inodes:
            return inodes[inode]
        if inode == before or _is_apart(path + "/.git"):
            return None
        before, path = inode, path + "/.."
    return None


def _is_apart(git: str) -> bool:
    """Whether this is the `.git` of a repository or worktree by itself; that of a submodule belongs to what is around it."""
    if not os.path.isfile(git):
        return os.path.lexists(git)
    try:
        with open(git, "rb") as file:
            return not _SUBMODULE.search(file.read(4096))
    except OSError:
        return True


def _by_name(path: str, places: dict[str, str]) -> str | None:
    while True:
        if path in places:
            return path
        above = os.path.dirname(path)
        if above == path:
            return None
        path = above


def _namespace(root: str) -> int | None:
    try:
        number = os.readlink(root + "/self/ns/mnt").rpartition("[")[2].rstrip("]")
    except OSError:
        return None
    return int(number) if number.isdecimal() else None
