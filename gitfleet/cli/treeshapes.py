"""What the `worktree` commands print as JSON, as models; see `schemas`.

Documentation that is held against real output by tests; nothing that runs imports this module.
"""

from __future__ import annotations

from typing import Any, Literal

from gitfleet.cli.shapes import Data


class BaseRecord(Data):
    """The branch that worktrees follow."""

    name: str
    commit: str | None
    """Where it stands; null when nothing was ever seen of it."""
    fresh: bool
    """Whether that was asked of the hub just now."""
    error: str
    """Why it was not."""


class WorktreeOutcome(Data):
    """What became of one worktree."""

    path: str
    session: str
    action: str
    result: str
    """One word; `failed` and `conflict` call for attention, `would-…` is that of a dry run."""
    reason: str
    facts: dict[str, Any]
    """What the action found out; `kind` names the reason."""


class PassedOver(Data):
    """A worktree that was not given, and why."""

    path: str
    why: str


class BrokenWorktree(Data):
    """Something in the way of a worktree; it was left alone."""

    path: str
    why: str


class TreeUser(Data):
    """One sign that somebody is at work in a worktree."""

    how: Literal["cwd", "program", "open file", "session", "lock"]
    what: str
    """The path, or the session's id."""
    pid: int
    """0 when no process is known."""
    name: str


class Prospect(Data):
    """What `worktree reconcile` would do, as far as can be told without merging."""

    result: str
    """`go` when it would bring the base in."""
    kind: str
    reason: str


class WorktreeEntry(Data):
    """A managed worktree."""

    session: str
    agent: str
    path: str
    branch: str
    """The branch that it was made with."""
    base: str
    created_at: int
    missing: bool
    """Whether its folder is gone."""
    locked: str | None
    """The reason (which may be empty) when it is locked."""


class WorktreeRow(Data):
    """A managed worktree with what can be said of it now; null where that is nothing."""

    session: str
    agent: str
    path: str
    branch: str | None
    """What is checked out; empty when detached."""
    own_branch: str
    """The branch that it was made with."""
    head: str | None
    base: str
    base_commit: str | None
    """Where the base stands as last seen."""
    ahead: int | None
    behind: int | None
    dirty: int | None
    """Paths that differ from HEAD or are untracked."""
    operation: str | None
    """What was begun there and not ended: merge, rebase, cherry-pick, revert, bisect or am."""
    locked: str | None
    problem: str
    """Why git cannot tell anything."""
    users: list[TreeUser]
    reserved: bool
    """Whether it was handed out a moment ago, and nobody has come yet."""
    idle: int | None
    """Seconds since somebody did something there; what gitfleet does does not count."""
    created_at: int
    reconcile: Prospect


class WorktreeEnsured(Data):
    """`worktree ensure`."""

    session: str
    agent: str
    path: str
    branch: str
    created: bool
    """Whether it is new (or would be)."""
    done: bool
    """False with `--dry-run`."""
    base: BaseRecord
    passed: list[PassedOver]
    """The worktrees of this agent that are not free."""
    reconciled: WorktreeOutcome | None
    """With `--reconcile`, where one was reused."""


class WorktreeList(Data):
    """`worktree list` and `worktree`."""

    worktrees: list[WorktreeEntry]
    broken: list[BrokenWorktree]


class WorktreeStatus(Data):
    """`worktree status`."""

    worktrees: list[WorktreeRow]
    broken: list[BrokenWorktree]


class WorktreeReconciled(Data):
    """`worktree reconcile`."""

    outcomes: list[WorktreeOutcome]
    summary: dict[str, int]
    """How many there are of each result."""
    bases: list[BaseRecord]
    broken: list[BrokenWorktree]
