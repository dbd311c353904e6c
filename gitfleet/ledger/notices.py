"""What a session must be told at its next command: small files in this clone, shown once.

Only what this node learned about its own sessions (a tentative claim that was lost). Anybody may leave one without a
lock; of two readers at once, one shows it.
"""

from __future__ import annotations

import os

from gitfleet.base import canonical, files, ids


class Notices:
    """The notices of one node, by session id."""

    def __init__(self, state: str) -> None:
        self._root = os.path.join(state, "notices")

    def leave(self, session: str, text: str, *, kind: str) -> None:
        """Keep `text` for `session`."""
        folder = files.folder(self._folder(session))
        files.replace(
            os.path.join(folder, f"{ids.ulid()}.json"), canonical.dump({"kind": kind, "text": text})
        )

    def pending(self, session: str) -> bool:
        """Whether there is anything to show. Costs one look at a folder."""
        return bool(files.names(self._folder(session)))

    def show(self, session: str) -> list[str]:
        """The texts for `session`, oldest first, taken away."""
        folder = self._folder(session)
        texts = []
        for name in files.names(folder):
            path = os.path.join(folder, name)
            data = files.read(path)
            if data is not None and files.remove(path):
                texts.append(_text(data, path))
        return texts

    def _folder(self, session: str) -> str:
        return os.path.join(self._root, session if ids.is_name(session) else "@none")


def _text(data: bytes, path: str) -> str:
    try:
        return str(canonical.load(data).get("text", ""))
    except ValueError:
        return f"a notice that cannot be read was at {path}"
