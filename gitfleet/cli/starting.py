"""What whoever starts a session is told: what it goes on with, and who else is at work beside it."""

from __future__ import annotations

import os

from gitfleet.base import callers, identity
from gitfleet.base.names import SessionId
from gitfleet.base.text import one_line
from gitfleet.claims.retained_claims import Started
from gitfleet.clients import notes
from gitfleet.fleet.fleet import Fleet
from gitfleet.sessions.local import VARIABLE
from gitfleet.sessions.service import Start


def told(fleet: Fleet, started: Started, wanted: Start) -> list[str]:
    """The warnings for the session that was started, as `wanted`."""
    own = started.session.id
    warnings = _goes_on_with(started)
    others = [session.id for session in fleet.sessions.others_here(own)]
    named = os.environ.get(VARIABLE, "")
    acts = None if wanted.person or wanted.pid else _acts_for(fleet, own)
    if acts is not None and acts != own:
        words = (
            f"this agent already acts for session {acts}: name this one in its commands, `--session {own}`"
        )
        warnings.append(words)
    elif others and acts is None:
        warnings.append(
            f"{', '.join(others)} also at work in this worktree: set {VARIABLE}={own} for this one, or work in "
            "a worktree of its own (`gitfleet worktree ensure` makes one)"
        )
    elif named and named != own:
        warnings.append(
            f"{VARIABLE} names {one_line(named, 80)}, so commands still act for that one: set {VARIABLE}={own}"
        )
    return warnings


def _goes_on_with(started: Started) -> list[str]:
    """What a session has again that it left when it ended."""
    patterns = [claim.pattern for claim in started.claims]
    return [f"it has the claims back that it had before it ended: {', '.join(patterns)}"] if patterns else []


def _acts_for(fleet: Fleet, session: SessionId) -> str | None:
    """Whom the agent that runs this command acts for, which is the new session unless it has one; None for people."""
    process = identity.identify(callers.durable_parent())
    return notes.tie(fleet.ledger.state, os.environ, session, process)
