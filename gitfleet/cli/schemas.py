"""What each command answers: its data, the exit codes of its own, and the values of `status` that are no error's.

For the reference and for tests; nothing that runs imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gitfleet.cli.demo import DemoAnswer
from gitfleet.fleet.views import (
    agents,
    archives,
    audit,
    briefing,
    claims,
    commits,
    doctor,
    grants,
    hubs,
    ledger,
    line,
    log,
    maintainer,
    sessions,
    setup,
    starting,
    status,
    upkeep,
    worktrees,
)


class Command(NamedTuple):
    """What one command answers. `data` is the class of a row (see `fleet.views`)."""

    data: Any
    codes: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ("ok",)


_PARTLY = ((21,), ("ok", "partial"))

COMMANDS: Mapping[str, Command] = {
    "init": Command(setup.InitAnswer),
    "uninstall": Command(setup.UninstallAnswer),
    "session list": Command(sessions.SessionListAnswer),
    "session start": Command(starting.SessionStartAnswer, (10,)),
    "session start --launch": Command(starting.SessionLaunchAnswer, (10, 16), ("ok", "command-failed")),
    "session adopt": Command(starting.SessionStartAnswer, (10,)),
    "session end": Command(starting.SessionEndAnswer),
    "session show": Command(sessions.SessionShowAnswer),
    "claim": Command(grants.ClaimAnswer, (10, 16, 21), ("ok", "tentative", "partial")),
    "claim --wait": Command(grants.WaitAnswer, (11, 12, 14, 16)),
    "release": Command(grants.ReleaseAnswer, (10, 16), ("ok", "tentative")),
    "claims": Command(claims.ClaimListAnswer),
    "check": Command(claims.CheckAnswer, (10, 13), ("ok", "conflict", "unverifiable")),
    "check --range": Command(
        commits.CheckCommitsAnswer, (10, 13, 15, 16), ("ok", "conflict", "unverifiable", "stale", "unclaimed")
    ),
    "hub-hook install": Command(hubs.HubHookInstallAnswer),
    "hub-hook uninstall": Command(hubs.HubHookUninstallAnswer),
    "waiting": Command(line.LineAnswer),
    "tell": Command(grants.TellAnswer),
    "offer": Command(grants.OfferAnswer, (10,)),
    "accept": Command(grants.AcceptAnswer, (10,)),
    "break": Command(grants.BreakAnswer, (10, 16)),
    "sync": Command(ledger.SyncAnswer, (12,), ("ok", "lost")),
    "log": Command(log.LogAnswer),
    "fsck": Command(ledger.FsckAnswer),
    "audit": Command(audit.AuditAnswer, (16,), ("ok", "uncovered")),
    "doctor": Command(doctor.DoctorAnswer, (20,), ("ok", "problems")),
    "status": Command(status.StatusAnswer),
    "agent install": Command(agents.AgentChangeAnswer),
    "agent uninstall": Command(agents.AgentChangeAnswer),
    "agent status": Command(agents.AgentStatusAnswer),
    "prime": Command(briefing.PrimeAnswer),
    "worktree list": Command(worktrees.WorktreeListAnswer),
    "worktree status": Command(worktrees.WorktreeStatusAnswer),
    "worktree ensure": Command(worktrees.WorktreeEnsureAnswer, (10, 21), ("ok", "partial")),
    "worktree reconcile": Command(worktrees.WorktreeReconcileAnswer, *_PARTLY),
    "worktree cleanup": Command(worktrees.WorktreeCleanupAnswer, *_PARTLY),
    "worktree archive": Command(archives.ArchiveAnswer),
    "worktree archive --list": Command(archives.ArchiveListAnswer),
    "worktree restore": Command(archives.RestoreAnswer),
    "worktree maintain": Command(upkeep.UpkeepAnswer, *_PARTLY),
    "maintainer status": Command(maintainer.MaintainerStatusAnswer),
    "maintainer install": Command(maintainer.MaintainerInstallAnswer),
    "maintainer uninstall": Command(maintainer.MaintainerUninstallAnswer),
    "maintainer logs": Command(maintainer.MaintainerLogsAnswer),
    "maintainer run": Command(upkeep.MaintainerRunAnswer, *_PARTLY),
    "demo": Command(DemoAnswer),
}
"""Every command that prints an envelope, once more with an option that changes its data. `session` is `session list`, `agent` is `agent status`, `worktree` is `worktree list`."""

EVERYWHERE = (0, 2, 13, 20, 30, 40, 70, 130)
"""The exit codes that any command may end with."""
