"""What this node can say of its own sessions, for its own people and, in its heartbeat, for other nodes.

Only what the clone itself knows is looked at: a record in the ledger may have been written by anybody who may push
to the hub, and must not make this machine publish a file or run git in a folder of somebody else's choice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from gitfleet.base import identity
from gitfleet.base.text import some
from gitfleet.codec import Struct
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.ledger.ledger import Ledger
from gitfleet.nodes import checkouts, log_tails
from gitfleet.nodes.checkouts import Checkout
from gitfleet.nodes.records import MAX_NUMBER, PERSON, UNKNOWN, Detail, SessionState
from gitfleet.sessions.local import LocalSessions
from gitfleet.sessions.session_records import Session

SECONDS = 2.0
Look = Callable[[Mapping[str, str], Git, Callable[[], str | None], float], Mapping[str, Checkout]]
"""Says of worktrees (path to git directory) what git does, given git, what tells the trunk, and seconds: see `checkouts.look`."""


class WantedTail(Struct):
    """How much of a log, and how long (seconds) git may take over all worktrees."""

    lines: int = 0
    limit: int = log_tails.MAX_BYTES
    seconds: float = SECONDS


def process_liveness(session: Session) -> SessionState:
    """`alive`, `dead`, `unknown` by the session's process, or `person`. Only for sessions of this node."""
    if session.person:
        return PERSON
    return identity.state(session.process) if session.process else UNKNOWN


def gather(
    repository: Repository,
    ledger: Ledger,
    sessions: Sequence[Session],
    wanted: WantedTail,
    trunk: Callable[[], str | None],
    look: Look | None = None,
) -> tuple[dict[str, Detail], list[str]]:
    """The details of sessions of this node, by id, and warnings about worktrees that could not be looked at.

    One git process for each worktree that sessions are in, in parallel, within `wanted.seconds`; or what `look` says of them.
    """
    found, warnings = _checkouts(repository, sessions, trunk, wanted.seconds, look or _looked)
    local = LocalSessions(ledger.state)
    details: dict[str, Detail] = {
        session.id: _detail(session, local, found.get(session.worktree), wanted) for session in sessions
    }
    return details, warnings


def _checkouts(
    repository: Repository,
    sessions: Sequence[Session],
    trunk: Callable[[], str | None],
    seconds: float,
    look: Look,
) -> tuple[dict[str, Checkout], list[str]]:
    """By worktree as the sessions spell it."""
    if not sessions:
        return {}, []
    known = checkouts.known(repository)
    paths = sorted({session.worktree for session in sessions})
    real = {path: os.path.realpath(path) if path and "\0" not in path else "" for path in paths}
    wanted = {place: known[place] for place in real.values() if place in known}
    found = look(wanted, repository.git, trunk, seconds)
    warnings = []
    for path, place in real.items():
        if place not in found:
            ids = [session.id for session in sessions if session.worktree == path]
            why = "git did not answer there in time" if os.path.isdir(place) else "it is gone"
            why = why if place in known else "it is no worktree of this clone"
            warnings.append(f"the worktree {path} ({some(ids)}) could not be checked: {why}")
    return {path: found[place] for path, place in real.items() if place in found}, warnings


def _looked(
    worktrees: Mapping[str, str], git: Git, trunk: Callable[[], str | None], seconds: float
) -> Mapping[str, Checkout]:
    return checkouts.look(worktrees, git, trunk() if worktrees else None, seconds=seconds)


def _detail(session: Session, local: LocalSessions, checkout: Checkout | None, wanted: WantedTail) -> Detail:
    process = session.process
    here = local.get(session.id) if session.log else None
    log = here.log if here else ""
    tail = log_tails.read(log, wanted.lines, limit=wanted.limit) if log and wanted.lines else None
    active = max(session.renewed_at, (log_tails.changed_at(log) if log else None) or 0)
    return Detail(
        id=session.id,
        liveness=process_liveness(session),
        pid=process.pid if process else 0,
        start=process.start if process else 0,
        branch=checkout.branch if checkout else None,
        ahead=checkout.ahead if checkout else None,
        behind=checkout.behind if checkout else None,
        dirty=checkout.dirty if checkout else None,
        active_at=min(max(active, 0), MAX_NUMBER),
        log_tail=tail or "",
    )
