"""Every command: in one line, in the order in which people meet them, and where its function is.

For help, the man page, the reference, and for finding a command without importing the others. A line of help has 80
columns; a test holds this table against the functions.
"""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.codec import Struct


class CommandEntry(Struct):
    """A command: the function in this package that is it, as `module.function` ("" for a noun), and what it is.

    One that `passes_on` leaves what follows its first argument to another program.
    """

    home: str
    words: str
    passes_on: bool = False


class Noun(Struct):
    """A command with verbs: its help, and the verb that it is without one ("": it shows its help)."""

    help: str
    default: str


COMMANDS: Mapping[str, Mapping[str, CommandEntry]] = {
    "First steps": {
        "demo": CommandEntry("demo.demo", "Watch it first: three agents on two clones, played for real"),
        "init": CommandEntry("setup.init", "Make this clone part of a fleet"),
        "doctor": CommandEntry("ledger.doctor", "Find what is wrong here; with --repair, fix it"),
        "help": CommandEntry("commands_told.tell", "Show what a command takes; with --json, all as data"),
        "uninstall": CommandEntry("setup.uninstall", "Remove gitfleet from this clone"),
    },
    "Claims": {
        "claim": CommandEntry("claims.claim", "Claim paths before you change them: all of them, or none"),
        "release": CommandEntry(
            "claims.release", "Release claims: those on the paths given, or all of yours"
        ),
        "check": CommandEntry("claims.check", "Show whether each path is free, mine or theirs"),
        "claims": CommandEntry("claims.claims", "List the claims of the fleet"),
        "waiting": CommandEntry("handing.waiting", "Show who stands in line, and for whom they wait"),
        "tell": CommandEntry("handing.tell", "Leave a message for another session"),
        "message": CommandEntry("", "Messages of other sessions: check that one is unchanged"),
        "offer": CommandEntry("handing.offer", "Offer claims of yours to another session"),
        "accept": CommandEntry("handing.accept", "Accept what another session offers you"),
        "break": CommandEntry("handing.break_", "Take claims away from their holders (people only)"),
    },
    "Sessions and worktrees": {
        "inbox": CommandEntry("", "What needs a person: who, what, since when, and what to do"),
        "status": CommandEntry("status.show", "Show every session: alive or not, where, and on what"),
        "review": CommandEntry("reviewing.review", "Show what a session has done, and what comes next"),
        "radar": CommandEntry("radar.radar", "Show which branches will conflict, before anybody merges"),
        "session": CommandEntry("", "Start, end and list sessions: who is at work"),
        "worktree": CommandEntry("", "A worktree for each session: made, kept up, taken away"),
        "maintainer": CommandEntry("", "Have the system do the upkeep regularly"),
    },
    "Landing": {
        "gate": CommandEntry("", "Test a tree once for the whole fleet; show verdicts"),
        "queue": CommandEntry("", "The merge queue: branches that wait to land on the trunk"),
    },
    "Agents": {
        "prime": CommandEntry("agents.prime", "Brief an agent: who holds what, and what the rules are"),
        "agent": CommandEntry("", "Hooks in agents' settings; agents defined by files"),
        "mcp": CommandEntry("serving.mcp", "Serve tools to an agent over the Model Context Protocol"),
    },
    "Jobs": {
        "run": CommandEntry("running.run", "Run the jobs of this clone in the foreground"),
        "start": CommandEntry("daemon.start", "Run them in the background"),
        "stop": CommandEntry("daemon.stop", "Stop that, or `run`, from anywhere"),
        "restart": CommandEntry("daemon.restart", "Restart it; running jobs go on"),
        "reload": CommandEntry("daemon.reload", "Have it read the agent files again"),
        "trigger": CommandEntry("jobs.trigger", "Queue a job of an agent"),
        "enqueue": CommandEntry("jobs.enqueue", "Queue a task for the default agent"),
        "job": CommandEntry("", "List, show and cancel jobs, and see what their agents wrote"),
        "schedule": CommandEntry("", "When agents run by themselves: list, enable, disable"),
        "logs": CommandEntry("logs.logs", "Show what becomes of jobs, as it happens"),
        "history": CommandEntry("logs.history", "Replay a job, line by line"),
        "restore": CommandEntry("restoring.restore", "After a reboot: bring back the work that it ended"),
        "cost": CommandEntry("cost.cost", "Sum up what jobs used and cost, by agent, branch, day, …"),
        "pool": CommandEntry("", "Accounts that agents share: paused while they have no quota"),
        "config": CommandEntry("", "What the agent files say, and what is wrong with them"),
    },
    "Processes": {
        "scan": CommandEntry("scanning.scan", "Show what runs on this host, and which session started it"),
        "fleet": CommandEntry("", "Plans over hosts: find what nobody needs, and end it"),
        "hosts": CommandEntry("", "Other hosts: check which can be reached"),
    },
    "Dashboards and programs": {
        "web": CommandEntry("web.web", "Serve status, claims and the queue over HTTP, on loopback"),
    },
    "The hub and the ledger": {
        "sync": CommandEntry("ledger.sync", "Exchange with the hub, and hear what was lost meanwhile"),
        "log": CommandEntry("log.log", "Show what the fleet has agreed, newest first"),
        "audit": CommandEntry("auditing.audit", "Look for commits that no claim covered"),
        "fsck": CommandEntry("ledger.fsck", "Replay the ledger, and verify every step of it"),
        "hub-hook": CommandEntry("", "Judge pushes in a bare repository of your own"),
        "metrics": CommandEntry("telemetry.metrics", "Print figures of the fleet for Prometheus"),
        "bug-report": CommandEntry(
            "telemetry.report_bug", "Write a redacted report for the maintainers of gitfleet"
        ),
    },
}
"""The commands of `gitfleet` itself, under headings."""

VERBS: Mapping[str, Mapping[str, CommandEntry]] = {
    "inbox": {
        "list": CommandEntry("inbox.listing", "List what needs a person (the default)"),
        "notify": CommandEntry("inbox.notify", "Notify people of what is new, as the maintainer does"),
        "read": CommandEntry("inbox.read", "Take items as read; they stay until their cause is gone"),
        "unread": CommandEntry("inbox.unread", "Take items as unread again"),
    },
    "message": {
        "verify": CommandEntry("verifying.verify", "Check who sent a message, and that it is unchanged"),
    },
    "session": {
        "start": CommandEntry(
            "sessions.start", "Start a session here; with a COMMAND, run that as one", passes_on=True
        ),
        "adopt": CommandEntry("sessions.adopt", "Register an agent that runs already as a session"),
        "end": CommandEntry("sessions.end", "End a session, and release its claims"),
        "list": CommandEntry("session_list.listing", "List the sessions of the fleet (the default)"),
        "show": CommandEntry("session_list.show", "Show one session and its claims"),
    },
    "hub-hook": {
        "install": CommandEntry("hubs.install", "Put the hook into a bare repository"),
        "uninstall": CommandEntry("hubs.uninstall", "Take it out again"),
    },
    "worktree": {
        "ensure": CommandEntry("worktrees.ensure", "Give a session a worktree: a free one, or a new one"),
        "list": CommandEntry("worktrees.listing", "List the managed worktrees (the default)"),
        "status": CommandEntry("worktrees.status", "Show what each has changed, and who is at work there"),
        "reconcile": CommandEntry("worktrees.reconcile", "Bring the trunk into worktrees"),
        "cleanup": CommandEntry(
            "upkeep.clean", "Remove idle worktrees where that is safe; archive their work"
        ),
        "archive": CommandEntry("upkeep.archive", "Keep all that a worktree holds in one commit"),
        "restore": CommandEntry("upkeep.bring_back", "Bring an archived worktree back"),
        "maintain": CommandEntry("maintaining.maintain", "One round of upkeep: all of this, now"),
    },
    "gate": {
        "run": CommandEntry("gates.run", "Test a commit, and tell the fleet the verdict"),
        "status": CommandEntry("gates.status", "Say what the fleet knows of a tree"),
    },
    "queue": {
        "add": CommandEntry("queue.add", "Queue a branch for landing; again, to change its entry"),
        "accept": CommandEntry("queue.accept", "Queue the work of a session that you have reviewed"),
        "list": CommandEntry("queue.listing", "List the queue, each entry with why it waits (the default)"),
        "show": CommandEntry("queue.show", "Show an entry, and everything found about it"),
        "why": CommandEntry("queue.why", "Show why an entry waits, and what to do next"),
        "bump": CommandEntry("queue.bump", "Give an entry another priority"),
        "hold": CommandEntry("queue.hold", "Keep an entry from landing"),
        "unhold": CommandEntry("queue.unhold", "Let a held entry go on"),
        "drop": CommandEntry("queue.drop", "Take an entry out"),
        "retry": CommandEntry("queue.retry", "Test again an entry that came back"),
        "approve": CommandEntry("queue.approve", "Approve an entry that takes away lines of others"),
        "pause": CommandEntry("queue.pause", "Stop the whole queue: pause, freeze or drain it"),
        "resume": CommandEntry("queue.resume", "Let the queue go on"),
        "history": CommandEntry("queue.history", "List what has landed, was dropped, or has expired"),
        "process": CommandEntry("processing.process", "Test what waits, and land what passes"),
        "revert": CommandEntry("queue.revert", "Queue the revert of an entry that has landed"),
        "stats": CommandEntry("queue.stats", "Show figures of the queue: landings, gate runs, waits"),
    },
    "maintainer": {
        "install": CommandEntry("maintaining.install", "Have the system run upkeep of this clone regularly"),
        "status": CommandEntry(
            "maintaining.status", "Show how the last run went, and when the next one comes"
        ),
        "uninstall": CommandEntry("maintaining.uninstall", "Take that away again"),
        "logs": CommandEntry("maintaining.logs", "Show the end of the log of its runs"),
        "run": CommandEntry("maintaining.run", "One run, as the system starts it"),
    },
    "job": {
        "list": CommandEntry("jobs.listing", "List jobs, those that have not ended first (the default)"),
        "show": CommandEntry("jobs.show", "Show a job, and all that is known of its attempts"),
        "logs": CommandEntry("logs.job_logs", "Show what the agent of a job has written"),
        "answer": CommandEntry("answering.answer", "Answer an agent's question, or show it"),
        "cancel": CommandEntry("jobs.cancel", "Cancel a job; its work stays on its branch"),
        "retry": CommandEntry("rerunning.retry", "Let a job that failed go on where it stopped"),
        "fork": CommandEntry("rerunning.fork", "Queue a copy of a job, changed or not"),
    },
    "schedule": {
        "list": CommandEntry("schedules.listing", "List schedules, and when each fires next (the default)"),
        "enable": CommandEntry("schedules.enable", "Have a schedule fire, from now on"),
        "disable": CommandEntry("schedules.disable", "Disable a schedule, until it is enabled again"),
        "add": CommandEntry("schedules.add", "Give yourself a schedule (agents of jobs only)"),
        "remove": CommandEntry("schedules.remove", "Remove a schedule that an agent gave itself"),
    },
    "pool": {
        "list": CommandEntry("pools.listing", "List pools, and whether they are paused (the default)"),
        "show": CommandEntry("pools.show", "Show a pool: until when it is paused, and why"),
        "pause": CommandEntry("pools.pause", "Stop all nodes from starting jobs of a pool"),
        "resume": CommandEntry("pools.resume", "Let jobs of a pool be started again"),
    },
    "hosts": {
        "check": CommandEntry("hosts.check", "Show what works on each host, and what to do"),
    },
    "agent": {
        "install": CommandEntry("agents.install", "Have an agent ask before it edits"),
        "uninstall": CommandEntry("agents.uninstall", "Remove our hooks from its settings again"),
        "status": CommandEntry("agents.status", "Show which agents have our hooks (the default)"),
        "list": CommandEntry("agent_files.listing", "List the agents of the agent files, and their jobs"),
        "show": CommandEntry("agent_files.show", "Show one agent with all its settings, defaults included"),
        "new": CommandEntry("agent_files.new", "Write the file of a new agent"),
    },
    "fleet": {
        "plan": CommandEntry("fleet_plans.plan", "Scan hosts, and plan what to do; changes nothing"),
        "show": CommandEntry("fleet_plans.show", "Show a plan with all that it proposes"),
        "status": CommandEntry("fleet_plans.status", "Show the outcome for each host of a plan"),
        "list": CommandEntry("fleet_plans.listing", "List plans, and what they may risk (the default)"),
        "review": CommandEntry("fleet_plans.review", "Keep your comments with a plan"),
        "apply": CommandEntry("fleet_apply.apply", "Do what a plan proposes, host by host"),
        "resume": CommandEntry("fleet_apply.resume", "Continue an application that was interrupted"),
        "verify": CommandEntry(
            "fleet_apply.verify", "Check what is left of the processes that were acted on"
        ),
        "undo": CommandEntry("fleet_apply.undo", "Take back what can be taken back"),
        "report": CommandEntry("reporting.report", "Write a plan and its outcome as a page"),
        "mistake": CommandEntry("fleet_plans.mistake", "Report that ending something was a mistake"),
        "trust": CommandEntry("fleet_plans.trust", "Give back what mistakes have cost (people only)"),
    },
    "config": {
        "check": CommandEntry("agent_files.check", "Show what is wrong with agent files (the default)"),
        "show": CommandEntry("agent_files.config_show", "Show all their settings, defaults included"),
    },
}
"""The verbs of those that have some."""

NOUNS: Mapping[str, Noun] = {
    "inbox": Noun("What needs a person. Without a verb: list, with its options.", "list"),
    "session": Noun("Who is at work. Without a verb: list.", "list"),
    "message": Noun("What other sessions have told yours (`gitfleet tell`).", ""),
    "hub-hook": Noun("Judge pushes in a bare repository that you keep yourself.", ""),
    "worktree": Noun("Managed worktrees, one for each session. Without a verb: list.", "list"),
    "gate": Noun("Checks that a tree must pass to land, and their verdicts.", ""),
    "queue": Noun("Branches that wait to land on the trunk. Without a verb: list.", "list"),
    "maintainer": Noun("Upkeep that the system runs regularly. Without a verb: status.", "status"),
    "job": Noun("Jobs of agents. Without a verb: list.", "list"),
    "schedule": Noun("When agents run by themselves. Without a verb: list.", "list"),
    "pool": Noun("Accounts that agents share. Without a verb: list.", "list"),
    "fleet": Noun("Processes of many hosts: plans, and their application. Without a verb: list.", "list"),
    "hosts": Noun("Hosts that are reached by ssh.", ""),
    "agent": Noun("Agents: hooks in their settings, files for their jobs. Without a verb: status.", "status"),
    "config": Noun("The agent files. Without a verb: check.", "check"),
}

ALONE: Mapping[str, tuple[str, ...]] = {"inbox": ("--kind", "--unread")}
"""Options of the verb that a noun is without one, which may be said of the noun."""


def groups(command: str) -> Mapping[str, Mapping[str, str]]:
    """The commands below one ("": all of them) in one line each, under their headings; nothing for one that has none."""
    found = COMMANDS if not command else {"Commands": VERBS[command]} if command in VERBS else {}
    return {heading: {name: entry.words for name, entry in rows.items()} for heading, rows in found.items()}
