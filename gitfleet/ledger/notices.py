"""What a session must be told at its next command: small files in this clone, kept until it was heard.

Only what this node learned about its own sessions (a tentative claim that was lost). Anybody may leave one without a
lock; two readers at once may both show it, and none is lost.
"""

from __future__ import annotations

import os

from gitfleet.base import canonical, delivery, files, ids
from gitfleet.base.names import SessionId
from gitfleet.codec import TEXT, Struct, Text, field, local, replace

LOST = "lost"
_MOST = 65536


class Notice(Struct):
    """One notice: its file, what kind it is (LOST, …), and what it says."""

    path: str = local(default="")
    kind: str = field(TEXT, default=LOST)
    text: str = field(Text(_MOST, cut=True), default="")


class Notices:
    """The notices of one node, by session id."""

    def __init__(self, state: str) -> None:
        self._root = os.path.join(state, "notices")

    def leave(self, session: SessionId, text: str, *, kind: str, about: str = "") -> None:
        """Keep `text` for `session`; what is left `about` the same thing (an operation's id) again replaces it."""
        folder = files.folder(self._folder(session))
        name = f"{about or ids.ulid()}.json"
        files.replace(os.path.join(folder, name), canonical.dump(Notice(kind=kind, text=text).encode()))

    def pending(self, session: SessionId) -> bool:
        """Whether there is anything to show. Costs one look at a folder."""
        return bool(files.names(self._folder(session)))

    def sessions(self) -> list[SessionId]:
        """The sessions for which anything is kept."""
        return [session for session in map(SessionId, files.names(self._root)) if self.pending(session)]

    def places(self) -> list[str]:
        """The folders in which a notice appears when one is left."""
        return [self._root, *(os.path.join(self._root, name) for name in files.names(self._root))]

    def kept(self, session: SessionId) -> list[Notice]:
        """What is kept for `session`, oldest first. It stays."""
        folder = self._folder(session)
        found = [os.path.join(folder, name) for name in files.names(folder)]
        return [_notice(path, data) for path in found if (data := files.read(path)) is not None]

    def fresh(self, session: SessionId, begin: delivery.Begin = delivery.begin) -> list[str]:
        """The texts for `session` that go out with the present answer; each is kept until its delivery is done."""
        return [notice.text for notice in self.kept(session) if self.deliver(notice, begin)]

    def deliver(self, notice: Notice, begin: delivery.Begin = delivery.begin) -> bool:
        """Let a notice go once the present answer is out; False when it is on its way already."""
        return begin(notice.path, lambda: files.remove(notice.path))

    def _folder(self, session: SessionId) -> str:
        return os.path.join(self._root, session if ids.is_name(session) else "@none")


def _notice(path: str, data: bytes) -> Notice:
    try:
        return replace(Notice.decode(canonical.load(data)), path=path)
    except ValueError:
        return Notice(path, LOST, f"a notice that cannot be read was at {path}")
