"""Which worktrees of this clone are managed ones, and which only look like it.

Tolerates whatever it finds: a folder that is gone, a marker that cannot be read or tells of another place. Such are named,
and left as they are.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from gitfleet import codec
from gitfleet.base.text import display
from gitfleet.codec import replace
from gitfleet.errors import Corrupt, FleetError, NewerFormat
from gitfleet.git import git_worktrees
from gitfleet.git.git_worktrees import Worktree
from gitfleet.git.repository import Repository
from gitfleet.ledger import own_node
from gitfleet.worktrees import marker
from gitfleet.worktrees.model import Managed


class BrokenWorktree(NamedTuple):
    """Something in the way of a worktree that people should know: `path` (of it, or of git's folder for it) and why."""

    path: str
    why: str


class Listing(NamedTuple):
    """All worktrees as git lists them, the managed ones (each with its line of that list), and what is broken."""

    everything: list[Worktree]
    managed: list[tuple[Managed, Worktree]]
    broken: list[BrokenWorktree]


def look(repository: Repository) -> Listing:
    """Find them. One git process."""
    everything = git_worktrees.listed(repository.git)
    main = repository.main
    if main and not everything[0].bare:
        everything[0] = codec.replace(everything[0], path=main)
    managed: list[tuple[Managed, Worktree]] = []
    broken = [
        BrokenWorktree(path, "git does not list this worktree: its own files are broken")
        for path in git_worktrees.unlisted(repository.common_dir, everything)
    ]
    for worktree in everything[1:]:
        try:
            found = marker.read(worktree.git_dir) if worktree.git_dir else None
        except (Corrupt, NewerFormat) as error:
            broken.append(BrokenWorktree(worktree.path, error.message))
            continue
        if found is None:
            continue
        if os.path.realpath(found.path) == os.path.realpath(worktree.path):
            managed.append((_followed(repository, replace(found, path=worktree.path)), worktree))
        else:
            broken.append(BrokenWorktree(worktree.path, f"its marker was written for {display(found.path)}"))
    return Listing(everything, managed, broken)


def _followed(repository: Repository, found: Managed) -> Managed:
    """The same, with the trunk's name of today as its base if it follows that."""
    if not found.trunk:
        return found
    try:
        return replace(found, base=own_node.load(repository.common_dir).trunk)
    except FleetError:  # a clone that has left its fleet
        return found


def managed(repository: Repository) -> list[Managed]:
    """The managed worktrees of this clone, also those whose folder is gone. One git process."""
    return [found for found, _ in look(repository).managed]
