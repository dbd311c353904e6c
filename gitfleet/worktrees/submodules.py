"""Submodules in a worktree: whether one has anything that its own hub does not.

Git keeps the repository of a worktree's submodule inside git's folder for that worktree, so both go together. One that holds
nothing of its own can be fetched again (`git submodule update --init`) and need not be archived; any other means that the
worktree stays, for an archive holds one repository only.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from gitfleet.base import files
from gitfleet.base.text import display
from gitfleet.git import git_worktrees, refs
from gitfleet.git.program import Git
from gitfleet.worktrees import only_here

_TIME = 300.0
_BACK = 100  # lines of the log of HEAD
STATUS = (
    "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false",
    "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignored=matching", "--ignore-submodules=none",
)  # fmt: skip
"""What git sees in a worktree, without its caches, and with nothing left out."""


def repository(top: str, path: str) -> str:
    """The git dir of the repository that is checked out at `path` below `top`; "" when it cannot be told."""
    link = os.path.join(top, path, ".git")
    if os.path.isdir(link):
        return link
    words = os.fsdecode(files.read(link) or b"").rstrip("\n")
    target = words.removeprefix("gitdir: ")
    return os.path.normpath(os.path.join(top, path, target)) if target != words else ""


def own(here: Git, path: str, wanted: str) -> str:
    """What the submodule at `path` of the worktree `here` holds of its own, in words; "" when its hub has all of it.

    `wanted` is the commit that the index names; one that the worktree named before will do, since upkeep brings in newer ones
    without a checkout. Three git processes, and one more for each such commit.
    """
    git_dir = repository(here.cwd, path)
    if not git_dir:
        return f"the submodule {display(path)} cannot be read"
    git = Git(git_dir, cwd=os.path.join(here.cwd, path))
    head = refs.resolve(git, "HEAD")
    if head != wanted and not (head and _named(here, path, head)):
        return f"the submodule {display(path)} is at another commit than the index says"
    status = git.ask(*STATUS, timeout=_TIME)
    if status.code or status.stdout or git_worktrees.in_progress(git_dir):
        return f"the submodule {display(path)} has changes"
    if os.path.exists(os.path.join(git_dir, "modules")):
        return f"the submodule {display(path)} has submodules of its own"
    found = git.ask(
        "rev-list", "--max-count=1", "--all", "--reflog", "HEAD", "--not", "--remotes", "--", timeout=_TIME
    )
    if found.code or found.stdout:
        return f"the submodule {display(path)} has commits that no remote has"
    return ""


def _named(here: Git, path: str, commit: str) -> bool:
    """Whether a commit that the worktree was at, as far back as its log is looked at, names this one for the submodule."""
    been = dict.fromkeys(line.oid for line in only_here.log(here)[:_BACK])
    return any(refs.resolve(here, f"{oid}:{path}") == commit for oid in been)


def others(git_dir: str, known: Sequence[str]) -> bool:
    """Whether git's folder of a worktree holds repositories of submodules beside the git dirs in `known`."""
    top = os.path.join(git_dir, "modules")
    real = {os.path.realpath(path) for path in known}
    for folder, names, inside in os.walk(top):
        if "HEAD" in inside:
            names.clear()
            if os.path.realpath(folder) not in real:
                return True
    return False
