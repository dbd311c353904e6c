"""What became of one worktree in one action: the same form for reconcile, cleanup and maintain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NotRequired, TypedDict

FAILED = frozenset(["failed", "conflict"])
PARTIAL = 21


class FoundFacts(TypedDict):
    """What an action found out of a worktree. Each is there where the action, or this result of it, tells of it."""

    branch: NotRequired[str | None]
    """What is checked out, or (`cleanup`) the branch that it was made with."""
    base: NotRequired[str]
    base_commit: NotRequired[str | None]
    """Where the base stands; null when nothing was ever seen of it."""
    fetched: NotRequired[bool]
    """Whether that was asked of the hub just now."""
    ahead: NotRequired[int | None]
    behind: NotRequired[int | None]
    before: NotRequired[str | None]
    """The commit before the base was brought in, and `after` it."""
    after: NotRequired[str | None]
    changes: NotRequired[int]
    """How many paths the base changes."""
    submodules: NotRequired[list[str]]
    """Those that have moved."""
    conflicts: NotRequired[list[str]]
    """Paths, the first of them."""
    base_ref: NotRequired[str]
    """What to merge to resolve them."""
    paths: NotRequired[list[str]]
    """What is in the way, the first of it."""
    filter: NotRequired[str]
    """The filter that does not work."""
    head: NotRequired[str | None]
    landed: NotRequired[str | None]
    """How its commits are safe."""
    idle: NotRequired[int | None]
    """Seconds since somebody did something there."""
    needs_archive: NotRequired[bool]
    archive: NotRequired[str]
    """The archive's id; empty for none."""
    archived: NotRequired[int]
    """How many files it has."""
    commits: NotRequired[int]
    """How many only its log leads to."""
    left_out: NotRequired[list[str]]
    """What was not archived, the first of it."""
    branch_deleted: NotRequired[bool]
    running: NotRequired[list[str]]
    """What is still at work there, in words."""


class OutcomeFacts(FoundFacts):
    """What an action found out of a worktree, with the reason for what became of it, in a word for programs."""

    kind: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """`result` is one word of the action's own (`merged`, `removed`, `skipped`, …); those in FAILED call for attention.

    `path` and `session` say which worktree; `reason` says why, in words; `facts` is ready for JSON.
    """

    path: str
    session: str
    action: str
    result: str
    reason: str
    facts: OutcomeFacts

    @property
    def failed(self) -> bool:
        """Whether somebody has to look after it."""
        return self.result in FAILED


def summary(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many there are of each result."""
    return dict(Counter(outcome.result for outcome in outcomes))
