"""What the end of the machine has ended: sessions whose agents can be gone on with, beyond the jobs of agents."""

from __future__ import annotations

from collections.abc import Collection

from gitfleet.clone import Clone
from gitfleet.sessions import interrupted, session_records
from gitfleet.sessions.interrupted import InterruptedSession
from gitfleet.upkeep import reaping


def sessions(clone: Clone, without: Collection[str]) -> list[InterruptedSession]:
    """Those of this node but for the ones named, oldest first: also those that upkeep has not ended yet. Changes nothing."""
    state = clone.ledger.state
    found = {one.session: one for one in interrupted.kept(state)}
    for session in session_records.readable(clone.current().view, clone.ledger.node.id):
        if reaping.dead_for_certain(session) and reaping.before_boot(session):
            found[session.id] = interrupted.of(state, session)
    return sorted(
        (one for one in found.values() if one.session not in without),
        key=lambda one: (one.at, one.session),
    )
