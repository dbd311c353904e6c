"""Ending the sessions of this node whose process is gone for certain.

Only its own node can tell, so nobody else does it. Never a person's session (it has no process), never one of which it
cannot be told: another boot than ours may be that of another machine that shares this clone, so a session counts as dead
by its boot only when it was last heard of before this machine booted. What became of its claims is `session.end`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from gitfleet.base import identity
from gitfleet.claims.model import Claim
from gitfleet.clone import Clone
from gitfleet.errors import Conflict, FleetError, LocalStorage, NoSession
from gitfleet.sessions import interrupted, session_records
from gitfleet.sessions.session_records import Session
from gitfleet.sessions.session_rules import Process


class Reaped(NamedTuple):
    """A session that was ended, or could not be (`error`), and what was released, and retained."""

    session: str
    worktree: str
    released: Sequence[Claim] = ()
    retained: Sequence[Claim] = ()
    error: FleetError | None = None


def reap(clone: Clone, *, dry_run: bool = False) -> list[Reaped]:
    """End the dead sessions of this node; with `dry_run` only name them. One that cannot be ended keeps no other from it.

    A session that somebody takes up again at this very moment stays: its record names another process by then.
    """
    found = list(session_records.readable(clone.current().view, clone.ledger.node.id))
    dead = [session for session in found if dead_for_certain(session)]
    if dry_run:
        return [Reaped(session.id, session.worktree) for session in dead]
    _forget(clone, {session.id for session in found})
    return [done for session in dead if (done := _end(clone, session)) is not None]


def dead_for_certain(session: Session) -> bool:
    """Whether the process of a session of this node has ended, beyond doubt."""
    process = session.process
    if session.person or process is None or identity.state(process) != "dead":
        return False
    return process.boot == identity.boot_id() or max(session.started_at, session.renewed_at) < _booted()


def before_boot(session: Session) -> bool:
    """Whether a dead session's process ran on an earlier boot of this machine."""
    process = session.process
    return process is not None and process.boot not in {identity.UNKNOWN, identity.boot_id()}


def _booted() -> float:
    """When this machine booted, in seconds since 1970."""
    import psutil  # 20 ms, and only for sessions from before a boot

    return psutil.boot_time()


def _end(clone: Clone, session: Session) -> Reaped | None:
    if before_boot(session):
        with suppress(LocalStorage):  # of use to people, and no reason to keep its claims
            interrupted.keep(clone.ledger.state, interrupted.of(clone.ledger.state, session))
    try:
        answer = clone.sessions.end(session.id, was=Process.of(session))
    except (NoSession, Conflict):  # it has ended, or lives again
        return None
    except FleetError as error:
        return Reaped(session.id, session.worktree, error=error)
    return Reaped(session.id, session.worktree, answer.released, answer.retained)


def _forget(clone: Clone, known: set[str]) -> None:
    """Let go of what this clone remembers of sessions that have died and that the fleet has no more."""
    for here in clone.sessions.local.all():
        if not here.alive and here.id not in known:
            clone.sessions.forget(here.id)
