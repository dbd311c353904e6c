"""What `--json` prints, as models: the envelope, and the data of each command.

They document, and tests hold real output against them; nothing that runs imports this module (pydantic alone costs
more than most commands). The JSON schemas and the page in `docs/reference/` are made from it.

Within one `schema_version` fields are added, never taken away or given another meaning: readers should pass over
fields that they do not know. Times are seconds, moments are seconds since 1970 (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from gitfleet.cli import upkeepshapes
from gitfleet.cli.agentshapes import AgentChanged, AgentStatus, Primed
from gitfleet.cli.archiveshapes import WorktreeArchived, WorktreeArchives, WorktreeCleaned, WorktreeRestored
from gitfleet.cli.claimshapes import (
    Broken,
    Checked,
    CheckedCommits,
    Claimed,
    ClaimList,
    Line,
    Offered,
    Released,
    Taken,
    Told,
    Waited,
)
from gitfleet.cli.historyshapes import AuthorTally, LogLine, SessionTally, UncoveredCommit
from gitfleet.cli.shapes import (
    ClaimRecord,
    Data,
    DemoStep,
    Finding,
    Hooks,
    Knowledge,
    LedgerGlance,
    NodeGlance,
    Outcome,
    Probe,
    SessionGlance,
    SessionRecord,
    SessionRow,
)
from gitfleet.cli.treeshapes import WorktreeEnsured, WorktreeList, WorktreeReconciled, WorktreeStatus


class Envelope(Data):
    """What every command prints with `--json`: one JSON document on standard output."""

    schema_version: Literal["1"]
    """The version of this form and of all data."""
    command: str
    """Which command answers, e.g. `session start`."""
    status: str
    """`ok`, or what else is true of the answer; the name of the error when the command failed."""
    data: dict[str, Any]
    """The command's own data; `{"error": ...}` when it failed."""
    warnings: list[str]
    """What people should know besides."""


class Error(Data):
    """Why a command failed. Further fields are the facts of this kind of error, such as `conflicts`."""

    model_config = ConfigDict(extra="allow")

    message: str
    """What happened."""
    unharmed: str
    """What is as it was before; empty where something may have changed."""
    hint: str
    """One next step; may be empty."""


class Failure(Data):
    """The data of every command that failed (exit code and `status` say how)."""

    error: Error


class Init(Data):
    """`init`."""

    node: str
    hub: str
    """The remote's name; empty when this clone is its own hub."""
    trunk: str
    fresh: bool
    """Whether this clone was no node before."""
    probe: list[Probe]
    hooks: Hooks
    session: str
    """The session of the person whose worktree this is."""
    config: Literal["written", "kept", "landed", "none"]
    """Whether a gitfleet.yaml was written, one was there, or one has landed on the trunk."""


class Uninstall(Data):
    """`uninstall`."""

    kept: list[str]
    """What stays, and why."""


class SessionStarted(Outcome):
    """`session start` and `session adopt`."""

    tentative: bool
    session: SessionRecord


class SessionEnded(SessionStarted):
    """`session end`."""

    released: list[ClaimRecord]
    retained: list[ClaimRecord] = Field(default=[])
    """What stays with branches of the session, or with its worktree."""
    served: list[ClaimRecord] = Field(default=[])
    """What thereby went to others who had waited for it."""
    left: list[str]
    """Uncommitted paths and unpushed commits in the worktree, in words."""


class SessionList(Knowledge):
    """`session` and `session list`."""

    sessions: list[SessionRow]


class SessionShown(Knowledge):
    """`session show`."""

    session: SessionRow
    claims: list[ClaimRecord]


class HubHookInstalled(Data):
    """`hub-hook install`."""

    folders: list[str]
    changed: bool
    notes: list[str]


class HubHookTaken(Data):
    """`hub-hook uninstall`."""

    changed: bool
    notes: list[str]


class Synced(Data):
    """`sync`."""

    generation: int
    commit: str
    brought: int
    """How many operations of this clone were brought to the hub."""
    lost: list[str]
    """What was accepted tentatively and decided against (exit code 12)."""
    settled: list[str] = Field(default=[])
    """What became of branches that retain claims: pushed, landed, gone from the hub."""


class Log(Data):
    """`log`, newest first."""

    operations: list[LogLine]


class Fsck(Data):
    """`fsck`. A ledger that does not verify is an error, with the first bad commit as `where`."""

    verified: int
    """How many commits."""
    commit: str
    generation: int


class Audited(Data):
    """`audit`. `uncovered` is newest first; the tallies begin with those that have the most uncovered commits."""

    commits: int
    covered: int
    generation: int
    """How far the ledger was known here."""
    grants: int
    """How many claims were ever granted."""
    uncovered: list[UncoveredCommit]
    by_author: list[AuthorTally]
    by_session: list[SessionTally]


class Doctor(Data):
    """`doctor`."""

    repaired: list[str]
    """With `--repair`: what was done."""
    findings: list[Finding]


class Glance(Data):
    """`status`."""

    sessions: list[SessionGlance]
    retained: list[ClaimRecord]
    """What branches and worktrees keep after their sessions have ended."""
    ledger: LedgerGlance
    nodes: list[NodeGlance]


class Demo(Data):
    """`demo`."""

    directory: str
    seconds: int
    steps: list[DemoStep]


class Command(NamedTuple):
    """The data of one command, the exit codes of its own, and the values of `status` that are no error's."""

    data: type[BaseModel]
    codes: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ("ok",)


COMMANDS: Mapping[str, Command] = {
    "init": Command(Init),
    "uninstall": Command(Uninstall),
    "session list": Command(SessionList),
    "session start": Command(SessionStarted, (10,)),
    "session start --launch": Command(upkeepshapes.SessionLaunched, (10, 16), ("ok", "command-failed")),
    "session adopt": Command(SessionStarted, (10,)),
    "session end": Command(SessionEnded),
    "session show": Command(SessionShown),
    "claim": Command(Claimed, (10, 16, 21), ("ok", "tentative", "partial")),
    "claim --wait": Command(Waited, (11, 12, 14, 16)),
    "release": Command(Released, (10, 16), ("ok", "tentative")),
    "claims": Command(ClaimList),
    "check": Command(Checked, (10, 13), ("ok", "conflict", "unverifiable")),
    "check --range": Command(
        CheckedCommits,
        (10, 13, 15, 16),
        ("ok", "conflict", "unverifiable", "stale", "unclaimed"),
    ),
    "hub-hook install": Command(HubHookInstalled),
    "hub-hook uninstall": Command(HubHookTaken),
    "waiting": Command(Line),
    "tell": Command(Told),
    "offer": Command(Offered, (10,)),
    "accept": Command(Taken, (10,)),
    "break": Command(Broken, (10, 16)),
    "sync": Command(Synced, (12,), ("ok", "lost")),
    "log": Command(Log),
    "fsck": Command(Fsck),
    "audit": Command(Audited, (16,), ("ok", "uncovered")),
    "doctor": Command(Doctor, (20,), ("ok", "problems")),
    "status": Command(Glance),
    "agent install": Command(AgentChanged),
    "agent uninstall": Command(AgentChanged),
    "agent status": Command(AgentStatus),
    "prime": Command(Primed),
    "worktree list": Command(WorktreeList),
    "worktree status": Command(WorktreeStatus),
    "worktree ensure": Command(WorktreeEnsured, (10, 21), ("ok", "partial")),
    "worktree reconcile": Command(WorktreeReconciled, (21,), ("ok", "partial")),
    "worktree cleanup": Command(WorktreeCleaned, (21,), ("ok", "partial")),
    "worktree archive": Command(WorktreeArchived),
    "worktree archive --list": Command(WorktreeArchives),
    "worktree restore": Command(WorktreeRestored),
    "worktree maintain": Command(upkeepshapes.Maintained, (21,), ("ok", "partial")),
    "maintainer status": Command(upkeepshapes.MaintainerStatus),
    "maintainer install": Command(upkeepshapes.MaintainerInstalled),
    "maintainer uninstall": Command(upkeepshapes.MaintainerRemoved),
    "maintainer logs": Command(upkeepshapes.MaintainerLog),
    "maintainer run": Command(upkeepshapes.MaintainerRan, (21,), ("ok", "partial")),
    "demo": Command(Demo),
}
"""Every command that prints an envelope, once more with an option that changes its data. `session` is `session list`, `agent` is `agent status`, `worktree` is `worktree list`."""

EVERYWHERE = (0, 2, 13, 20, 30, 40, 70, 130)
"""The exit codes that any command may end with."""
