"""What a session has not been told yet, shown beside whatever its command answers, also where that is a refusal.

A message is shown once. A person at a terminal may be looking over an agent's shoulder, from the agent's own worktree:
there the agent's messages are kept for it, unless it is named by GITFLEET_SESSION, or runs the command itself. `sync` shows none: timers and hooks
run it, and nobody reads what it says.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from gitfleet.cli import render
from gitfleet.clients import acting
from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.sessions.local import VARIABLE, LocalSessions


def heard(fleet: Fleet, flag: str | None = None) -> list[str]:
    """The messages for the session that a command in this worktree acts for; none where that is not clear."""
    try:
        session = fleet.whoami(flag)
    except FleetError:
        return []
    named = flag is not None or bool(os.environ.get(VARIABLE) or acting.callers(os.environ))
    here = LocalSessions(fleet.ledger.state).get(session)
    person = here is not None and here.person
    return fleet.messages(session) if named or person or not sys.stdout.isatty() else []


@contextmanager
def told(fleet: Fleet, session: str) -> Iterator[None]:
    """Where the body is refused, the session still hears its messages."""
    try:
        yield
    except FleetError:
        for text in fleet.messages(session):
            render.note(f"gitfleet: {text}")
        raise
