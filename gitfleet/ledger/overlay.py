"""Records as they will be: a view with changes on top, for rules that go on deciding after their own first change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gitfleet.ledger.model import View


class Overlay:
    """`view` with `changes` (put or, None, deleted) applied. Pure; a name costs one pass over the changes."""

    def __init__(self, view: View, changes: Mapping[str, bytes | None]) -> None:
        self._view = view
        self._changes = changes

    def get(self, path: str) -> bytes | None:
        """Content of one record file, or None."""
        return self._changes[path] if path in self._changes else self._view.get(path)

    def names(self, path: str) -> list[tuple[str, bool]]:
        """Names in a folder, each with whether it is a folder. A folder that changes emptied may still be named."""
        found = dict(self._view.names(path))
        start = f"{path}/" if path else ""
        for changed, data in self._changes.items():
            if changed.startswith(start):
                name, _, below = changed[len(start) :].partition("/")
                if data is not None:
                    found[name] = bool(below)
                elif not below:
                    found.pop(name, None)
        return sorted(found.items())

    def files(self, path: str) -> Iterator[str]:
        """Paths of all files below a folder."""
        for name, is_folder in self.names(path):
            below = f"{path}/{name}" if path else name
            if is_folder:
                yield from self.files(below)
            else:
                yield below

    def load(self, path: str, depth: int | None = None) -> None:
        """See `View`."""
        self._view.load(path, depth)
