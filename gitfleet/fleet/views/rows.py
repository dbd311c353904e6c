"""Rows of objects that have most of what the row shows, under the same names."""

from __future__ import annotations

from typing import TypeVar, cast

from gitfleet.codec import Struct

_Row = TypeVar("_Row")


def row_of(kind: type[_Row], of: object, **others: object) -> _Row:
    """A row of that kind: each field is the attribute of `of` that has its name, but for those in `others`.

    A tuple becomes the list that JSON has. What every command prints is held against the types of its rows by a test.
    """
    made: dict[str, object] = {
        name: others[name] if name in others else _plain(of, name) for name in kind.__annotations__
    }
    return cast(_Row, made)


def encoded(kind: type[_Row], of: Struct, **others: object) -> _Row:
    """A row of that kind which is a struct as JSON holds it, and what else is told of it."""
    del kind
    return cast(_Row, {**others, **of.encode()})


def _plain(of: object, name: str) -> object:
    value = getattr(of, name)
    return list(value) if isinstance(value, tuple) else value
