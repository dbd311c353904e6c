"""What in a worktree the base would overwrite: asked before git is, so that a dry run says it, too.

Uncommitted changes of the paths that the base changes, files that git does not track (the ignored ones, too), files that
git was told not to look at, and an index that is locked. Everything else there is no obstacle.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from gitfleet.errors import Blocked
from gitfleet.git import undoing
from gitfleet.git.checkout import CheckoutState
from gitfleet.git.program import Git
from gitfleet.git.undoing import PathChange
from gitfleet.worktrees import capture


class PathsInTheWay(NamedTuple):
    """Which paths are in the way, and why, in a word for programs and in words."""

    kind: str
    words: str
    paths: Sequence[str]


def look(here: Git, state: CheckoutState, moved: Sequence[PathChange]) -> PathsInTheWay | None:
    """The first obstacle to the change `moved` of the worktree that `here` works in; None when there is none.

    Raises Blocked when nothing at all can be changed there now.
    """
    if os.path.lexists(os.path.join(here.git_dir, "index.lock")):
        raise Blocked("its index is locked (index.lock): git is running there, or it was stopped halfway")
    dirty = [
        change.path for change in moved if change.path in state.changed and not _submodule(state, change)
    ]
    dirty = dirty or _hidden(here, moved)
    if dirty:
        return PathsInTheWay("dirty", "uncommitted changes are in the way", dirty)
    added = [change.path for change in moved if change.letter == "A" and not change.gitlink]
    gone = {change.path for change in moved if change.letter in {"D", "T"}}
    blocked = [path for path in added if _occupied(here.cwd, path) and not _makes_room(here.cwd, path, gone)]
    if blocked:
        return PathsInTheWay("untracked", "files that git does not track are in the way", blocked)
    return None


def _submodule(state: CheckoutState, change: PathChange) -> bool:
    """Whether only another commit of a submodule is checked out: git does not touch that, whatever the base says."""
    return change.gitlink and change.letter == "M" and change.path in state.shifted


def _hidden(here: Git, moved: Sequence[PathChange]) -> list[str]:
    """Changed files among those that git was told to pass over (assume-unchanged, skip-worktree): a merge refuses them."""
    paths = {change.path for change in moved}
    hidden = {entry.path: entry.oid for entry in capture.index(here) if entry.hidden and entry.path in paths}
    found = undoing.hashed(here, [path for path in hidden if undoing.stands(here.cwd, path)])
    return [path for path, oid in found.items() if oid != hidden[path]]


def _occupied(top: str, path: str) -> bool:
    """Whether something stands where a file is to be made, or in the place of one of its folders."""
    where = top
    for part in path.split("/"):
        where = os.path.join(where, part)
        if os.path.islink(where) or not os.path.isdir(where):
            return os.path.lexists(where)
    return True


def _makes_room(top: str, path: str, gone: set[str]) -> bool:
    """Whether all that stands there is itself taken away: a file for a folder, or a folder with tracked files for a file."""
    parts = path.split("/")
    if {"/".join(parts[:depth]) for depth in range(1, len(parts))} & gone:
        return True
    where = os.path.join(top, path)
    there = [
        os.path.relpath(os.path.join(folder, name), top)
        for folder, _, names in os.walk(where)
        for name in names
    ]
    return os.path.isdir(where) and not os.path.islink(where) and set(there) <= gone
