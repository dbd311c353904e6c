"""A target with a file of many lines."""

from __future__ import annotations

from collections.abc import Mapping

LINES = [f"line {number}" for number in range(20)]


def edited(changes: Mapping[int, str]) -> str:
    """The file with some lines changed."""
    return "".join(f"{changes.get(number, line)}\n" for number, line in enumerate(LINES))
