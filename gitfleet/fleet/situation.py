"""What can be said of a session beyond its record: is it alive, what did it leave, how far is its branch.

Liveness: on this node by the process; elsewhere by whether its node's heartbeat moves while we watch. What cannot
be told is said to be unknown.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitfleet.base import identity
from gitfleet.base.identity import ProcessIdentity
from gitfleet.git.repository import Repository
from gitfleet.sessions.model import Session

if TYPE_CHECKING:
    from gitfleet.fleet.fleet import Fleet

ALIVE, DEAD, UNKNOWN, PERSON = "alive", "dead", "unknown", "person"


def liveness(fleet: Fleet, session: Session) -> str:
    """`alive`, `dead`, `unknown`, or `person` for a session that lives with no process."""
    if session.person:
        return PERSON
    if session.node != fleet.ledger.node.id:
        return UNKNOWN
    record = {
        "pid": session.pid,
        "start": session.start,
        "boot": session.boot,
        "namespace": session.namespace,
    }
    process = ProcessIdentity.from_record(record)
    return identity.state(process) if process else UNKNOWN


def left_behind(repository: Repository) -> list[str]:
    """What a session leaves in its worktree: uncommitted changes, and commits that no remote has."""
    git = repository.here
    dirty = [line for line in os.fsdecode(git.run("status", "--porcelain", "-z")).split("\0") if line]
    lines = [f"left: {len(dirty)} uncommitted paths in the worktree"] if dirty else []
    unpushed = git.line("rev-list", "--count", "HEAD", "--not", "--remotes")
    if unpushed and unpushed != "0" and git.run("remote").strip():
        lines.append(f"left: {unpushed} commits that no remote has")
    return lines
