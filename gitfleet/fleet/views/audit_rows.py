"""Commits that no claim covered, as rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypedDict

from gitfleet.base.names import Oid, RepoPath, SessionId
from gitfleet.claims.grant_history import Grants
from gitfleet.githooks.commit_audit import Audit, Reason, Uncovered


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


def audited(found: Audit, granted: Grants) -> AuditAnswer:
    """What an audit found."""
    return {
        "commits": found.commits,
        "covered": found.commits - len(found.uncovered),
        "generation": granted.generation,
        "grants": len(granted),
        "uncovered": [_uncovered(item) for item in found.uncovered],
        "by_author": [
            AuthorRow(author=name, commits=tally["commits"], uncovered=tally["uncovered"])
            for name, tally in _worst_first(found.by_author)
        ],
        "by_session": [
            NamedSessionRow(session=SessionId(name), commits=tally["commits"], uncovered=tally["uncovered"])
            for name, tally in _worst_first(found.by_session)
        ],
    }


def _uncovered(item: Uncovered) -> UncoveredRow:
    made = item.commit
    return {
        "commit": Oid(made.oid), "at": made.at, "author": made.author, "subject": made.subject,
        "sessions": [SessionId(one) for one in made.sessions], "reasons": list(item.reasons),
        "paths": [RepoPath(path) for path in item.paths], "claims": list(item.claims), "ahead": item.ahead,
    }  # fmt: skip


def _worst_first(tallied: Mapping[str, Counter[str]]) -> list[tuple[str, Counter[str]]]:
    """The counts, those with most to tell first."""
    return sorted(tallied.items(), key=lambda row: (-row[1]["uncovered"], -row[1]["commits"], row[0]))
