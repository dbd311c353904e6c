"""What a launched session, `worktree maintain` and `maintainer` print as JSON, as models; see `schemas`.

Documentation that is held against real output by tests; nothing that runs imports this module.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gitfleet.cli.shapes import ClaimRecord, Data, SessionRecord
from gitfleet.cli.treeshapes import WorktreeOutcome


class WorkCommitted(Data):
    """A session's work, committed for it when it ended."""

    commit: str | None
    """Absent where there was nothing to commit, or it was refused."""
    paths: list[str]
    """What is in it."""
    before: list[str]
    """What the session's claims cover, but was changed before it began, and so was left."""
    unclaimed: list[str]
    """What else is changed, which the session does not claim, and so was left."""
    problem: str
    """Why it was refused; else empty. The changes are where they were."""


class SessionLaunched(Data):
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
    committed: WorkCommitted | None
    """With `--commit`."""


class EndedSession(Data):
    """A session that upkeep ended, since its process is gone."""

    session: str
    worktree: str
    released: list[ClaimRecord]
    retained: list[ClaimRecord]
    """What stays with its branches, or with its worktree."""


class StepFailure(Data):
    """A step of upkeep that could not be done."""

    step: Literal["fetch", "reconcile", "sessions", "cleanup", "renewal", "sync", "forget"]
    message: str
    hint: str


class Maintained(Data):
    """`worktree maintain`."""

    dry_run: bool
    outcomes: list[WorktreeOutcome]
    summary: dict[str, int]
    """How many outcomes there are of each result."""
    ended: list[EndedSession]
    """Sessions whose process is gone; in a dry run, those that would be ended."""
    failures: list[StepFailure]
    lost: list[str]
    """What was accepted tentatively and decided against."""
    settled: list[str]
    """What became of branches that retained claims."""
    renewed: list[str]
    """Sessions that are at work, whose leases were renewed."""


class MaintainerRan(Maintained):
    """`maintainer run`. Everything but `ran` and `reason` is missing when another run went on."""

    ran: bool
    reason: str
    """Why it did not run."""
    dry_run: bool = False
    outcomes: list[WorktreeOutcome] = Field(default=[])
    summary: dict[str, int] = Field(default={})
    ended: list[EndedSession] = Field(default=[])
    failures: list[StepFailure] = Field(default=[])
    lost: list[str] = Field(default=[])
    settled: list[str] = Field(default=[])
    renewed: list[str] = Field(default=[])


class PutFile(Data):
    """A file of the maintainer's, or its line in the table of that name."""

    path: str
    text: str


class MaintainerInstalled(Data):
    """`maintainer install`."""

    installed: bool
    """False with `--print`: nothing was changed then."""
    kind: Literal["launchd", "systemd", "cron"]
    name: str
    every: int
    """Seconds."""
    files: list[PutFile]


class LastRun(Data):
    """How the last run went."""

    started: int
    ended: int | None
    """Null while it goes on, or when it never came to its end."""
    code: int | None
    """Its exit code."""
    words: list[str]


class MaintainerStatus(Data):
    """`maintainer` and `maintainer status`."""

    installed: bool
    kind: str
    """Empty when it is not installed."""
    name: str
    every: int
    """Seconds; 0 when it is not installed."""
    places: list[str]
    active: bool
    running: str
    """Who runs it just now, in words; empty when nobody does."""
    last: LastRun | None
    next_run: int | None
    """About when it runs next."""
    log: str
    problems: list[str]


class MaintainerRemoved(Data):
    """`maintainer uninstall`."""

    removed: list[Literal["launchd", "systemd", "cron"]]


class MaintainerLog(Data):
    """`maintainer logs`, oldest first."""

    log: str
    lines: list[str]
