"""Claims whose session's process is known to be gone: who is refused because of one hears that, and how it becomes free.

Nothing is taken away for that: a dead session may have left work that its branch or its worktree needs, and `session end`
looks after that. Decisions never ask here, since only one machine can see a process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from gitfleet.base import identity, shellwords
from gitfleet.base.advice import MAINTAIN
from gitfleet.base.text import display
from gitfleet.codec import replace
from gitfleet.errors import Conflict, FleetError
from gitfleet.ledger.ledger import Ledger
from gitfleet.obstacles import Obstacle
from gitfleet.sessions import session_records
from gitfleet.sessions.session_records import Session

SHOWN = 3


class Orphans:
    """Looks at sessions' processes; those that are gone stay so. `elsewhere` says what another machine is known to have told of its own."""

    def __init__(self, ledger: Ledger, elsewhere: Callable[[Session], bool] = lambda _: False) -> None:
        self._ledger = ledger
        self._elsewhere = elsewhere
        self._gone: dict[str, str] = {}

    def is_dead(self, session_id: str) -> bool:
        """Whether a session's process is known to be gone by this machine itself."""
        session = self._find(session_id)
        return session is not None and self._is_dead(session)

    def way(self, session_id: str) -> str | None:
        """None where the session's process may run; else the command that ends the session here, "" where none does."""
        if session_id not in self._gone:
            way = self._way(session_id)
            if way is None:
                return None
            self._gone[session_id] = way
        return self._gone[session_id]

    def marked(self, met: Iterable[Obstacle]) -> tuple[Obstacle, ...]:
        """The same; those whose holder's process is gone say so: `gone`, and `ends`, the command that ends it."""
        found = []
        for item in met:
            holds = item.session and item.claim and not item.retained
            way = self.way(str(item.session)) if holds else None
            found.append(item if way is None else replace(item, gone=True, ends=way))
        return tuple(found)

    def told(self, error: Conflict) -> Conflict:
        """The refusal with what is known of the holders' processes, in its facts and its hint."""
        met = self.marked(error.conflicts)
        if not any(item.gone for item in met):
            return error
        return error.again(hint=hint(error.hint, met), conflicts=met)

    def _way(self, session_id: str) -> str | None:
        session = self._find(session_id)
        if session is None:
            return None
        here = session.node == self._ledger.node.id
        if not self._is_dead(session):
            return "" if not here and self._elsewhere(session) else None
        if here:
            return f"gitfleet session end {session.id}"
        place = session.worktree
        known = place == display(place) and os.path.isabs(place) and os.path.isdir(place)
        return f"gitfleet -C {shellwords.word(place)} session end {session.id}" if known else ""

    def _find(self, session_id: str) -> Session | None:
        try:
            return session_records.find(self._ledger.current().view, session_id)
        except FleetError:
            return None

    def _is_dead(self, session: Session) -> bool:
        process = session.process
        if session.person or process is None:
            return False
        here = session.node == self._ledger.node.id or session.boot == identity.boot_id()
        return here and identity.state(process) == "dead"


def hint(otherwise: str, met: Sequence[Obstacle]) -> str:
    """The next step for whoever is refused because of what was `met`: `otherwise` only where somebody alive is in the way, too."""
    words = advice(met)
    if not words:
        return otherwise
    return words if all(item.gone for item in met) else f"{words} {otherwise}"


def advice(met: Iterable[Obstacle]) -> str:
    """How the claims become free whose holder's process is gone; "" where there are none."""
    gone = {str(item.session): item for item in met if item.gone}
    words = [_advice(name, item) for name, item in list(gone.items())[:SHOWN]]
    return " ".join(words)


def _advice(session: str, item: Obstacle) -> str:
    if item.ends:
        return f"The process of session {session} is gone: `{item.ends}` ends it, and frees what no branch of it needs."
    return (
        f"The process of session {session} is gone: upkeep of its own clone ({MAINTAIN} there, node "
        f"{display(item.node)}) ends it; else its claims are free once they expire."
    )
