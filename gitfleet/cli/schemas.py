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
    gates,
    grants,
    hubs,
    ledger,
    line,
    log,
    maintainer,
    radar,
    sessions,
    setup,
    starting,
    status,
    upkeep,
    worktrees,
)


class CommandRow(NamedTuple):
    """What one command answers. `data` is the class of a row (see `fleet.views`)."""

    data: Any
    codes: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ("ok",)


_PARTLY = ((21,), ("ok", "partial"))

COMMANDS: Mapping[str, CommandRow] = {
    "init": CommandRow(setup.InitAnswer),
    "uninstall": CommandRow(setup.UninstallAnswer),
    "session list": CommandRow(sessions.SessionListAnswer),
    "session start": CommandRow(starting.SessionStartAnswer, (10,)),
    "session start --launch": CommandRow(starting.SessionLaunchAnswer, (10, 16), ("ok", "command-failed")),
    "session adopt": CommandRow(starting.SessionStartAnswer, (10,)),
    "session end": CommandRow(starting.SessionEndAnswer),
    "session show": CommandRow(sessions.SessionShowAnswer),
    "claim": CommandRow(grants.ClaimAnswer, (10, 16, 21), ("ok", "tentative", "partial")),
    "claim --wait": CommandRow(grants.WaitAnswer, (11, 12, 14, 16)),
    "release": CommandRow(grants.ReleaseAnswer, (10, 16), ("ok", "tentative")),
    "claims": CommandRow(claims.ClaimListAnswer),
    "check": CommandRow(claims.CheckAnswer, (10, 13), ("ok", "conflict", "unverifiable")),
    "check --range": CommandRow(
        commits.CheckCommitsAnswer, (10, 13, 15, 16), ("ok", "conflict", "unverifiable", "stale", "unclaimed")
    ),
    "radar": CommandRow(radar.RadarAnswer),
    "radar --hot": CommandRow(radar.RadarHotAnswer),
    "hub-hook install": CommandRow(hubs.HubHookInstallAnswer),
    "hub-hook uninstall": CommandRow(hubs.HubHookUninstallAnswer),
    "waiting": CommandRow(line.LineAnswer),
    "tell": CommandRow(grants.TellAnswer),
    "offer": CommandRow(grants.OfferAnswer, (10,)),
    "accept": CommandRow(grants.AcceptAnswer, (10,)),
    "break": CommandRow(grants.BreakAnswer, (10, 16)),
    "sync": CommandRow(ledger.SyncAnswer, (12,), ("ok", "lost")),
    "log": CommandRow(log.LogAnswer),
    "fsck": CommandRow(ledger.FsckAnswer),
    "audit": CommandRow(audit.AuditAnswer, (16,), ("ok", "uncovered")),
    "doctor": CommandRow(doctor.DoctorAnswer, (20,), ("ok", "problems")),
    "status": CommandRow(status.StatusAnswer),
    "agent install": CommandRow(agents.AgentChangeAnswer),
    "agent uninstall": CommandRow(agents.AgentChangeAnswer),
    "agent status": CommandRow(agents.AgentStatusAnswer),
    "prime": CommandRow(briefing.PrimeAnswer),
    "worktree list": CommandRow(worktrees.WorktreeListAnswer),
    "worktree status": CommandRow(worktrees.WorktreeStatusAnswer),
    "worktree ensure": CommandRow(worktrees.WorktreeEnsureAnswer, (10, 21), ("ok", "partial")),
    "worktree reconcile": CommandRow(worktrees.WorktreeReconcileAnswer, *_PARTLY),
    "worktree cleanup": CommandRow(worktrees.WorktreeCleanupAnswer, *_PARTLY),
    "worktree archive": CommandRow(archives.ArchiveAnswer),
    "worktree archive --list": CommandRow(archives.ArchiveListAnswer),
    "worktree restore": CommandRow(archives.RestoreAnswer),
    "worktree maintain": CommandRow(upkeep.UpkeepAnswer, *_PARTLY),
    "gate run": CommandRow(
        gates.GateRunAnswer, (11, 16), ("ok", "failed", "indeterminate", "unknown", "queued")
    ),
    "gate status": CommandRow(
        gates.GateStatusAnswer,
        (11, 16),
        ("passed", "failed", "indeterminate", "unknown", "running", "unconfigured"),
    ),
    "maintainer status": CommandRow(maintainer.MaintainerStatusAnswer),
    "maintainer install": CommandRow(maintainer.MaintainerInstallAnswer),
    "maintainer uninstall": CommandRow(maintainer.MaintainerUninstallAnswer),
    "maintainer logs": CommandRow(maintainer.MaintainerLogsAnswer),
    "maintainer run": CommandRow(upkeep.MaintainerRunAnswer, *_PARTLY),
    "demo": CommandRow(DemoAnswer),
}
"""Every command that prints an envelope, once more with an option that changes its data. `session` is `session list`, `agent` is `agent status`, `worktree` is `worktree list`."""

EVERYWHERE = (0, 2, 13, 20, 30, 40, 70, 130)
"""The exit codes that any command may end with."""
