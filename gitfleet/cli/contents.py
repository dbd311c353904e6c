"""Every command: in one line, in the order in which people meet them, and where its function is.

For help, the man page, the reference, and for finding a command without importing the others. A line of help has 80
columns; a test holds this table against the functions.
"""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.codec import Struct


class Entry(Struct):
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


COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "First steps": {
        "demo": Entry("demo.demo", "Watch it first: three agents on two clones, played for real"),
        "init": Entry("setup.init", "Make this clone part of a fleet"),
        "doctor": Entry("ledger.doctor", "Look for what is wrong here; with --repair, mend it"),
        "uninstall": Entry("setup.uninstall", "Take everything of gitfleet out of this clone"),
    },
    "Claims": {
        "claim": Entry("claims.claim", "Claim paths before you change them: all of them, or none"),
        "release": Entry("claims.release", "Let claims go: those on the paths given, or all of yours"),
        "check": Entry("claims.check", "Say of each path whether it is free, mine or theirs"),
        "claims": Entry("claims.claims", "List the claims of the fleet"),
        "waiting": Entry("handing.waiting", "Show who stands in line, and for whom they wait"),
        "tell": Entry("handing.tell", "Leave a message for another session"),
        "offer": Entry("handing.offer", "Offer claims of yours to another session"),
        "accept": Entry("handing.accept", "Accept what another session offers you"),
        "break": Entry("handing.break_", "Take claims away from their holders (people only)"),
    },
    "Sessions and worktrees": {
        "status": Entry("status.show", "Show every session: alive or not, where, and on what"),
        "session": Entry("", "Start, end and list sessions: who is at work"),
        "worktree": Entry("", "A worktree for each session: made, kept up, taken away"),
        "maintainer": Entry("", "Have the system do the upkeep regularly"),
    },
    "Agents": {
        "prime": Entry("agents.prime", "Brief an agent: who holds what, and what the rules are"),
        "agent": Entry("", "Put hooks into an agent's settings, so that it asks first"),
    },
    "The hub and the ledger": {
        "sync": Entry("ledger.sync", "Exchange with the hub, and hear what was lost meanwhile"),
        "log": Entry("log.log", "Show what the fleet has agreed, newest first"),
        "audit": Entry("auditing.audit", "Look for commits that no claim covered"),
        "fsck": Entry("ledger.fsck", "Replay the ledger, and verify every step of it"),
        "hub-hook": Entry("", "Judge pushes in a bare repository of your own"),
    },
}
"""The commands of `gitfleet` itself, under headings."""

VERBS: Mapping[str, Mapping[str, Entry]] = {
    "session": {
        "start": Entry(
            "sessions.start", "Start a session here; with a COMMAND, run that as one", passes_on=True
        ),
        "adopt": Entry("sessions.adopt", "Make a session of an agent that runs already"),
        "end": Entry("sessions.end", "End a session, and let its claims go"),
        "list": Entry("session_list.listing", "List the sessions of the fleet (the default)"),
        "show": Entry("session_list.show", "Show one session and its claims"),
    },
    "hub-hook": {
        "install": Entry("hubs.install", "Put the hook into a bare repository"),
        "uninstall": Entry("hubs.uninstall", "Take it out again"),
    },
    "worktree": {
        "ensure": Entry("worktrees.ensure", "Give a session a worktree: a free one, or a new one"),
        "list": Entry("worktrees.listing", "List the managed worktrees (the default)"),
        "status": Entry("worktrees.status", "Show what each has changed, and who is at work there"),
        "reconcile": Entry("worktrees.reconcile", "Bring the trunk into worktrees"),
        "cleanup": Entry("upkeep.clean", "Take away what is idle and safe; archive what it holds"),
        "archive": Entry("upkeep.archive", "Keep all that a worktree holds in one commit"),
        "restore": Entry("upkeep.bring_back", "Bring an archived worktree back"),
        "maintain": Entry("maintaining.maintain", "One round of upkeep: all of this, now"),
    },
    "maintainer": {
        "install": Entry("maintaining.install", "Have the system run upkeep of this clone regularly"),
        "status": Entry("maintaining.status", "Say how the last run went, and when the next one comes"),
        "uninstall": Entry("maintaining.uninstall", "Take that away again"),
        "logs": Entry("maintaining.logs", "Show the end of the log of its runs"),
        "run": Entry("maintaining.run", "One run, as the system starts it"),
    },
    "agent": {
        "install": Entry("agents.install", "Have an agent ask before it edits"),
        "uninstall": Entry("agents.uninstall", "Take exactly that out of its settings again"),
        "status": Entry("agents.status", "Show which agents have our hooks (the default)"),
    },
}
"""The verbs of those that have some."""

NOUNS: Mapping[str, Noun] = {
    "session": Noun("Who is at work. Without a verb: list.", "list"),
    "hub-hook": Noun("Judge pushes in a bare repository that you keep yourself.", ""),
    "worktree": Noun("Managed worktrees, one for each session. Without a verb: list.", "list"),
    "maintainer": Noun("Upkeep that the system runs regularly. Without a verb: status.", "status"),
    "agent": Noun("Hooks of coding agents: what they may edit. Without a verb: status.", "status"),
}


def groups(command: str) -> Mapping[str, Mapping[str, str]]:
    """The commands below one ("": all of them) in one line each, under their headings; nothing for one that has none."""
    found = COMMANDS if not command else {"Commands": VERBS[command]} if command in VERBS else {}
    return {heading: {name: entry.words for name, entry in rows.items()} for heading, rows in found.items()}
