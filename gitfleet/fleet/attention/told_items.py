"""What people were told of by this node, as its own file has it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from gitfleet.base import statefile
from gitfleet.codec import WHOLE, Choice, One, Struct, Table, Text, field

ToldState = Literal["waits", "sending", "told", "given-up"]


class ToldItem(Struct):
    """`first`: when this node saw it first; `tries`: how often it was certainly not delivered."""

    first: int = field(WHOLE)
    state: ToldState = field(Choice[ToldState]("waits", "sending", "told", "given-up"), default="waits")
    tries: int = field(WHOLE, default=0)


class ToldItems(Struct):
    """By id, what was told; `fault`: what went wrong the last time, "" when nothing did, since `at`."""

    items: Mapping[str, ToldItem] = field(Table(One(ToldItem)), default={})
    fault: str = field(Text[str](1000, cut=True), default="")
    at: int = field(WHOLE, default=0)


def load(state: str) -> ToldItems:
    """What was told; nothing where that is not known."""
    return statefile.load(ToldItems, _path(state)) or ToldItems()


def save(state: str, told: ToldItems) -> None:
    """Write it down, for good. Raises LocalStorage."""
    statefile.save(_path(state), told, mode=0o600)


def _path(state: str) -> str:
    return os.path.join(state, "inbox", "told.json")
