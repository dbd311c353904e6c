"""What earlier rounds found out, kept in this clone: of whole pairs by what both branches do, and of single files by blobs.

A key names all that an answer depends on, so nothing ever has to be taken back; what is not asked for any more goes when
there is too much. One round at a time has the cache (`Radar`'s lock), and one that dies leaves the one before.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

from gitfleet.base import canonical, files
from gitfleet.codec import FIELDS, TEXT, WHOLE, Broken, Many, Shape, Table
from gitfleet.radar.model import PathClash

T = TypeVar("T")

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

    def _read(self) -> dict[str, dict[str, object]]:
        try:
            found = canonical.load(files.read(self._path) or b"{}")
        except ValueError:
            found = {}
        tables = found.get("tables") if found.get("v") == _VERSION else None
        try:
            return {name: dict(table) for name, table in _TABLES.decode(tables).items()}
        except Broken:
            return {}

    def get(self, table: str, key: Hashable, shape: Shape[T]) -> T | None:
        """The answer; None where there is none of that shape."""
        name = _name(key)
        found = self.tables.get(table, {}).get(name)
        if found is None:
            return None
        self._asked.setdefault(table, {})[name] = None
        try:
            return shape.decode(found)
        except Broken:
            return None

    def put(self, table: str, key: Hashable, value: object) -> None:
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


def packed(paths: tuple[PathClash, ...]) -> list[list[object]]:
    """Paths in conflict as the cache keeps them."""
    return [[one.path, list(one.kinds)] for one in paths]


class _Clash(Shape[PathClash]):
    """A path and the kinds of its conflict."""

    def decode(self, raw: object) -> PathClash:
        if not isinstance(raw, list) or len(raw) != 2:
            raise Broken("a path and its kinds were expected")
        return PathClash(TEXT.decode(raw[0]), TEXTS.decode(raw[1]))


class _Normal(Shape[str | tuple[PathClash, ...]]):
    """The tree that a tip and the base make, or the paths in conflict."""

    def decode(self, raw: object) -> str | tuple[PathClash, ...]:
        return TEXT.decode(raw) if isinstance(raw, str) else CLASHES.decode(raw)


TEXTS: Shape[tuple[str, ...]] = Many(TEXT)
CLASHES = Many(_Clash())
NORMAL = _Normal()
RANGES = Many(Many(WHOLE, least=2, most=2))
_TABLES = Table(FIELDS)
