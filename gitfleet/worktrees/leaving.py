"""What managed worktrees leave in a clone that leaves its fleet: nothing, if there are none any more.

Worktrees may hold work that is nowhere else, so none is taken away here; as long as one stands, the line that keeps its
folder out of `git status` stays too.
"""

from __future__ import annotations

from gitfleet.base.text import display
from gitfleet.git import fleetrefs
from gitfleet.git.repository import Repository
from gitfleet.worktrees import exclude, listing, shelf

_SHOWN = 3


def leave(repository: Repository) -> list[str]:
    """Take the line out of `info/exclude`, or say what stays."""
    return [*_worktrees(repository), *_archives(repository)]


def _archives(repository: Repository) -> list[str]:
    found = shelf.everything(repository.git)
    count = len(found.archives) + len(found.broken)
    return [f"{count} archived worktrees stay, below {fleetrefs.ARCHIVE}"] if count else []


def _worktrees(repository: Repository) -> list[str]:
    found = listing.managed(repository)
    if not found:
        exclude.remove(repository.common_dir)
        return []
    names = ", ".join(display(managed.path) for managed in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return [
        f"managed worktrees stay, with what is in them ({names}{more}); `git worktree remove` takes one away"
    ]
