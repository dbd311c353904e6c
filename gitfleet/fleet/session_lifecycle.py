"""Sessions that come and go, with all that belongs to it: rules and hooks of now, and the draft of the rules that they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitfleet.base import advice
from gitfleet.base.names import SessionId
from gitfleet.errors import NoRepository, NoSession
from gitfleet.fleet import hooks
from gitfleet.git.repository import discover
from gitfleet.launching import draft_claim
from gitfleet.nodes import checkouts
from gitfleet.sessions.left_running import LeftRunning, left_running
from gitfleet.telling import succession
from gitfleet.trunk import policy_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitfleet.claims.retained_claims import Ended, Started
    from gitfleet.clone import Clone
    from gitfleet.sessions.service import Start


class SessionBegun(NamedTuple):
    """The session that has begun, what the ledger answered, and warnings: hooks, rules, what others left here."""

    session: SessionId
    result: Started
    warnings: Sequence[str]


class SessionFinished(NamedTuple):
    """The session that has ended, what the ledger answered, what it `left` in its worktree, in words, what it has left
    `running`, and the `heir`: the session that holds `gitfleet.yaml` in its place, if that waits to be landed.
    """

    session: SessionId
    result: Ended
    left: Sequence[str]
    running: Sequence[LeftRunning] = ()
    heir: str = ""


def begin(clone: Clone, start: Start, *, timeout: float) -> SessionBegun:
    """Start it."""
    warnings = [
        *policy_file.refresh(clone.repository, clone.ledger.node),
        *hooks.put_again(clone.repository),
    ]
    result, more = draft_claim.begin(clone, start, timeout=timeout)
    return SessionBegun(result.session.id, result, [*warnings, *more, *succession.told(clone)])


def finish(clone: Clone, session: SessionId, *, timeout: float) -> SessionFinished:
    """End it. The messages that it was not shown stay with what this clone has to tell it."""
    left, running = _left_behind(clone, session), _running(clone, session)
    try:
        result, heir = draft_claim.end(clone, session, timeout=timeout)
    except NoSession as error:
        hint = f"There is nothing to end. {advice.SESSIONS} shows those that are there."
        raise error.again(hint=hint) from error
    for text in result.unheard:  # its inbox is gone with it
        clone.ledger.notices.leave(session, text, kind="message")
    return SessionFinished(session, result, left, running, heir)


def _left_behind(clone: Clone, session: SessionId) -> list[str]:
    """What is left in the worktree of the session that ends, which need not be the one that this runs in."""
    here = clone.sessions.local.get(session)
    if here is None:
        return []
    try:
        repository = discover(here.worktree)
    except NoRepository:  # it has been removed
        return []
    return checkouts.left_behind(repository) if repository.common_dir == clone.repository.common_dir else []


def _running(clone: Clone, session: SessionId) -> Sequence[LeftRunning]:
    """What it has left running; in a worktree of several, what is in no other one's name."""
    here = clone.sessions.local.get(session)
    found = left_running({session: here.worktree if here else ""}, [clone.repository.main])[session]
    local = clone.sessions.local.all() if found else ()
    others = {one.process.pid for one in local if one.process and one.id != session and one.alive}
    return [one for one in found if one.pid not in others]
