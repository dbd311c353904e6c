"""Renewing the leases of this node's live sessions, for whoever looks after the clone in the background.

An agent that thinks for an hour runs no command of ours. Its lease goes on as long as its process runs and there is a
sign of work later than the last renewal: its log grows, or something in its worktree's git directory changes.
"""

from __future__ import annotations

import os

from gitfleet.base import clock, uptime
from gitfleet.claims import leases, model
from gitfleet.claims.model import Claim
from gitfleet.clone import Clone
from gitfleet.ledger.model import SESSION, Actor, Status, View
from gitfleet.nodes import checkouts, log_tails
from gitfleet.nodes.details import process_liveness
from gitfleet.nodes.records import ALIVE
from gitfleet.sessions import session_records, session_rules
from gitfleet.sessions.session_records import Session

_SIGNS = ("index", "HEAD", "logs/HEAD", "COMMIT_EDITMSG")


def renew_live(clone: Clone) -> list[str]:
    """Renew each session of this node that is alive, at work, and whose lease is a third over; the ids of those renewed.

    One transaction for all, and none when nobody needs it. Never for a person, who has no process. Raises what the
    ledger raises.
    """
    state = clone.current()
    waiting = {
        operation.session
        for operation in clone.ledger.outbox.tentative()
        if operation.kind == session_rules.renew.name
    }
    due = sorted(
        item.id
        for item in session_records.readable(state.view, clone.ledger.node.id)
        if item.id not in waiting
        and _is_due(state.view, item)
        and process_liveness(item) == ALIVE
        and _worked_since(clone, item)
    )
    if not due:
        return []
    renewal = session_rules.Renew()
    asked = [clone.ledger.operation(session_rules.renew, Actor(SESSION, one), renewal) for one in due]
    results = clone.ledger.submit(asked)
    failed = {result.operation for result in results if result.status in {Status.REFUSED, Status.FAILED}}
    return [operation.session for operation in asked if operation.id not in failed]


def _is_due(view: View, session: Session) -> bool:
    found = model.of_session(view, session.id)
    shortest = min((claim.ttl for claim in found if isinstance(claim, Claim)), default=0)
    idle = leases.idle(session, clock.now(), uptime.stamp())
    return shortest > 0 and (idle is None or idle >= shortest / 3)


def _worked_since(clone: Clone, session: Session) -> bool:
    """Whether there was a sign of work since the last renewal, and not in the future; both on this machine's wall clock."""
    here = clone.sessions.local.get(session.id)
    git_dir = checkouts.known(clone.repository).get(os.path.realpath(session.worktree))
    signs = [os.path.join(git_dir, name) for name in _SIGNS] if git_dir else []
    signs += [here.log] if here and here.log else []
    seen = [log_tails.changed_at(path) or 0 for path in signs]
    return session.renewed_at < max(seen, default=0) <= clock.now()
