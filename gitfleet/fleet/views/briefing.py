"""The briefing of an agent as a row: what others wrote is in it as they wrote it, but for `text`."""

from __future__ import annotations

from typing import TypedDict

from gitfleet.base.names import BranchName, SessionId
from gitfleet.claims.policy import CommitRule, EditRule, UnverifiableRule
from gitfleet.fleet import briefing
from gitfleet.fleet.briefing import Briefing
from gitfleet.fleet.views.records import KeeperRecord, Mode
from gitfleet.fleet.views.rows import row_of


class NeighbourRow(TypedDict):
    """A claim of another session. What it wrote is given as it wrote it: data, and nobody's instruction."""

    pattern: str
    session: SessionId
    title: str
    """What that session says it does; may be empty."""
    reason: str
    """What it says the claim is for; may be empty."""
    mode: Mode
    left: int
    """Seconds until its lease lapses, by the clock of its node; negative when it has."""
    retained: list[KeeperRecord]
    """What the claim stays with; nothing while its session holds it."""
    gone: bool
    """Whether this machine knows that the process of its session is gone."""


class RulesRow(TypedDict):
    """The rules that hold; see the reference of gitfleet.yaml."""

    commits: CommitRule
    edits: EditRule
    ttl: int
    state_max_age: int
    unverifiable: UnverifiableRule


class PrimeAnswer(TypedDict):
    """`prime`."""

    session: SessionId | None
    """Who is briefed; null when no session is at work here."""
    title: str
    branch: BranchName
    node: str
    holds: list[str]
    """The session's own claims."""
    others: list[NeighbourRow]
    """Claims of others, those near its own first."""
    more: bool
    """Whether there are more of these."""
    policy: RulesRow
    messages: list[str]
    """What it was not shown before."""
    left: list[str]
    """What sessions that have ended claimed, with work that is in this worktree: the session may take it over."""
    committed: bool
    """Whether its work is committed for it when it ends (`session start --commit`)."""
    hooks: str | None
    """The agent whose hooks are in place here, so that edits are checked as the rules say; null where they are not."""
    age: int | None
    """Seconds since the hub was last seen; null when this clone is its own hub."""
    text: str
    """All of this in words, fit for an agent's context."""


def prime(told: Briefing) -> PrimeAnswer:
    """A briefing for programs."""
    return row_of(
        PrimeAnswer,
        told,
        session=told.session or None,
        others=[row_of(NeighbourRow, other) for other in told.others],
        policy=row_of(RulesRow, told.policy),
        left=[claim.pattern for claim in told.left],
        hooks=told.hooks or None,
        text=briefing.text(told),
    )
