"""The git repository that a process works in: whether git is in the middle of something there, and what is not committed.

Looked for from the working directory upwards, as git does. Git itself is asked only for what is uncommitted, with
nothing that a repository could have it run.
"""

from __future__ import annotations

import os
import stat

from gitfleet.onhost import facts
from gitfleet.onhost.acting import programs, reachable

_UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "sequencer")
_LOCKS = ("index.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock")
_SAFE = (
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.untrackedCache=false",
    "-c", "status.submoduleSummary=false",
)  # fmt: skip
FRESH = 600.0
"""Seconds within which a change counts as being made now."""


def working_directory(pid: int) -> str | None:
    """Where the process works; "": in a folder that is no more. None: unreadable, or not as we see the same path."""
    try:
        path = os.readlink(f"/proc/{pid}/cwd")
        reachable.demand(path)
        inside = os.stat(f"/proc/{pid}/cwd/.")
    except FileNotFoundError:
        return ""
    except OSError:
        return None
    if inside.st_nlink == 0:
        return ""
    try:
        here = os.stat(path)
    except OSError:
        return None
    return path if (here.st_dev, here.st_ino) == (inside.st_dev, inside.st_ino) else None


def git_directory(path: str) -> str:
    """The git directory of the repository that `path` is in; "": in none. Raises OSError."""
    while True:
        dot = os.path.join(path, ".git")
        try:
            mode = os.stat(dot).st_mode
        except (FileNotFoundError, NotADirectoryError):
            mode = 0
        if stat.S_ISDIR(mode) and os.path.exists(os.path.join(dot, "HEAD")):
            return dot
        if stat.S_ISREG(mode):
            with open(dot, encoding="utf-8", errors="surrogateescape") as file:
                head, _, rest = file.read(8192).partition(":")
            return os.path.join(path, rest.strip()) if head == "gitdir" and rest.strip() else ""
        above = os.path.dirname(path)
        if above == path:
            return ""
        path = above


def under_way(directory: str) -> list[str]:
    """What git is in the middle of, in the git directory of a worktree: `MERGE_HEAD`, `index.lock` and the like."""
    shared = directory
    pointer = os.path.join(directory, "commondir")
    if os.path.exists(pointer):
        with open(pointer, encoding="utf-8", errors="surrogateescape") as file:
            shared = os.path.join(directory, file.read(8192).strip())
    found = [name for name in (*_UNDER_WAY, *_LOCKS) if os.path.lexists(os.path.join(directory, name))]
    return found + [
        name for name in _LOCKS[2:] if name not in found and os.path.lexists(os.path.join(shared, name))
    ]


def uncommitted(path: str, *, seconds: float = 5.0) -> tuple[int, int] | None:
    """How many files of the repository around `path` are not committed, and how many of these were changed within FRESH.

    None: git does not say (there is none, it takes longer than `seconds`, or it fails).
    """
    argv = ["git", *_SAFE, "--no-optional-locks", "status", "--porcelain", "-z", "--no-renames"]
    top = programs.output(["git", *_SAFE, "rev-parse", "--show-toplevel"], path, seconds)
    said = programs.output([*argv, "--untracked-files=normal", "--ignore-submodules=all"], path, seconds)
    if said is None or top is None:
        return None
    names = [os.fsdecode(entry[3:]) for entry in said.split(b"\0") if len(entry) > 3]
    place, now = os.fsdecode(top.rstrip(b"\n")), facts.now()
    return len(names), sum(_is_fresh(os.path.join(place, name), now) for name in names)


def _is_fresh(path: str, now: float) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return abs(now - max(found.st_mtime, found.st_ctime)) < FRESH
