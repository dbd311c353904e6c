"""The sign of life of a session whose command is at work, while it runs no gitfleet command of its own.

Its leases are renewed at a third of the shortest, and only if something happened since: it wrote something, or its
worktree changed. A command that hangs keeps its process and its session, but its claims lapse like anybody's.
Whoever relays its terminal calls `tick`, which costs nothing there: the work is done beside it, one at a time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from gitfleet.base import clock, files, uptime
from gitfleet.claims import leases, model
from gitfleet.claims.model import Claim
from gitfleet.clone import Clone
from gitfleet.errors import FleetError, NoSession
from gitfleet.git import checkout
from gitfleet.ledger.model import SESSION, Actor
from gitfleet.sessions import session_records, session_rules

EVERY = 30.0


class KeepAlive:
    """Renews one session. `written` counts what its command wrote; `fault` is why the last renewal failed, or ""."""

    def __init__(self, session: str, worktree: str, git_dir: str) -> None:
        self._session = session
        self._worktree, self._git_dir = worktree, git_dir
        self._thread: threading.Thread | None = None
        self._seen: tuple[int, object] = (0, self._tree())
        self.written = 0
        self.fault = ""

    def tick(self) -> None:
        """Look whether a renewal is due, beside the caller. Harmless while the last look goes on."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self.look, daemon=True)
            self._thread.start()

    def stop(self, patience: float) -> None:
        """Wait for a look that goes on, at most `patience` seconds."""
        if self._thread is not None:
            self._thread.join(patience)

    def look(self) -> bool:
        """Renew the session if it is due and something happened; whether it was renewed."""
        try:
            return self._look()
        except NoSession:  # somebody ended it; what the command still does is not ours to stop
            self.fault = ""
        except (FleetError, OSError) as error:
            self.fault = str(error)
        return False

    def _look(self) -> bool:
        with Clone.open(self._worktree) as clone:
            view = clone.current().view
            session = session_records.find(view, self._session)
            if session is None:
                return False
            held = [one.ttl for one in model.of_session(view, self._session) if isinstance(one, Claim)]
            idle = leases.idle(session, clock.now(), uptime.stamp())
            if idle is not None and idle < min([clone.policy.ttl, *held]) / 3:
                return False
            seen = (self.written, self._tree())
            if seen == self._seen:
                return False
            clone.ledger.request(session_rules.renew, Actor(SESSION, self._session), session_rules.Renew())
            self._seen = seen
            self.fault = ""
            return True

    def _tree(self) -> object:
        return tree(self._worktree, self._git_dir)


def tree(worktree: str, git_dir: str) -> object:
    """Something that is another whenever somebody worked in the worktree. One git process, which writes nothing."""
    state = checkout.look(worktree, git_dir)
    paths = sorted([*state.changed, *state.untracked])
    stamps = [files.changed_at(os.path.join(worktree, path)) for path in paths]
    return state.head, state.branch, paths, stamps


def counting(alive: KeepAlive, record: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """`record`, having noted that something was written."""

    def note(data: bytes) -> None:
        alive.written += len(data)
        record(data)

    return note
