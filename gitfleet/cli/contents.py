"""Every command in one line, in the order in which people meet them: for help, the man page and the reference.

A line of help has 80 columns; a test holds this table against the commands that there are.
"""

from __future__ import annotations

from collections.abc import Mapping

GROUPS: Mapping[str, Mapping[str, str]] = {
    "First steps": {
        "demo": "Watch it first: three agents on two clones, played for real",
        "init": "Make this clone part of a fleet",
        "doctor": "Look for what is wrong here; with --repair, mend it",
        "uninstall": "Take everything of gitfleet out of this clone",
    },
    "Claims": {
        "claim": "Claim paths before you change them: all of them, or none",
        "release": "Let claims go: those on the paths given, or all of yours",
        "check": "Say of each path whether it is free, mine or theirs",
        "claims": "List the claims of the fleet",
        "waiting": "Show who stands in line, and for whom they wait",
        "tell": "Leave a message for another session",
        "offer": "Offer claims of yours to another session",
        "accept": "Accept what another session offers you",
        "break": "Take claims away from their holders (people only)",
    },
    "Sessions and worktrees": {
        "status": "Show every session: alive or not, where, and on what",
        "session": "Start, end and list sessions: who is at work",
        "worktree": "A worktree for each session: made, kept up, taken away",
        "maintainer": "Have the system do the upkeep regularly",
    },
    "Agents": {
        "prime": "Brief an agent: who holds what, and what the rules are",
        "agent": "Put hooks into an agent's settings, so that it asks first",
    },
    "The hub and the ledger": {
        "sync": "Exchange with the hub, and hear what was lost meanwhile",
        "log": "Show what the fleet has agreed, newest first",
        "audit": "Look for commits that no claim covered",
        "fsck": "Replay the ledger, and verify every step of it",
        "hub-hook": "Judge pushes in a bare repository of your own",
    },
}
"""The commands of `gitfleet` itself."""

VERBS: Mapping[str, Mapping[str, str]] = {
    "session": {
        "start": "Start a session here; with a COMMAND, run that as one",
        "adopt": "Make a session of an agent that runs already",
        "end": "End a session, and let its claims go",
        "list": "List the sessions of the fleet (the default)",
        "show": "Show one session and its claims",
    },
    "hub-hook": {
        "install": "Put the hook into a bare repository",
        "uninstall": "Take it out again",
    },
    "worktree": {
        "ensure": "Give a session a worktree: a free one, or a new one",
        "list": "List the managed worktrees (the default)",
        "status": "Show what each has changed, and who is at work there",
        "reconcile": "Bring the trunk into worktrees",
        "cleanup": "Take away what is idle and safe; archive what it holds",
        "archive": "Keep all that a worktree holds in one commit",
        "restore": "Bring an archived worktree back",
        "maintain": "One round of upkeep: all of this, now",
    },
    "maintainer": {
        "install": "Have the system run upkeep of this clone regularly",
        "status": "Say how the last run went, and when the next one comes",
        "uninstall": "Take that away again",
        "logs": "Show the end of the log of its runs",
        "run": "One run, as the system starts it",
    },
    "agent": {
        "install": "Have an agent ask before it edits",
        "uninstall": "Take exactly that out of its settings again",
        "status": "Show which agents have our hooks (the default)",
    },
}
"""The verbs of those that have some."""


def groups(command: str) -> Mapping[str, Mapping[str, str]]:
    """The commands below one ("": all of them), under their headings; nothing for one that has none."""
    if not command:
        return GROUPS
    return {"Commands": VERBS[command]} if command in VERBS else {}
