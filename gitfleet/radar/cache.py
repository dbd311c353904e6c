"""What earlier rounds found out, kept in this clone: of whole pairs by what both branches do, and of single files by blobs.

A key names all that an answer depends on, so nothing ever has to be taken back; what is not asked for any more goes when
there is too much. One round at a time has the cache (`Radar`'s lock), and one that dies leaves the one before.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from gitfleet.base import canonical, files
from gitfleet.radar.model import PathClash

MOST = 50_000
"""Answers of one kind that are kept."""
_VERSION = 1


class Cache:
    """The answers of earlier rounds. `tables` are plain JSON."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._changed = False
        self._asked: dict[str, dict[str, None]] = {}
        self.tables = self._read()

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            found = canonical.load(files.read(self._path) or b"{}")
        except ValueError:
            found = {}
        tables = found.get("tables") if found.get("v") == _VERSION else None
        whole = isinstance(tables, dict) and all(isinstance(table, dict) for table in tables.values())
        return dict(tables) if whole and tables else {}

    def get(self, table: str, key: Hashable) -> Any:
        """The answer, or None."""
        name = _name(key)
        found = self.tables.get(table, {}).get(name)
        if found is not None:
            self._asked.setdefault(table, {})[name] = None
        return found

    def put(self, table: str, key: Hashable, value: Any) -> None:
        """Keep an answer, which JSON can hold and is not None."""
        name = _name(key)
        self._changed = True
        self.tables.setdefault(table, {})[name] = value
        self._asked.setdefault(table, {})[name] = None

    def save(self) -> None:
        """Keep it for the next round; of a table that is too large only what this round has asked for."""
        if not self._changed:
            return
        for name, table in self.tables.items():
            if len(table) > MOST:
                asked = self._asked.get(name, {})
                self.tables[name] = dict(list({key: table[key] for key in asked}.items())[-MOST:])
        files.replace(self._path, canonical.dump({"v": _VERSION, "tables": self.tables}), durable=False)

    def forget(self) -> None:
        """Drop everything."""
        self.tables = {}
        files.remove(self._path)


def _name(key: Hashable) -> str:
    return " ".join(key) if isinstance(key, tuple) else str(key)


def packed(paths: tuple[PathClash, ...]) -> list[list[Any]]:
    """Paths in conflict as the cache keeps them."""
    return [[one.path, list(one.kinds)] for one in paths]


def unpacked(value: Any) -> tuple[PathClash, ...]:
    """The same back."""
    return tuple(PathClash(str(path), tuple(map(str, kinds))) for path, kinds in value)
