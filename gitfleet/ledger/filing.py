"""Records that are filed in a folder, each under its own id. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeVar

from gitfleet.codec import Record
from gitfleet.errors import Corrupt, FleetError
from gitfleet.ledger import format
from gitfleet.ledger.model import View

R = TypeVar("R", bound=Record)


@lru_cache(
    maxsize=4096
)  # whoever goes on for long reads the same again and again, and little of it has changed
def _read(kind: type[Record], data: bytes, where: str) -> Record:
    return format.read(kind, data, where)


def one(kind: type[R], data: bytes, where: str) -> R:
    """The record that is filed there. Raises Corrupt, NewerFormat."""
    found = _read(kind, data, where)
    assert isinstance(found, kind)
    # a record of such a folder has an id, which `Record` does not say
    if where.rpartition("/")[2] != f"{getattr(found, 'id')}.json":  # noqa: B009
        words = f"{where} in the ledger is filed under another one's name. It was left alone."
        raise Corrupt(words, where=where)
    return found


def each(view: View, kind: type[R], folder: str) -> Iterator[R | FleetError]:
    """The records of a folder, by id; for one that cannot be read, the error about it."""
    view.load(folder)
    for name, is_folder in view.names(folder):
        where = f"{folder}/{name}"
        if is_folder:
            continue
        try:
            yield one(kind, view.get(where) or b"", where)
        except FleetError as error:
            yield error


def readable(view: View, kind: type[R], folder: str) -> list[R]:
    """Those of them that can be read."""
    return [found for found in each(view, kind, folder) if isinstance(found, kind)]
