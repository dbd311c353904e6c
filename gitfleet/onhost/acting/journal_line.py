"""A line of the journal, and how what it holds is read: what is missing is empty, what has another form is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Dict

from gitfleet.onhost.serving import OpRefused

Line = Dict[str, object]


def whole(value: object) -> int:
    """A whole number. Raises OpRefused."""
    if not isinstance(value, int):
        raise _other_form()
    return value


def number(value: object) -> float:
    """A number. Raises OpRefused."""
    if not isinstance(value, (int, float)):
        raise _other_form()
    return value


def wholes(value: object) -> list[int]:
    """A list of whole numbers. Raises OpRefused."""
    return [whole(one) for one in _items(value)]


def pair(value: object) -> tuple[int, int]:
    """Two whole numbers, as a process is told: its number and its start. Raises OpRefused."""
    found = wholes(value)
    if len(found) != 2:
        raise _other_form()
    return found[0], found[1]


def pairs(line: Mapping[str, object], name: str) -> list[tuple[int, int]]:
    """Several of them. Raises OpRefused."""
    return [pair(one) for one in _items(line.get(name, []))]


def texts(line: Mapping[str, object], name: str) -> list[str]:
    """A list of texts. Raises OpRefused."""
    return [text(one) for one in _items(line.get(name, []))]


def text(value: object) -> str:
    """A text. Raises OpRefused."""
    if not isinstance(value, str):
        raise _other_form()
    return value


def table(line: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Values by name. Raises OpRefused."""
    found = line.get(name, {})
    if not isinstance(found, Mapping):
        raise _other_form()
    return found


def _items(value: object) -> list[object]:
    if not isinstance(value, list):
        raise _other_form()
    return value


def _other_form() -> OpRefused:
    return OpRefused("journal", "the journal of this scan has a line of another form")
