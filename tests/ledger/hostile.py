"""Operations of which every part is right by itself, or nearly, and which mean nothing: made from the declared bodies."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from gitfleet.base import canonical
from gitfleet.base.ids import ulid
from gitfleet.base.names import NodeId
from gitfleet.codec import (
    _REQUIRED,
    Broken,
    Choice,
    Flag,
    Many,
    Maybe,
    One,
    Shape,
    Struct,
    Table,
    Text,
    Whole,
)
from gitfleet.git.trees import Snapshot
from gitfleet.ledger.model import Actor, Operation, Timing
from gitfleet.ledger.operations import Kind

WRONG: tuple[Any, ...] = (None, 7, -1, "x", [], {}, [None], {"a": None}, [[[[]]]], True, "\udcff", 10**400)
NUMBERS = (0, 1, -1, 2, 60, 2700, 10**6, 2**31, 2**63, 10**30, 10**4000)
WORDS = (
    "", "x", "/", "..", ".git/config", "a" * 200, "\udcff", "\x1b[31m", "\u202e", "a\nb", "**", "[", "[!a", "src/", "src/a.py",
    "docs/*.md", "b/", "main", "topic", "HEAD", "0" * 40, "1" * 40, "2" * 40, "é", "e\u0301", "\u212a", "a\\", "-x", "a/../b", "a//b",
    "~x", "%s", "{0}", "\0",
)  # fmt: skip


class Hostile:
    """Makes operations of any kind, with words and ids of the ledger in `view` where they fit."""

    def __init__(self, chance: random.Random, view: Snapshot) -> None:
        self._chance = chance
        self._words = [*WORDS, "ada-1", "bob-1", "ghost", *_texts(view)]

    def operation(self, kind: Kind[Any, Any]) -> Operation:
        """One of this kind, by somebody who may, nearly always."""
        chance = self._chance
        node = NodeId(chance.choice(("ada", "ada", "bob", self._word())))
        who = chance.choice(kind.actors)
        session = chance.choice((f"{node}-1", f"{node}-1", "ada-1", self._word()))
        actor = Actor(who, node if who == "node" else session)
        timing = Timing(self._uptime(), chance.choice((0, 5, -5, 10**20)), chance.choice((0, 60, -1, 10**20)))
        heard = (self._word(),) * chance.choice((0, 0, 1))
        at = chance.choice((1_000_000, *NUMBERS))
        return Operation(kind.name, ulid(), node, actor, at, self._fields(kind.body), ulid(), timing, heard)

    def _uptime(self) -> str:
        return self._chance.choice(("", "boot:1000", "x", ":", "a:b:c", "b:99999999999999999999"))

    def _word(self) -> str:
        return self._chance.choice(self._words)

    def _fields(self, kind: type[Struct]) -> dict[str, Any]:
        made: dict[str, Any] = {"surprise": [1, {"b": None}]} if self._chance.random() < 0.05 else {}
        for one in kind.FIELDS:
            if one.key and (one.default is _REQUIRED or self._chance.random() < 0.8):
                made[one.key] = self._value(one.shape)
        return made

    def _value(self, shape: Shape[Any]) -> Any:
        value: Any
        chance = self._chance
        if chance.random() < 0.01:
            return chance.choice(WRONG)
        match shape:
            case Maybe():
                value = None if chance.random() < 0.4 else self._value(shape._shape)
            case Many():
                value = [self._value(shape._shape) for _ in range(chance.choice((0, 1, 1, 1, 2)))]
            case Table():
                value = {self._word(): self._value(shape._shape) for _ in range(chance.choice((0, 0, 1)))}
            case One():
                value = self._fields(shape._kind)
            case Choice():
                value = chance.choice(shape.words)
            case Flag():
                value = chance.random() < 0.5
            case Whole():
                value = self._fitting(shape, lambda: chance.choice(NUMBERS))
            case Text():
                value = self._fitting(shape, lambda: ulid() if chance.random() < 0.1 else self._word())
            case _:
                value = chance.choice(WRONG)
        return value

    def _fitting(self, shape: Shape[Any], make: Callable[[], Any]) -> Any:
        for _ in range(40):
            with suppress(Broken):
                return shape.decode(make())
        return "x"


def _texts(view: Snapshot) -> Iterator[str]:
    """The texts of all records."""
    left: list[Any] = [canonical.load(view.get(path) or b"") for path in view.files("")]
    while left:
        match left.pop():
            case dict() as table:
                left += [*table.keys(), *table.values()]
            case list() as items:
                left += items
            case str() as text if len(text) < 300:
                yield text
