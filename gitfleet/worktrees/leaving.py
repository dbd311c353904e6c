"""What managed worktrees leave in a clone that leaves its fleet: nothing of ours, and all that is anybody's work.

Worktrees may hold work that is nowhere else, so none is taken away here; they are plain worktrees of git's afterwards. As
long as one stands below it, the line that keeps their folder out of `git status` stays too: `git add --all` would take them
for repositories to be added. What stays is said, with what takes it away.
"""

from __future__ import annotations

import os
import shutil

from gitfleet.base import advice, files
from gitfleet.base.text import counted, display, some
from gitfleet.git import fleetrefs, refs
from gitfleet.git.git_worktrees import Worktree
from gitfleet.git.repository import Repository
from gitfleet.worktrees import archive_store, exclude, listing
from gitfleet.worktrees.model import BRANCHES

_OURS = "gitfleet-"


def leave(repository: Repository) -> list[str]:
    """Take what is ours out of git's folders of worktrees, `info/exclude`, and folders that are empty; what stays, in words."""
    found = listing.look(repository)
    managed = {one.path for one, _ in found.managed}
    top = found.everything[0].path if found.everything else ""
    kept = _standing(top, [worktree for worktree in found.everything[1:] if worktree.path in managed])
    _unmark(repository.common_dir)
    for folder in exclude.folders(repository.common_dir):
        _remove_empty(top, folder)
        there = [one.path for one in found.everything[1:] if os.path.isdir(one.path)]
        if not any(_is_in(path, os.path.join(top, folder)) for path in there):
            exclude.remove(repository.common_dir, folder)
    return [*kept, *_branches(repository), *_archives(repository)]


def left(repository: Repository) -> bool:
    """Whether a clone that has left its fleet still has something of ours, for the sake of worktrees that stood then."""
    return bool(exclude.folders(repository.common_dir))


def _standing(top: str, worktrees: list[Worktree]) -> list[str]:
    if not worktrees:
        return []
    names = some([display(one.path) for one in worktrees])
    words = f"stays: {counted(len(worktrees), 'worktree')}, with what is in them ({names})"
    way = "`git worktree remove PATH` takes one away"
    if any(_is_in(one.path, top) for one in worktrees):
        words += ", and what keeps them out of `git status`, in .git/info/exclude"
        way += f"; {advice.UNINSTALL}, after the last of them, the rest"
    return [f"{words}; {way}"]


def _branches(repository: Repository) -> list[str]:
    found = sorted(refs.read(repository.git, f"refs/heads/{BRANCHES}"))
    if not found:
        return []
    names = some([display(name.removeprefix("refs/heads/")) for name in found])
    return [f"stays: branches that were made for sessions ({names}); `git branch -D NAME` deletes one"]


def _archives(repository: Repository) -> list[str]:
    found = archive_store.everything(repository.git)
    count = len(found.archives) + len(found.broken)
    if not count:
        return []
    words = f"stays: {counted(count, 'archived worktree')}, below {fleetrefs.ARCHIVE}"
    return [f"{words}; `git update-ref -d REF` deletes one, {advice.INIT} makes them restorable again"]


def _unmark(common_dir: str) -> None:
    """Take away every file of ours in git's own folders: markers, reservations, logs, who is meant."""
    above = os.path.join(common_dir, "worktrees")
    for folder in [common_dir, *(os.path.join(above, name) for name in files.names(above))]:
        for name in files.names(folder):
            path = os.path.join(folder, name)
            if not name.startswith(_OURS):
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)  # of launched sessions
            else:
                files.remove(path)


def _remove_empty(top: str, folder: str) -> None:
    """Remove a folder that is empty now, and those above it that are so then, within the worktree."""
    while folder:
        try:
            os.rmdir(os.path.join(top, folder))
        except FileNotFoundError:
            pass
        except OSError:
            return
        folder = os.path.dirname(folder)


def _is_in(path: str, folder: str) -> bool:
    return files.within(os.path.realpath(path), os.path.realpath(folder))
