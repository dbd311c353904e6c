"""What the choice of the next run knows besides the evidence: the live entries, what runs now, and the window. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gitfleet.mergequeue.evidence import Candidate

HOTFIX, URGENT = 80, 60
"""The least priorities of a hotfix and of what comes right after the present runs."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A live entry as the choice sees it. `id` names entry *and* head: with a new head it is another contender.

    `priority`: with what dependents lend and waiting adds. `seq`: its number in the ledger, the oldest has the least. `alone`: it may share no
    candidate. `needs`: contenders that must be before it in a candidate. `avoids`: contenders with which it does not merge.
    """

    id: str
    priority: int = 50
    seq: int = 0
    alone: bool = False
    needs: frozenset[str] = frozenset()
    avoids: frozenset[str] = frozenset()

    @property
    def by_itself(self) -> bool:
        """Whether nothing rides with it."""
        return self.alone or self.priority >= HOTFIX


@dataclass(frozen=True, slots=True)
class Running:
    """What a live runner tests now, the first that began first. `exact`: on the present target."""

    entries: Candidate
    exact: bool = True

    def landed(self, candidate: Candidate) -> Running:
        """The same run after `candidate` has landed."""
        if self.exact and self.entries[: len(candidate)] == candidate:
            return Running(self.entries[len(candidate) :])
        return Running(tuple(one for one in self.entries if one not in candidate), exact=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many entries of which nothing is known a candidate may have now and at `most`, and how many runs there were (`turn`)."""

    window: int = 16
    most: int = 16
    turn: int = 0

    def landed(self, candidate: Candidate) -> Limits:
        """After a landing: twice the window, if it was a whole one."""
        return (
            replace(self, window=min(self.most, self.window * 2)) if len(candidate) >= self.window else self
        )

    def rejected(self) -> Limits:
        """After a rejection: half the window."""
        return replace(self, window=max(1, self.window // 2))

    def tried(self) -> Limits:
        """After a run was begun."""
        return replace(self, turn=self.turn + 1)
