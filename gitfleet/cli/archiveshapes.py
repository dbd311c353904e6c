"""What `worktree cleanup`, `archive` and `restore` print as JSON, as models; see `schemas`.

Documentation that is held against real output by tests; nothing that runs imports this module.
"""

from __future__ import annotations

from gitfleet.cli.shapes import Data
from gitfleet.cli.treeshapes import BaseRecord, BrokenWorktree, WorktreeOutcome


class ArchiveRecord(Data):
    """An archived worktree."""

    id: str
    ref: str
    """The ref of this clone that keeps it."""
    commit: str
    at: int
    """When it was made."""
    path: str
    """Where the worktree was."""
    session: str
    agent: str
    branch: str
    """What was checked out; empty when detached."""
    head: str
    files: int
    left_out: list[str]
    """What was not archived: ignored files that were not chosen, sockets, other worktrees; in words."""


class WorktreeCleaned(Data):
    """`worktree cleanup`.

    Results are `removed`, `pruned` (its folder was gone already), `kept`, `failed`, and `would-remove`, `would-prune`. Facts
    are `kind` (why), `branch`, `head`, `landed` (how its commits are safe), `idle` (seconds), `needs_archive`, `archive` (its
    id), `archived` (files), `commits` (that only its log leads to), `left_out`, `branch_deleted`.
    """

    outcomes: list[WorktreeOutcome]
    summary: dict[str, int]
    """How many there are of each result."""
    bases: list[BaseRecord]
    broken: list[BrokenWorktree]
    recovered: list[str]
    """What was made good of a cleanup that had been interrupted."""
    dry_run: bool


class WorktreeArchived(Data):
    """`worktree archive`."""

    archive: ArchiveRecord
    dropped: bool
    """With `--drop`."""


class WorktreeArchives(Data):
    """`worktree archive --list`, the oldest first."""

    archives: list[ArchiveRecord]


class WorktreeRestored(Data):
    """`worktree restore`."""

    archive: ArchiveRecord
    path: str
    branch: str
    """What is checked out; empty when detached."""
    notes: list[str]
    """What is not as it was, in words."""
