"""What reconcile may do with a worktree, from what was seen of it: a pure judgement, the first reason that holds wins.

A worktree that cannot be told about, is in use, or is in the middle of something is left alone, and why is said. A failed
fetch never lets one be called up to date.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Unpack

from gitfleet.base.text import display
from gitfleet.errors import UsageError
from gitfleet.git import checkout, git_worktrees
from gitfleet.git.checkout import CheckoutState
from gitfleet.git.git_worktrees import Worktree
from gitfleet.worktrees.liveness import User, in_use
from gitfleet.worktrees.model import Managed
from gitfleet.worktrees.outcome import FoundFacts
from gitfleet.worktrees.upstream import Base

MERGE, REBASE, FORWARD, NONE = "merge", "rebase", "ff-only", "none"
STRATEGIES = (MERGE, REBASE, FORWARD, NONE)


def check_strategy(strategy: str) -> None:
    """Raise UsageError for what is no strategy."""
    if strategy not in STRATEGIES:
        raise UsageError(
            f"'{display(strategy[:40])}' is not a strategy.", hint=f"Choose one of {', '.join(STRATEGIES)}."
        )


class Seen(NamedTuple):
    """One managed worktree with all that was found out about it. `counts` is (ahead, behind) of its base, if known.

    `reserved`: it was handed out a moment ago, and nobody has come yet. `finished`: the hub has all its commits, and nobody is
    at work there.
    """

    managed: Managed
    worktree: Worktree
    state: CheckoutState
    users: Sequence[User]
    base: Base
    counts: tuple[int, int] | None
    reserved: bool = False
    finished: bool = False


_NOTHING: FoundFacts = {}


class ReconcileTerms(NamedTuple):
    """How to reconcile. `named` says that the caller named this very worktree: then it may be on another branch."""

    strategy: str = MERGE
    include_active: bool = False
    dry_run: bool = False
    named: bool = False


class ReconcileVerdict(NamedTuple):
    """`word` is the result so far: `go` (with `forward` if nothing but the base is new) or the final one, with its reason.

    `kind` names the reason for programs, `facts` are what else is told, ready for JSON.
    """

    word: str
    kind: str
    reason: str
    forward: bool = False
    facts: FoundFacts = _NOTHING

    def ended(self, word: str, kind: str, words: str, **facts: Unpack[FoundFacts]) -> ReconcileVerdict:
        """What became of it on the way."""
        return ReconcileVerdict(word, kind, f"{self.reason}; {words}", facts=facts)


def judge(seen: Seen, wanted: ReconcileTerms) -> ReconcileVerdict:
    """What to do with a worktree."""
    return _unreadable(seen) or _unfit(seen, wanted) or _behind(seen, wanted)


def _unreadable(seen: Seen) -> ReconcileVerdict | None:
    """What makes it impossible to work there, in the order in which it counts."""
    state = seen.state
    if state.problem:
        word, kind = ("skipped", "missing") if state.problem == checkout.GONE else ("failed", "unreadable")
        return ReconcileVerdict(word, kind, state.problem)
    if seen.worktree.lock:
        return _skipped("locked", seen.worktree.lock)
    if state.operation:
        return _skipped("in-progress", f"{git_worktrees.begun(state.operation)} is in progress")
    if state.unmerged:
        are = "path is" if len(state.unmerged) == 1 else "paths are"
        return _skipped("in-progress", f"{len(state.unmerged)} {are} unmerged")
    return None


def _unfit(seen: Seen, wanted: ReconcileTerms) -> ReconcileVerdict | None:
    """Why it must be left alone, whatever the base is."""
    state, own = seen.state, seen.managed.branch
    if seen.users and not wanted.include_active:
        return _skipped("in-use", in_use(seen.users))
    if seen.reserved and not (wanted.named or wanted.include_active):
        return _skipped("in-use", "it was just given to a session")
    if not state.branch:
        return _skipped("detached", "HEAD is detached")
    if state.head is None:
        return _skipped("unborn", "its branch has no commit")
    if state.branch != own and not wanted.named:
        return _skipped("switched", f"it is on {state.branch}, not on its own branch {own}")
    return None


def _skipped(kind: str, reason: str) -> ReconcileVerdict:
    return ReconcileVerdict("skipped", kind, reason)


def _behind(seen: Seen, wanted: ReconcileTerms) -> ReconcileVerdict:
    """What the base has to bring."""
    base = seen.base
    if base.commit is None:
        return ReconcileVerdict("failed", "no-base", base.error or f"{base.name} is unknown")
    if seen.counts is None:
        return ReconcileVerdict("failed", "no-count", f"git cannot compare it with {base.name}")
    ahead, behind = seen.counts
    if behind:
        apart = f"{behind} behind {base.name}" + (f", {ahead} ahead" if ahead else "")
        return _way(seen, wanted, ahead, apart)
    if not base.fresh:
        seen_last = f"not behind the last known state of {base.name}"
        if base.error:
            return ReconcileVerdict("unknown", "not-fetched", f"{seen_last}, which could not be fetched")
        return ReconcileVerdict("not-behind", "not-fetched", seen_last)
    words = f"{ahead} ahead of {base.name}" if ahead else f"at {base.name}"
    return ReconcileVerdict("up-to-date", "ahead" if ahead else "same", words)


def _way(seen: Seen, wanted: ReconcileTerms, ahead: int, apart: str) -> ReconcileVerdict:
    """Whether the strategy can bring the base into a worktree that is `apart` from it."""
    state, kind = seen.state, "diverged" if ahead else "behind"
    way = ReconcileVerdict("go", kind, apart, forward=not ahead)
    if seen.finished and ahead and not wanted.named:
        return way.ended(
            "skipped", "finished", "it is finished: its branch is pushed, and nobody is at work there"
        )
    if wanted.strategy == NONE:
        return way.ended("behind", kind, "strategy none")
    if wanted.strategy == FORWARD and ahead:
        return way.ended("diverged", kind, "ff-only cannot bring it in")
    if wanted.strategy == REBASE and ahead and state.changed:
        return way.ended("skipped", "dirty", "uncommitted changes are in the way of a rebase")
    if state.staged and ahead:
        return way.ended("skipped", "dirty", "staged changes are in the way of a merge")
    return way
