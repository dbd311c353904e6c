"""What a managed worktree is: a value, without any look at the disk."""

from __future__ import annotations

from dataclasses import dataclass

BRANCHES = "fleet"
"""The first part of every branch that is made for a session: `fleet/<agent>/<session>`."""

MANAGED_DIR = ".worktrees"


@dataclass(frozen=True, slots=True)
class Managed:
    """One worktree that gitfleet made, as its marker says.

    `path` and `git_dir` are absolute; `id` names it for good (the session it was made for); `agent` and `session` are for whom
    it was made; `branch` is the short name of the branch it was made with (what is checked out now may be another), `base`
    the branch that it follows and `base_commit` where that stood; `created_at` in seconds since 1970; `folder` is the managed
    folder that it lies in, absolute. With `trunk` it follows the fleet's trunk, and `base` is what that is called now.
    """

    path: str
    git_dir: str
    id: str
    agent: str
    session: str
    branch: str
    base: str
    base_commit: str
    created_at: int
    folder: str
    trunk: bool = False


def branch_of(agent: str, session: str) -> str:
    """The short name of the branch that a session's worktree is made with."""
    return f"{BRANCHES}/{agent}/{session}"
