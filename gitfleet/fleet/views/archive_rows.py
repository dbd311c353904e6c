"""Archived worktrees as rows."""

from __future__ import annotations

from typing import TypedDict

from gitfleet.base.names import BranchName, Oid, RefName, SessionId
from gitfleet.worktrees.archive import Archive


class ArchiveRow(TypedDict):
    """An archived worktree."""

    id: str
    ref: RefName
    """The ref of this clone that keeps it."""
    commit: Oid
    at: int
    """When it was made."""
    path: str
    """Where the worktree was."""
    session: SessionId
    agent: str
    branch: BranchName
    """What was checked out; empty when detached."""
    head: Oid
    files: int
    left_out: list[str]
    """What was not archived: ignored files that were not chosen, sockets, other worktrees; in words."""


class ArchiveAnswer(TypedDict):
    """`worktree archive`."""

    archive: ArchiveRow
    dropped: bool
    """With `--drop`."""


class ArchiveListAnswer(TypedDict):
    """`worktree archive --list`, the oldest first."""

    archives: list[ArchiveRow]


class RestoreAnswer(TypedDict):
    """`worktree restore`."""

    archive: ArchiveRow
    path: str
    branch: BranchName
    """What is checked out; empty when detached."""
    notes: list[str]
    """What is not as it was, in words."""


def archive(found: Archive) -> ArchiveRow:
    """One archive."""
    owner = found.owner
    return {
        "id": found.id, "ref": RefName(found.ref), "commit": Oid(found.oid), "at": found.at, "path": owner.path,
        "session": SessionId(owner.session), "agent": owner.agent,
        "branch": BranchName(owner.branch.removeprefix("refs/heads/")), "head": Oid(owner.head), "files": found.files,
        "left_out": list(found.left_out),
    }  # fmt: skip
