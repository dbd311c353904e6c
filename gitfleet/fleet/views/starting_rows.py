"""What starting and ending sessions came to, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from gitfleet.base.names import Oid, RepoPath
from gitfleet.claims.retained_claims import Ended, Started
from gitfleet.fleet.views import records
from gitfleet.fleet.views.grants import HowFar, how_far
from gitfleet.fleet.views.records import ClaimRecord, SessionRecord
from gitfleet.fleet.views.rows import row_of
from gitfleet.sessions.left_running import LeftRunning

if TYPE_CHECKING:
    from gitfleet.launching import launcher  # for nobody who only starts or ends a session


class SessionStartAnswer(HowFar):
    """`session start` and `session adopt`."""

    tentative: bool
    session: SessionRecord


class RunningRow(TypedDict):
    """A group of processes that a session has left running."""

    pid: int
    """Of the first of them."""
    processes: int
    command: str
    """Without what looks secret."""
    ports: list[int]
    """On which it listens."""
    memory: int
    """In bytes."""
    age: float
    """In seconds."""
    by: str
    """How it is known whose it is: marker, parent, child, group, cgroup, terminal or place."""


class SessionEndAnswer(SessionStartAnswer):
    """`session end`."""

    released: list[ClaimRecord]
    retained: list[ClaimRecord]
    """What stays with branches of the session, or with its worktree."""
    left: list[str]
    """Uncommitted paths and unpushed commits in the worktree, in words."""
    running: list[RunningRow]
    """What it has started on this machine, and nobody has ended."""


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


def started(answer: Started | Ended) -> SessionStartAnswer:
    """What `Sessions.start` or `Sessions.end` came to."""
    return {**how_far(answer), "tentative": answer.tentative, "session": records.session(answer.session)}


def ended(answer: Ended, left: Sequence[str], running: Sequence[LeftRunning] = ()) -> SessionEndAnswer:
    """What `Sessions.end` came to; `left` says what the session leaves in its worktree, `running` what it leaves at work."""
    return {
        **started(answer),
        "released": records.claims(answer.released),
        "retained": records.claims(answer.retained),
        "left": list(left),
        "running": [row_of(RunningRow, one, ports=list(one.ports)) for one in running],
    }


def launched(found: launcher.LaunchEnd) -> SessionLaunchAnswer:
    """How a command that ran as a session went."""
    return row_of(
        SessionLaunchAnswer,
        found,
        session=records.session(found.session),
        exit_code=found.code,
        released=records.claims(found.answer.released) if found.answer else [],
        retained=records.claims(found.answer.retained) if found.answer else [],
        committed=row_of(CommittedRow, found.made, commit=found.made.commit or None) if found.made else None,
    )
