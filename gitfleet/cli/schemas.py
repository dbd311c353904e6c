"""What each command answers: its data, the exit codes of its own, and the values of `status` that are no error's.

For the reference and for tests; nothing that runs imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gitfleet.cli.demo import DemoAnswer
from gitfleet.fleet.views.agents import AgentChangeAnswer, AgentStatusAnswer
from gitfleet.fleet.views.archives import ArchiveAnswer, ArchiveListAnswer, RestoreAnswer
from gitfleet.fleet.views.audit import AuditAnswer
from gitfleet.fleet.views.briefing import PrimeAnswer
from gitfleet.fleet.views.claims import CheckAnswer, ClaimListAnswer
from gitfleet.fleet.views.commits import CheckCommitsAnswer
from gitfleet.fleet.views.doctor import DoctorAnswer
from gitfleet.fleet.views.grants import (
    AcceptAnswer,
    BreakAnswer,
    ClaimAnswer,
    OfferAnswer,
    ReleaseAnswer,
    TellAnswer,
    WaitAnswer,
)
from gitfleet.fleet.views.hubs import HubHookInstallAnswer, HubHookUninstallAnswer
from gitfleet.fleet.views.ledger import FsckAnswer, SyncAnswer
from gitfleet.fleet.views.line import LineAnswer
from gitfleet.fleet.views.log import LogAnswer
from gitfleet.fleet.views.maintainer import (
    MaintainerInstallAnswer,
    MaintainerLogsAnswer,
    MaintainerStatusAnswer,
    MaintainerUninstallAnswer,
)
from gitfleet.fleet.views.sessions import SessionListAnswer, SessionShowAnswer
from gitfleet.fleet.views.setup import InitAnswer, UninstallAnswer
from gitfleet.fleet.views.starting import SessionEndAnswer, SessionLaunchAnswer, SessionStartAnswer
from gitfleet.fleet.views.status import StatusAnswer
from gitfleet.fleet.views.upkeep import MaintainerRunAnswer, UpkeepAnswer
from gitfleet.fleet.views.worktrees import (
    WorktreeCleanupAnswer,
    WorktreeEnsureAnswer,
    WorktreeListAnswer,
    WorktreeReconcileAnswer,
    WorktreeStatusAnswer,
)


class Command(NamedTuple):
    """What one command answers. `data` is the class of a row (see `fleet.views`)."""

    data: Any
    codes: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ("ok",)


_PARTLY = ((21,), ("ok", "partial"))

COMMANDS: Mapping[str, Command] = {
    "init": Command(InitAnswer),
    "uninstall": Command(UninstallAnswer),
    "session list": Command(SessionListAnswer),
    "session start": Command(SessionStartAnswer, (10,)),
    "session start --launch": Command(SessionLaunchAnswer, (10, 16), ("ok", "command-failed")),
    "session adopt": Command(SessionStartAnswer, (10,)),
    "session end": Command(SessionEndAnswer),
    "session show": Command(SessionShowAnswer),
    "claim": Command(ClaimAnswer, (10, 16, 21), ("ok", "tentative", "partial")),
    "claim --wait": Command(WaitAnswer, (11, 12, 14, 16)),
    "release": Command(ReleaseAnswer, (10, 16), ("ok", "tentative")),
    "claims": Command(ClaimListAnswer),
    "check": Command(CheckAnswer, (10, 13), ("ok", "conflict", "unverifiable")),
    "check --range": Command(
        CheckCommitsAnswer, (10, 13, 15, 16), ("ok", "conflict", "unverifiable", "stale", "unclaimed")
    ),
    "hub-hook install": Command(HubHookInstallAnswer),
    "hub-hook uninstall": Command(HubHookUninstallAnswer),
    "waiting": Command(LineAnswer),
    "tell": Command(TellAnswer),
    "offer": Command(OfferAnswer, (10,)),
    "accept": Command(AcceptAnswer, (10,)),
    "break": Command(BreakAnswer, (10, 16)),
    "sync": Command(SyncAnswer, (12,), ("ok", "lost")),
    "log": Command(LogAnswer),
    "fsck": Command(FsckAnswer),
    "audit": Command(AuditAnswer, (16,), ("ok", "uncovered")),
    "doctor": Command(DoctorAnswer, (20,), ("ok", "problems")),
    "status": Command(StatusAnswer),
    "agent install": Command(AgentChangeAnswer),
    "agent uninstall": Command(AgentChangeAnswer),
    "agent status": Command(AgentStatusAnswer),
    "prime": Command(PrimeAnswer),
    "worktree list": Command(WorktreeListAnswer),
    "worktree status": Command(WorktreeStatusAnswer),
    "worktree ensure": Command(WorktreeEnsureAnswer, (10, 21), ("ok", "partial")),
    "worktree reconcile": Command(WorktreeReconcileAnswer, *_PARTLY),
    "worktree cleanup": Command(WorktreeCleanupAnswer, *_PARTLY),
    "worktree archive": Command(ArchiveAnswer),
    "worktree archive --list": Command(ArchiveListAnswer),
    "worktree restore": Command(RestoreAnswer),
    "worktree maintain": Command(UpkeepAnswer, *_PARTLY),
    "maintainer status": Command(MaintainerStatusAnswer),
    "maintainer install": Command(MaintainerInstallAnswer),
    "maintainer uninstall": Command(MaintainerUninstallAnswer),
    "maintainer logs": Command(MaintainerLogsAnswer),
    "maintainer run": Command(MaintainerRunAnswer, *_PARTLY),
    "demo": Command(DemoAnswer),
}
"""Every command that prints an envelope, once more with an option that changes its data. `session` is `session list`, `agent` is `agent status`, `worktree` is `worktree list`."""

EVERYWHERE = (0, 2, 13, 20, 30, 40, 70, 130)
"""The exit codes that any command may end with."""
