"""Managed worktrees as rows, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict, cast

from gitfleet.base.names import BranchName, Oid, SessionId
from gitfleet.worktrees.cleanup import Cleaned
from gitfleet.worktrees.listing import Broken, Found
from gitfleet.worktrees.liveness import Sign
from gitfleet.worktrees.outcome import Outcome, summary
from gitfleet.worktrees.service import Ensured, Reconciled
from gitfleet.worktrees.status import Row
from gitfleet.worktrees.upstream import Base


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
    facts: dict[str, Any]
    """What the action found out; `kind` names the reason."""


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

    Results are `removed`, `pruned` (its folder was gone already), `kept`, `failed`, and `would-remove`, `would-prune`. Facts
    are `kind` (why), `branch`, `head`, `landed` (how its commits are safe), `idle` (seconds), `needs_archive`, `archive` (its
    id), `archived` (files), `commits` (that only its log leads to), `left_out`, `branch_deleted`.
    """

    recovered: list[str]
    """What was made good of a cleanup that had been interrupted."""
    dry_run: bool


def outcomes(found: Iterable[Outcome]) -> list[OutcomeRow]:
    """What became of worktrees, in this order."""
    return [
        {
            "path": one.path, "session": SessionId(one.session), "action": one.action, "result": one.result,
            "reason": one.reason, "facts": dict(one.facts),
        }
        for one in found
    ]  # fmt: skip


def ensured(found: Ensured) -> WorktreeEnsureAnswer:
    """The worktree that a session was given."""
    managed, choice = found.managed, found.choice
    return {
        "session": SessionId(managed.session),
        "agent": managed.agent,
        "path": managed.path,
        "branch": BranchName(managed.branch),
        "created": choice.created,
        "done": choice.done,
        "base": _base(found.base),
        "passed": [{"path": path, "why": why} for path, why in choice.passed],
        "reconciled": outcomes([found.outcome])[0] if found.outcome else None,
    }


def listed(found: Found) -> WorktreeListAnswer:
    """The managed worktrees of this clone."""
    rows: list[WorktreeEntry] = [
        {
            "session": SessionId(managed.session),
            "agent": managed.agent,
            "path": managed.path,
            "branch": BranchName(managed.branch),
            "base": BranchName(managed.base),
            "created_at": managed.created_at,
            "missing": worktree.prunable is not None,
            "locked": worktree.locked,
        }
        for managed, worktree in found.managed
    ]
    return {"worktrees": rows, "broken": _broken(found.broken)}


def states(rows: Iterable[Row], broken: Iterable[Broken]) -> WorktreeStatusAnswer:
    """The managed worktrees with what can be said of them now."""
    return {"worktrees": [_state(row) for row in rows], "broken": _broken(broken)}


def reconciled(found: Reconciled | Cleaned) -> WorktreeReconcileAnswer:
    """What bringing the base in came to."""
    return {
        "outcomes": outcomes(found.outcomes),
        "summary": summary(found.outcomes),
        "bases": [_base(base) for base in found.bases],
        "broken": _broken(found.broken),
    }


def cleaned(found: Cleaned, *, dry_run: bool) -> WorktreeCleanupAnswer:
    """What a cleanup came to."""
    return {**reconciled(found), "recovered": list(found.recovered), "dry_run": dry_run}


def _base(base: Base) -> BaseRow:
    commit = None if base.commit is None else Oid(base.commit)
    return {"name": BranchName(base.name), "commit": commit, "fresh": base.fresh, "error": base.error}


def _broken(found: Iterable[Broken]) -> list[ExceptionRow]:
    return [{"path": item.path, "why": item.why} for item in found]


def _state(row: Row) -> WorktreeRow:
    ahead, behind = row.counts or (None, None)
    state, known = row.state, not row.state.problem
    return {
        "session": SessionId(row.managed.session),
        "agent": row.managed.agent,
        "path": row.managed.path,
        "branch": BranchName(state.branch) if known else None,
        "own_branch": BranchName(row.managed.branch),
        "head": None if state.head is None else Oid(state.head),
        "base": BranchName(row.managed.base),
        "base_commit": None if row.base.commit is None else Oid(row.base.commit),
        "ahead": ahead,
        "behind": behind,
        "dirty": state.dirty if known else None,
        "operation": state.operation,
        "locked": row.worktree.locked,
        "problem": state.problem,
        "users": [cast(UserRow, user._asdict()) for user in row.users],
        "reserved": row.reserved,
        "idle": row.idle,
        "created_at": row.managed.created_at,
        "reconcile": {"result": row.verdict.word, "kind": row.verdict.kind, "reason": row.verdict.reason},
    }
