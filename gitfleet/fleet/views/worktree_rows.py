"""Managed worktrees as rows, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from gitfleet.base.names import BranchName, Oid, SessionId
from gitfleet.fleet.views.rows import row_of
from gitfleet.worktrees.cleanup import Cleaned
from gitfleet.worktrees.listing import BrokenWorktree, Listing
from gitfleet.worktrees.liveness import Sign
from gitfleet.worktrees.outcome import Outcome, OutcomeFacts, summary
from gitfleet.worktrees.service import Ensured, Reconciled
from gitfleet.worktrees.status import Row


class BaseRow(TypedDict):
    """The branch that worktrees follow."""

    name: BranchName
    commit: Oid | None
    """Where it stands; null when nothing was ever seen of it."""
    fresh: bool
    """Whether that was asked of the hub just now."""
    error: str
    """Why it was not."""


class OutcomeRow(TypedDict):
    """What became of one worktree."""

    path: str
    session: SessionId
    action: str
    result: str
    """One word; `failed` and `conflict` call for attention, `would-…` is that of a dry run."""
    reason: str
    facts: OutcomeFacts
    """What the action found out."""


class ExceptionRow(TypedDict):
    """A worktree, or something in the way of one, that was passed over, and why."""

    path: str
    why: str


class UserRow(TypedDict):
    """One sign that somebody is at work in a worktree."""

    how: Sign
    what: str
    """The path, or the session's id."""
    pid: int
    """0 when no process is known."""
    name: str


class ProspectRow(TypedDict):
    """What `worktree reconcile` would do, as far as can be told without merging."""

    result: str
    """`go` when it would bring the base in."""
    kind: str
    reason: str


class WorktreeEntry(TypedDict):
    """A managed worktree."""

    session: SessionId
    agent: str
    path: str
    branch: BranchName
    """The branch that it was made with."""
    base: BranchName
    created_at: int
    missing: bool
    """Whether its folder is gone."""
    locked: str | None
    """The reason (which may be empty) when it is locked."""


class WorktreeRow(TypedDict):
    """A managed worktree with what can be said of it now; null where that is nothing."""

    session: SessionId
    agent: str
    path: str
    branch: BranchName | None
    """What is checked out; empty when detached."""
    own_branch: BranchName
    """The branch that it was made with."""
    head: Oid | None
    base: BranchName
    base_commit: Oid | None
    """Where the base stands as last seen."""
    ahead: int | None
    behind: int | None
    dirty: int | None
    """Paths that differ from HEAD or are untracked."""
    operation: str | None
    """What was begun there and not ended: merge, rebase, cherry-pick, revert, bisect or am."""
    locked: str | None
    problem: str
    """Why git cannot tell anything."""
    users: list[UserRow]
    reserved: bool
    """Whether it was handed out a moment ago, and nobody has come yet."""
    idle: int | None
    """Seconds since somebody did something there; what gitfleet does does not count."""
    created_at: int
    disk: int | None
    """The bytes that it takes, with `--disk`."""
    reconcile: ProspectRow


class WorktreeEnsureAnswer(TypedDict):
    """`worktree ensure`."""

    session: SessionId
    agent: str
    path: str
    branch: BranchName
    created: bool
    """Whether it is new (or would be)."""
    done: bool
    """False with `--dry-run`."""
    base: BaseRow
    passed: list[ExceptionRow]
    """The worktrees of this agent that are not free."""
    reconciled: OutcomeRow | None
    """With `--reconcile`, where one was reused."""


class WorktreeListAnswer(TypedDict):
    """`worktree list` and `worktree`."""

    worktrees: list[WorktreeEntry]
    broken: list[ExceptionRow]


class WorktreeStatusAnswer(TypedDict):
    """`worktree status`."""

    worktrees: list[WorktreeRow]
    broken: list[ExceptionRow]


class WorktreeReconcileAnswer(TypedDict):
    """`worktree reconcile`."""

    outcomes: list[OutcomeRow]
    summary: dict[str, int]
    """How many there are of each result."""
    bases: list[BaseRow]
    broken: list[ExceptionRow]


class WorktreeCleanupAnswer(WorktreeReconcileAnswer):
    """`worktree cleanup`.

    Results are `removed`, `pruned` (its folder was gone already), `kept`, `failed`, and `would-remove`, `would-prune`.
    """

    recovered: list[str]
    """What was made good of a cleanup that had been interrupted."""
    dry_run: bool


def outcomes(found: Iterable[Outcome]) -> list[OutcomeRow]:
    """What became of worktrees, in this order."""
    return [row_of(OutcomeRow, one) for one in found]


def ensured(found: Ensured) -> WorktreeEnsureAnswer:
    """The worktree that a session was given."""
    return row_of(
        WorktreeEnsureAnswer,
        found.managed,
        created=found.choice.created,
        done=found.choice.done,
        base=row_of(BaseRow, found.base),
        passed=[{"path": path, "why": why} for path, why in found.choice.passed],
        reconciled=outcomes([found.outcome])[0] if found.outcome else None,
    )


def listed(found: Listing) -> WorktreeListAnswer:
    """The managed worktrees of this clone."""
    rows = [
        row_of(WorktreeEntry, managed, missing=worktree.prunable is not None, locked=worktree.locked)
        for managed, worktree in found.managed
    ]
    return {"worktrees": rows, "broken": _broken(found.broken)}


def states(rows: Iterable[Row], broken: Iterable[BrokenWorktree]) -> WorktreeStatusAnswer:
    """The managed worktrees with what can be said of them now."""
    return {"worktrees": [_state(one) for one in rows], "broken": _broken(broken)}


def reconciled(found: Reconciled | Cleaned) -> WorktreeReconcileAnswer:
    """What bringing the base in came to."""
    return {
        "outcomes": outcomes(found.outcomes),
        "summary": summary(found.outcomes),
        "bases": [row_of(BaseRow, base) for base in found.bases],
        "broken": _broken(found.broken),
    }


def cleaned(found: Cleaned, *, dry_run: bool) -> WorktreeCleanupAnswer:
    """What a cleanup came to."""
    return {**reconciled(found), "recovered": list(found.recovered), "dry_run": dry_run}


def _broken(found: Iterable[BrokenWorktree]) -> list[ExceptionRow]:
    return [row_of(ExceptionRow, item) for item in found]


def _state(found: Row) -> WorktreeRow:
    seen = found.seen
    ahead, behind = seen.counts or (None, None)
    managed, state, known = seen.managed, seen.state, not seen.state.problem
    return row_of(
        WorktreeRow,
        state,
        session=managed.session,
        agent=managed.agent,
        path=managed.path,
        branch=state.branch if known else None,
        own_branch=managed.branch,
        base=managed.base,
        base_commit=seen.base.commit,
        ahead=ahead,
        behind=behind,
        dirty=state.dirty if known else None,
        locked=seen.worktree.locked,
        users=[row_of(UserRow, user) for user in seen.users],
        reserved=found.reserved,
        idle=found.idle,
        created_at=managed.created_at,
        disk=found.disk,
        reconcile={"result": found.verdict.word, "kind": found.verdict.kind, "reason": found.verdict.reason},
    )
