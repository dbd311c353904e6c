"""Merge drivers as the fleet's rules name them. Apart from `merge_rules`, since hooks read the rules."""

from __future__ import annotations

from gitfleet.codec import Struct, Text, field

UNION = "union"
"""The driver of git itself that keeps both sides; the only one that needs no command."""


class MergeDriver(Struct):
    """A merge driver that the fleet's rules allow: git's `merge.NAME.driver`, and the first line of `PROGRAM --version`.

    Both are empty for `union`.
    """

    command: str = field(Text(4096), default="")
    version: str = field(Text(200), default="")
