"""The proof that gitfleet made a worktree: a file in the worktree's own git dir.

Only its presence, with the path of that very worktree in it, makes a worktree a managed one; nothing without it is ever
reused, brought up to date or removed. It lies where neither `git status` nor `git add -A` sees it, and git removes it
together with the worktree. It is written once and never changed; who has the worktree now is in its `notes`.
"""

from __future__ import annotations

import os

from gitfleet.base import files, statefile
from gitfleet.codec import replace
from gitfleet.errors import Corrupt
from gitfleet.ledger import format
from gitfleet.worktrees.model import Managed

NAME = "gitfleet-worktree.json"
_HINT = "If gitfleet did not make the worktree, remove that file; otherwise `git worktree remove` takes the worktree away."


def read(git_dir: str) -> Managed | None:
    """The managed worktree whose git dir this is; None without a marker. Raises Corrupt, NewerFormat.

    The caller compares `path` with where the worktree is: a marker that was copied or moved proves nothing.
    """
    where = os.path.join(git_dir, NAME)
    data = files.read(where)
    if data is None:
        return None
    try:
        found = format.read(Managed, data, where, of="", then="This worktree is left alone.")
    except Corrupt as error:
        raise error.again(hint=_HINT) from error
    return replace(found, git_dir=git_dir)


def write(managed: Managed) -> None:
    """Put the marker into the worktree's git dir. Atomic and durable."""
    statefile.save(os.path.join(managed.git_dir, NAME), replace(managed, git_dir=""))
