"""What each command answers: its data, the exit codes of its own, and the values of `status` that are no error's.

For the reference and for tests; nothing that runs imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gitfleet.cli.demo import DemoAnswer
from gitfleet.fleet.views import (
    agent_file_rows,
    agent_rows,
    archive_rows,
    audit_rows,
    briefing_rows,
    claim_rows,
    commit_rows,
    cost_rows,
    daemon_rows,
    doctor_rows,
    fleet_apply_rows,
    fleet_plan_rows,
    fleet_report_rows,
    gate_rows,
    grants,
    help_rows,
    host_rows,
    hubs,
    inbox_rows,
    job_rows,
    joining_rows,
    ledger,
    line,
    log_entry_rows,
    log_rows,
    maintainer_rows,
    message_rows,
    metrics_rows,
    pool_rows,
    queue,
    queue_stats,
    radar_rows,
    restoring_rows,
    review_rows,
    scan_rows,
    schedule_rows,
    server_rows,
    session_rows,
    starting_rows,
    status,
    upkeep_rows,
    web_rows,
    worktree_rows,
)


class CommandRow(NamedTuple):
    """What one command answers. `data` is the class of a row (see `fleet.views`)."""

    data: type
    codes: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ("ok",)


_PARTLY = ((21,), ("ok", "partial"))
_OVER_HOSTS = ("success", "partial", "error")

COMMANDS: Mapping[str, CommandRow] = {
    "init": CommandRow(joining_rows.InitAnswer),
    "uninstall": CommandRow(joining_rows.UninstallAnswer),
    "session list": CommandRow(session_rows.SessionListAnswer),
    "session start": CommandRow(starting_rows.SessionStartAnswer, (10,)),
    "session start --launch": CommandRow(
        starting_rows.SessionLaunchAnswer, (10, 16), ("ok", "command-failed")
    ),
    "session adopt": CommandRow(starting_rows.SessionStartAnswer, (10,)),
    "session end": CommandRow(starting_rows.SessionEndAnswer),
    "session show": CommandRow(session_rows.SessionShowAnswer),
    "claim": CommandRow(grants.ClaimAnswer, (10, 16, 21), ("ok", "tentative", "partial")),
    "claim --wait": CommandRow(grants.WaitAnswer, (11, 12, 14, 16)),
    "release": CommandRow(grants.ReleaseAnswer, (10, 16), ("ok", "tentative")),
    "claims": CommandRow(claim_rows.ClaimListAnswer),
    "check": CommandRow(claim_rows.CheckAnswer, (10, 13), ("ok", "conflict", "unverifiable")),
    "check --range": CommandRow(
        commit_rows.CheckCommitsAnswer,
        (10, 13, 15, 16),
        ("ok", "conflict", "unverifiable", "stale", "unclaimed"),
    ),
    "review": CommandRow(review_rows.ReviewAnswer),
    "radar": CommandRow(radar_rows.RadarAnswer),
    "radar --hot": CommandRow(radar_rows.RadarHotAnswer),
    "hub-hook install": CommandRow(hubs.HubHookInstallAnswer),
    "hub-hook uninstall": CommandRow(hubs.HubHookUninstallAnswer),
    "waiting": CommandRow(line.LineAnswer),
    "tell": CommandRow(grants.TellAnswer, (16,)),
    "message verify": CommandRow(message_rows.MessageVerifyAnswer),
    "offer": CommandRow(grants.OfferAnswer, (10,)),
    "accept": CommandRow(grants.AcceptAnswer, (10,)),
    "break": CommandRow(grants.BreakAnswer, (10, 16)),
    "sync": CommandRow(ledger.SyncAnswer, (12,), ("ok", "lost")),
    "log": CommandRow(log_rows.LogAnswer),
    "fsck": CommandRow(ledger.FsckAnswer),
    "audit": CommandRow(audit_rows.AuditAnswer, (16,), ("ok", "uncovered")),
    "doctor": CommandRow(doctor_rows.DoctorAnswer, (20,), ("ok", "problems")),
    "help": CommandRow(help_rows.HelpAnswer),
    "metrics": CommandRow(metrics_rows.MetricsAnswer),
    "bug-report": CommandRow(metrics_rows.BugReportAnswer),
    "inbox list": CommandRow(inbox_rows.InboxListAnswer),
    "inbox notify": CommandRow(inbox_rows.InboxNotifyAnswer, (21,), ("ok", "partial")),
    "inbox read": CommandRow(inbox_rows.InboxReadAnswer),
    "inbox unread": CommandRow(inbox_rows.InboxReadAnswer),
    "status": CommandRow(status.StatusAnswer),
    "agent install": CommandRow(agent_rows.AgentChangeAnswer),
    "agent uninstall": CommandRow(agent_rows.AgentChangeAnswer),
    "agent list": CommandRow(agent_file_rows.AgentListAnswer),
    "agent show": CommandRow(agent_file_rows.AgentShowAnswer),
    "agent new": CommandRow(agent_file_rows.AgentNewAnswer),
    "config check": CommandRow(agent_file_rows.ConfigCheckAnswer),
    "config show": CommandRow(agent_file_rows.ConfigShowAnswer),
    "agent status": CommandRow(agent_rows.AgentStatusAnswer),
    "mcp": CommandRow(server_rows.McpAnswer),
    "prime": CommandRow(briefing_rows.PrimeAnswer),
    "worktree list": CommandRow(worktree_rows.WorktreeListAnswer),
    "worktree status": CommandRow(worktree_rows.WorktreeStatusAnswer),
    "worktree ensure": CommandRow(worktree_rows.WorktreeEnsureAnswer, (10, 21), ("ok", "partial")),
    "worktree reconcile": CommandRow(worktree_rows.WorktreeReconcileAnswer, *_PARTLY),
    "worktree cleanup": CommandRow(worktree_rows.WorktreeCleanupAnswer, *_PARTLY),
    "worktree archive": CommandRow(archive_rows.ArchiveAnswer),
    "worktree archive --list": CommandRow(archive_rows.ArchiveListAnswer),
    "worktree restore": CommandRow(archive_rows.RestoreAnswer),
    "worktree maintain": CommandRow(upkeep_rows.UpkeepAnswer, *_PARTLY),
    "gate run": CommandRow(
        gate_rows.GateRunAnswer, (11, 16), ("ok", "failed", "indeterminate", "unknown", "queued")
    ),
    "gate status": CommandRow(
        gate_rows.GateStatusAnswer,
        (11, 16),
        ("passed", "failed", "indeterminate", "unknown", "running", "unconfigured"),
    ),
    "maintainer status": CommandRow(maintainer_rows.MaintainerStatusAnswer),
    "maintainer install": CommandRow(maintainer_rows.MaintainerInstallAnswer),
    "maintainer uninstall": CommandRow(maintainer_rows.MaintainerUninstallAnswer),
    "maintainer logs": CommandRow(maintainer_rows.MaintainerLogsAnswer),
    "maintainer run": CommandRow(upkeep_rows.MaintainerRunAnswer, *_PARTLY),
    "queue list": CommandRow(queue.QueueListAnswer),
    "queue show": CommandRow(queue.QueueShowAnswer),
    "queue why": CommandRow(queue.QueueWhyAnswer),
    "queue add": CommandRow(queue.QueueAddAnswer, (10, 15, 16)),
    "queue accept": CommandRow(queue.QueueAddAnswer, (10, 15, 16)),
    "queue revert": CommandRow(queue.QueueAddAnswer, (10, 15, 16)),
    **{
        f"queue {verb}": CommandRow(queue.QueueChangeAnswer, (10, 16), ("ok", "tentative"))
        for verb in ("bump", "hold", "unhold", "drop", "retry", "approve")
    },
    "queue pause": CommandRow(queue.QueuePauseAnswer, (10, 16), ("ok", "tentative")),
    "queue resume": CommandRow(queue.QueuePauseAnswer, (10, 16)),
    "queue process": CommandRow(queue.QueueProcessAnswer, (11, 13, 21, 30)),
    "queue history": CommandRow(queue.QueueHistoryAnswer),
    "queue stats": CommandRow(queue_stats.QueueStatsAnswer),
    "run": CommandRow(job_rows.RunAnswer, *_PARTLY),
    "start": CommandRow(daemon_rows.DaemonAnswer),
    "stop": CommandRow(daemon_rows.DaemonStopAnswer),
    "restart": CommandRow(daemon_rows.DaemonAnswer),
    "reload": CommandRow(daemon_rows.ReloadAnswer),
    **{
        command: CommandRow(job_rows.JobAnswer)
        for command in ("trigger", "enqueue", "job show", "job cancel", "job retry", "job fork")
    },
    "job answer": CommandRow(job_rows.JobQuestionsAnswer),
    "job list": CommandRow(job_rows.JobListAnswer),
    "job logs": CommandRow(job_rows.JobLogsAnswer),
    "logs": CommandRow(log_entry_rows.LogsAnswer),
    "history": CommandRow(job_rows.HistoryAnswer),
    "restore": CommandRow(restoring_rows.RestoreJobsAnswer),
    "restore -- session": CommandRow(starting_rows.SessionLaunchAnswer, (10, 16), ("ok", "command-failed")),
    "schedule list": CommandRow(schedule_rows.ScheduleListAnswer),
    "schedule enable": CommandRow(schedule_rows.ScheduleAnswer),
    "schedule disable": CommandRow(schedule_rows.ScheduleAnswer),
    "schedule add": CommandRow(schedule_rows.ScheduleAnswer, (16,)),
    "schedule remove": CommandRow(schedule_rows.ScheduleRemoveAnswer),
    "pool list": CommandRow(pool_rows.PoolListAnswer),
    "pool show": CommandRow(pool_rows.PoolAnswer),
    "pool pause": CommandRow(pool_rows.PoolAnswer, (16,), ("ok", "tentative")),
    "pool resume": CommandRow(pool_rows.PoolAnswer, (), ("ok", "tentative")),
    "cost": CommandRow(cost_rows.CostAnswer),
    "hosts check": CommandRow(
        host_rows.HostsCheckAnswer, (21,), ("ok", "partial", "hub or host unreachable")
    ),
    "fleet plan": CommandRow(fleet_plan_rows.FleetPlanAnswer, (21, 30), _OVER_HOSTS),
    "fleet show": CommandRow(fleet_plan_rows.FleetPlanAnswer, (), _OVER_HOSTS),
    "fleet status": CommandRow(fleet_plan_rows.FleetStatusAnswer, (), _OVER_HOSTS),
    "fleet list": CommandRow(fleet_plan_rows.FleetListAnswer, (), _OVER_HOSTS),
    "fleet apply": CommandRow(fleet_apply_rows.FleetApplyAnswer, (20, 21, 30), _OVER_HOSTS),
    "fleet resume": CommandRow(fleet_apply_rows.FleetApplyAnswer, (20, 21, 30), _OVER_HOSTS),
    "fleet verify": CommandRow(fleet_apply_rows.FleetActsAnswer, (21, 30), _OVER_HOSTS),
    "fleet undo": CommandRow(fleet_apply_rows.FleetActsAnswer, (21, 30), _OVER_HOSTS),
    "fleet review": CommandRow(fleet_plan_rows.FleetReviewAnswer, (), _OVER_HOSTS),
    "fleet report": CommandRow(fleet_report_rows.FleetReportAnswer, (), _OVER_HOSTS),
    "fleet mistake": CommandRow(fleet_plan_rows.FleetMistakeAnswer, (), _OVER_HOSTS),
    "fleet trust": CommandRow(fleet_plan_rows.FleetTrustAnswer, (16,), _OVER_HOSTS),
    "scan": CommandRow(scan_rows.ScanAnswer),
    "scan --by session": CommandRow(scan_rows.ScanBySessionAnswer),
    "web": CommandRow(web_rows.WebStartAnswer),
    "demo": CommandRow(DemoAnswer),
}
"""Every command that prints an envelope, once more with an option that changes its data. `session` is `session list`, `agent` is `agent status`, `fleet` is `fleet list`, `worktree` is `worktree list`."""

EVERYWHERE = (0, 2, 13, 20, 30, 40, 70, 130)
"""The exit codes that any command may end with."""
