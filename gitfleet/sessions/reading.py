"""Which messages a session has been shown: remembered in this clone, so that each is shown once, and few at a time.

A message counts as shown once the answer that it went out with is written (`base.delivery`). Shown messages leave the
ledger with the session's next transaction; until then this file keeps them from being shown again. Two readers at once
may both show a message; none is lost.
"""

from __future__ import annotations

import os

from gitfleet.base import delivery, files, statefile
from gitfleet.base.ids import is_name
from gitfleet.base.names import SessionId
from gitfleet.codec import TEXT, Many, Struct, field
from gitfleet.ledger.model import View
from gitfleet.sessions import inbox
from gitfleet.sessions.inbox import Message

AT_ONCE = 20
"""Messages of other sessions that go out with one answer; the others wait for the next."""


class _Shown(Struct):
    names: tuple[str, ...] = field(Many(TEXT), default=())


class Reading:
    """What the sessions of one node have been shown."""

    def __init__(self, state: str) -> None:
        self._root = os.path.join(state, "shown")

    def pending(self, view: View, session: SessionId) -> bool:
        """Whether there is a message that was not shown yet."""
        shown = set(self.seen(session))
        return any(message.name not in shown for message in inbox.read(view, session))

    def fresh(
        self, view: View, session: SessionId, begin: delivery.Begin = delivery.begin
    ) -> tuple[list[Message], int]:
        """The messages that go out with the present answer, oldest first, and how many more were not shown yet.

        All that the fleet itself has to say is among them, and AT_ONCE of what other sessions say.
        """
        messages = list(inbox.read(view, session))
        shown = set(self.seen(session))
        new = [message for message in messages if message.name not in shown]
        theirs = [message for message in new if message.sender]
        later = {message.name for message in theirs[AT_ONCE:]}
        out = [message for message in new if message.name not in later]

        def note() -> None:
            heard = {*self.seen(session), *(message.name for message in out)}
            files.folder(self._root)
            there = tuple(message.name for message in messages if message.name in heard)
            statefile.save(self._path(session), _Shown(names=there))

        return [m for m in out if begin(f"{self._path(session)}:{m.name}", note)], len(later)

    def seen(self, session: SessionId) -> list[str]:
        """The names of the messages that were shown and may still be in the ledger."""
        shown = statefile.load(_Shown, self._path(session)) if is_name(session) else None
        return list(shown.names) if shown else []

    def _path(self, session: SessionId) -> str:
        return os.path.join(self._root, f"{session}.json")
