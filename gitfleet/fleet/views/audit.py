"""Commits that no claim covered, as rows."""

from __future__ import annotations

from typing import Literal, TypedDict

from gitfleet.base.names import Oid, RepoPath, SessionId

Reason = Literal["unnamed", "unbacked", "outside"]


class UncoveredRow(TypedDict):
    """One commit that no claim covered."""

    commit: Oid
    at: int
    """When it was committed, by its committer's clock."""
    author: str
    """Name and address."""
    subject: str
    sessions: list[SessionId]
    """The sessions that its message names."""
    reasons: list[Reason]
    """It names no claim; it names claims that were never granted to its session; it changes paths outside its claims."""
    paths: list[RepoPath]
    """What it changes that none of its claims covers."""
    claims: list[str]
    """The claims that it names (`id@token`) and that no grant backs."""
    ahead: bool
    """Whether one of these is younger than the ledger that is known here: `sync` may find it."""


class AuthorRow(TypedDict):
    """The commits of one author."""

    author: str
    commits: int
    uncovered: int


class NamedSessionRow(TypedDict):
    """The commits that name one session."""

    session: SessionId
    """Empty for commits that name none."""
    commits: int
    uncovered: int


class AuditAnswer(TypedDict):
    """`audit`. `uncovered` is newest first; the tallies begin with those that have the most uncovered commits."""

    commits: int
    covered: int
    generation: int
    """How far the ledger was known here."""
    grants: int
    """How many claims were ever granted."""
    uncovered: list[UncoveredRow]
    by_author: list[AuthorRow]
    by_session: list[NamedSessionRow]
