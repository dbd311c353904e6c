"""Whom to tell of what needs a person, as the maintainer reads it: compiled, plain, from the trunk (`notify:` of gitfleet.yaml)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from gitfleet.base import canonical, files
from gitfleet.codec import Choice, Many, Maybe, Struct, Table, Text, Whole, field

Format = Literal["text", "slack", "json"]
What = Literal["urgent", "all"]
MINUTES = 24 * 60
_LONG: Text[str] = Text(8192)


class NotifyPolicy(Struct):
    """`command`: words of a program; `webhook`: an address, with `headers`; in both `${NAME}` stands for a variable. `dwell` in seconds.

    `quiet`: from which minute of this machine's day to which nobody is told; None: never.
    """

    command: tuple[str, ...] = field(Many(_LONG), default=())
    webhook: str = field(_LONG, default="")
    headers: Mapping[str, str] = field(Table(_LONG), default={})
    format: Format = field(Choice[Format]("text", "slack", "json"), default="text")
    what: What = field(Choice[What]("urgent", "all"), default="urgent")
    dwell: int = field(Whole(0), default=120)
    quiet: tuple[int, ...] | None = field(Maybe(Many(Whole(0, MINUTES - 1), least=2, most=2)), default=None)

    @property
    def anybody(self) -> bool:
        """Whether somebody is to be told."""
        return bool(self.command or self.webhook)

    def is_quiet(self, minute: int) -> bool:
        """Whether nobody is told at that minute of the day. A time that goes past midnight holds on both sides of it."""
        if self.quiet is None:
            return False
        begin, end = self.quiet
        return begin <= minute < end if begin <= end else minute >= begin or minute < end


def load(state: str) -> NotifyPolicy:
    """The rules as this clone has compiled them last; nobody is told where there are none, or they cannot be read."""
    data = files.read(os.path.join(state, "policy.json"))
    try:
        return NotifyPolicy.decode(canonical.load(data).get("notify", {})) if data else NotifyPolicy()
    except ValueError:
        return NotifyPolicy()
