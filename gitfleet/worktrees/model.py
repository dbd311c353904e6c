"""What a managed worktree is: a value, without any look at the disk."""

from __future__ import annotations

from gitfleet.base.ids import is_name
from gitfleet.codec import FLAG, WHOLE, Broken, Record, Text, field

BRANCHES = "fleet"
"""The first part of every branch that is made for a session: `fleet/<agent>/<session>`."""

MANAGED_DIR = ".worktrees"


_TEXT = Text[str](least=1)
_NAME = Text[str](valid=is_name)


class Managed(Record):
    """One worktree that gitfleet made, as its marker says.

    `path` and `git_dir` are absolute; `id` names it for good (the session it was made for); `agent` and `session` are for whom
    it was made; `branch` is the short name of the branch it was made with (what is checked out now may be another), `base`
    the branch that it follows and `base_commit` where that stood; `created_at` in seconds since 1970; `folder` is the managed
    folder that it lies in, absolute. With `trunk` it follows the fleet's trunk, and `base` is what that is called now.
    """

    KIND = "worktree"
    path: str = field(_TEXT)
    id: str = field(_NAME)
    agent: str = field(_NAME)
    session: str = field(_NAME)
    branch: str = field(_TEXT)
    base: str = field(Text[str]())
    base_commit: str = field(_TEXT)
    created_at: int = field(WHOLE)
    folder: str = field(_TEXT)
    trunk: bool = field(FLAG, default=False)
    git_dir: str = field(Text[str](), default="", omit=True)

    def check(self) -> None:
        """Raise Broken for one that follows nothing."""
        if not (self.base or self.trunk):
            raise Broken("the name of a branch was expected", "base")


def branch_of(agent: str, session: str) -> str:
    """The short name of the branch that a session's worktree is made with."""
    return f"{BRANCHES}/{agent}/{session}"
