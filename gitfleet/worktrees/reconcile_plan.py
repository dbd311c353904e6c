"""What reconcile may do with a worktree, from what was seen of it: a pure judgement, the first reason that holds wins.

A worktree that cannot be told about, is in use, or is in the middle of something is left alone, and why is said. A failed
fetch never lets one be called up to date.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gitfleet.base.text import display
from gitfleet.errors import UsageError
from gitfleet.git import checkout
from gitfleet.git import worktrees as git_worktrees
from gitfleet.git.checkout import State
from gitfleet.git.worktrees import Worktree
from gitfleet.worktrees.liveness import User
from gitfleet.worktrees.model import Managed
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
    state: State
    users: Sequence[User]
    base: Base
    counts: tuple[int, int] | None
    reserved: bool = False
    finished: bool = False


class Wanted(NamedTuple):
    """How to reconcile. `named` says that the caller named this very worktree: then it may be on another branch."""

    strategy: str = MERGE
    include_active: bool = False
    dry_run: bool = False
    named: bool = False


class Verdict(NamedTuple):
    """`word` is the result so far: `go` (with `forward` if nothing but the base is new) or the final one, with its reason.

    `kind` names the reason for programs.
    """

    word: str
    kind: str
    reason: str
    forward: bool = False


def judge(seen: Seen, wanted: Wanted) -> Verdict:
    """What to do with a worktree."""
    reasons = (*_unreadable(seen), *_unfit(seen, wanted))
    return next((verdict for applies, verdict in reasons if applies), None) or _behind(seen, wanted)


def _unreadable(seen: Seen) -> list[tuple[bool, Verdict]]:
    """What makes it impossible to work there, in the order in which it counts."""
    state, lock = seen.state, seen.worktree.locked
    locked = f"it is locked: {lock}" if lock else "it is locked"
    busy = f"{git_worktrees.begun(state.operation)} is in progress" if state.operation else ""
    unmerged = f"{len(state.unmerged)} {'path is' if len(state.unmerged) == 1 else 'paths are'} unmerged"
    return [
        (state.problem == checkout.GONE, Verdict("skipped", "missing", state.problem)),
        (bool(state.problem), Verdict("failed", "unreadable", state.problem)),
        (lock is not None, Verdict("skipped", "locked", locked)),
        (bool(busy), Verdict("skipped", "in-progress", busy)),
        (bool(state.unmerged), Verdict("skipped", "in-progress", unmerged)),
    ]


def _unfit(seen: Seen, wanted: Wanted) -> list[tuple[bool, Verdict]]:
    """Why it must be left alone, whatever the base is."""
    state, own = seen.state, seen.managed.branch
    used = str(seen.users[0]) if seen.users else ""
    more = f" and {len(seen.users) - 1} more" if len(seen.users) > 1 else ""
    kept = seen.reserved and not wanted.named
    return [
        (
            bool(used) and not wanted.include_active,
            Verdict("skipped", "in-use", f"it is in use: {used}{more}"),
        ),
        (kept and not wanted.include_active, Verdict("skipped", "in-use", "it was just given to a session")),
        (not state.branch, Verdict("skipped", "detached", "HEAD is detached")),
        (state.head is None, Verdict("skipped", "unborn", "its branch has no commit")),
        (
            state.branch != own and not wanted.named,
            Verdict("skipped", "switched", f"it is on {state.branch}, not on its own branch {own}"),
        ),
    ]


def _behind(seen: Seen, wanted: Wanted) -> Verdict:
    """What the base has to bring."""
    base = seen.base
    if base.commit is None:
        return Verdict("failed", "no-base", base.error or f"{base.name} is unknown")
    if seen.counts is None:
        return Verdict("failed", "no-count", f"git cannot compare it with {base.name}")
    ahead, behind = seen.counts
    if behind:
        apart = f"{behind} behind {base.name}" + (f", {ahead} ahead" if ahead else "")
        return _way(seen, wanted, ahead, apart)
    if not base.fresh:
        seen_last = f"not behind the last known state of {base.name}"
        if base.error:
            return Verdict("unknown", "not-fetched", f"{seen_last}, which could not be fetched")
        return Verdict("not-behind", "not-fetched", seen_last)
    words = f"{ahead} ahead of {base.name}" if ahead else f"at {base.name}"
    return Verdict("up-to-date", "ahead" if ahead else "same", words)


def _way(seen: Seen, wanted: Wanted, ahead: int, apart: str) -> Verdict:
    """Whether the strategy can bring the base into a worktree that is `apart` from it."""
    state, kind = seen.state, "diverged" if ahead else "behind"
    if seen.finished and ahead and not wanted.named:
        words = f"{apart}; it is finished: its branch is pushed, and nobody is at work there"
        return Verdict("skipped", "finished", words)
    if wanted.strategy == NONE:
        return Verdict("behind", kind, f"{apart}; strategy none")
    if wanted.strategy == FORWARD and ahead:
        return Verdict("diverged", kind, f"{apart}; ff-only cannot bring it in")
    if wanted.strategy == REBASE and ahead and state.changed:
        return Verdict("skipped", "dirty", f"{apart}; uncommitted changes are in the way of a rebase")
    if state.staged and ahead:
        return Verdict("skipped", "dirty", f"{apart}; staged changes are in the way of a merge")
    return Verdict("go", kind, apart, forward=not ahead)
