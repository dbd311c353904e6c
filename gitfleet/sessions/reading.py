"""Which messages a session has been shown: remembered in this clone, so that each is shown once.

Shown messages leave the ledger with the session's next transaction; until then this file keeps them from being shown
again. Two readers at once may both show a message; none is lost.
"""

from __future__ import annotations

import os

from gitfleet.base import canonical, files
from gitfleet.base.ids import is_name
from gitfleet.ledger.model import View
from gitfleet.sessions import inbox


class Reading:
    """What the sessions of one node have been shown."""

    def __init__(self, state: str) -> None:
        self._root = os.path.join(state, "shown")

    def fresh(self, view: View, session: str) -> list[str]:
        """The words of the messages that were not shown yet, oldest first; they count as shown from now on."""
        messages = list(inbox.read(view, session))
        shown = set(self.seen(session))
        new = [message for message in messages if message.name not in shown]
        names = [message.name for message in messages]
        if new or shown - set(names):
            files.folder(self._root)
            files.replace(self._path(session), canonical.dump({"names": names}))
        return [message.words for message in new]

    def seen(self, session: str) -> list[str]:
        """The names of the messages that were shown and may still be in the ledger."""
        data = files.read(self._path(session)) if is_name(session) else None
        try:
            names = canonical.load(data).get("names") if data else None
        except ValueError:
            return []
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    def _path(self, session: str) -> str:
        return os.path.join(self._root, f"{session}.json")
