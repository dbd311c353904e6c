"""The parts of the JSON output of `log` and `audit`, as models. What each command prints is in `schemas`."""

from __future__ import annotations

from typing import Literal

from gitfleet.cli.shapes import Data


class LogLine(Data):
    """One operation that the fleet has agreed."""

    generation: int
    commit: str
    at: int
    """When, by the clock of its node."""
    node: str
    session: str
    kind: str
    """Which operation, e.g. `claim.acquire`; the guide to the ledger lists them."""
    operation: str
    paths: list[str]
    subject: str
    """What happened, in one line."""


class UncoveredCommit(Data):
    """One commit that no claim covered."""

    commit: str
    at: int
    """When it was committed, by its committer's clock."""
    author: str
    """Name and address."""
    subject: str
    sessions: list[str]
    """The sessions that its message names."""
    reasons: list[Literal["unnamed", "unbacked", "outside"]]
    """It names no claim; it names claims that were never granted to its session; it changes paths outside its claims."""
    paths: list[str]
    """What it changes that none of its claims covers."""
    claims: list[str]
    """The claims that it names (`id@token`) and that no grant backs."""
    ahead: bool
    """Whether one of these is younger than the ledger that is known here: `sync` may find it."""


class AuthorTally(Data):
    """The commits of one author."""

    author: str
    commits: int
    uncovered: int


class SessionTally(Data):
    """The commits that name one session."""

    session: str
    """Empty for commits that name none."""
    commits: int
    uncovered: int
