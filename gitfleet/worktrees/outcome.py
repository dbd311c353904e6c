"""What became of one worktree in one action: the same form for reconcile, cleanup and maintain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

FAILED = frozenset(["failed", "conflict"])
PARTIAL = 21


@dataclass(frozen=True, slots=True)
class Outcome:
    """`result` is one word of the action's own (`merged`, `removed`, `skipped`, …); those in FAILED call for attention.

    `path` and `session` say which worktree; `reason` says why, in words; `facts` is ready for JSON.
    """

    path: str
    session: str
    action: str
    result: str
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether somebody has to look after it."""
        return self.result in FAILED


def summary(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many there are of each result."""
    return dict(Counter(outcome.result for outcome in outcomes))
