"""What starting and ending sessions came to, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict, cast

from gitfleet.base.names import Oid, RepoPath
from gitfleet.fleet.views.grants import HowFar, how_far
from gitfleet.fleet.views.records import ClaimRecord, SessionRecord
from gitfleet.ledger.model import Result, Status

if TYPE_CHECKING:
    from gitfleet.launching.committing import Made
    from gitfleet.launching.launcher import Ended


class SessionStartAnswer(HowFar):
    """`session start` and `session adopt`."""

    tentative: bool
    session: SessionRecord


class SessionEndAnswer(SessionStartAnswer):
    """`session end`."""

    released: list[ClaimRecord]
    retained: list[ClaimRecord]
    """What stays with branches of the session, or with its worktree."""
    left: list[str]
    """Uncommitted paths and unpushed commits in the worktree, in words."""


class CommittedRow(TypedDict):
    """A session's work, committed for it when it ended."""

    commit: Oid | None
    """Null where there was nothing to commit, or it was refused."""
    paths: list[RepoPath]
    """What is in it."""
    before: list[RepoPath]
    """What the session's claims cover, but was changed before it began, and so was left."""
    unclaimed: list[RepoPath]
    """What else is changed, which the session does not claim, and so was left."""
    problem: str
    """Why it was refused; else empty. The changes are where they were."""


class SessionLaunchAnswer(TypedDict):
    """`session start -- COMMAND`, once the command has ended; its exit code is the answer's, too."""

    session: SessionRecord
    """As it was registered."""
    worktree: str
    log: str
    """Where what the command wrote is kept."""
    exit_code: int
    """128 and the number of the signal, if that ended it."""
    released: list[ClaimRecord]
    retained: list[ClaimRecord]
    """What stays with its branches, or with its worktree."""
    committed: CommittedRow | None
    """With `--commit`."""


def started(result: Result) -> SessionStartAnswer:
    """What `Sessions.start` came to."""
    tentative = result.status is Status.TENTATIVE
    return {**how_far(result), "tentative": tentative, "session": result.answer["session"]}


def ended(result: Result, left: Sequence[str]) -> SessionEndAnswer:
    """What `Sessions.end` came to; `left` says what the session leaves in its worktree."""
    answer = result.answer
    return {
        **started(result),
        "released": answer["released"],
        "retained": answer["retained"],
        "left": list(left),
    }


def launched(found: Ended) -> SessionLaunchAnswer:
    """How a command that ran as a session went."""
    return {
        "session": cast(SessionRecord, found.session),
        "worktree": found.worktree,
        "log": found.log,
        "exit_code": found.code,
        "released": found.answer.get("released", []),
        "retained": found.answer.get("retained", []),
        "committed": _committed(found.made) if found.made else None,
    }


def _committed(made: Made) -> CommittedRow:
    return {
        "commit": Oid(made.commit) if made.commit else None,
        "paths": _paths(made.paths),
        "before": _paths(made.before),
        "unclaimed": _paths(made.unclaimed),
        "problem": made.problem,
    }


def _paths(found: Sequence[str]) -> list[RepoPath]:
    return [RepoPath(path) for path in found]
