"""Items of the inbox as people see them."""

from __future__ import annotations

from collections.abc import Sequence

from gitfleet.base import clock
from gitfleet.base.text import duration, one_line
from gitfleet.cli.answer import Grid
from gitfleet.fleet.attention.item import WORDS, AttentionItem, ItemFold
from gitfleet.fleet.attention.people_inbox import InboxLook

_HEAD = ("STATE", "KIND", "WHO", "SINCE", "WHAT", "NEXT", "ID")
_COLOURS = {"!": "red", "~": "yellow", "read": "dim"}


def grid(found: InboxLook, rows: Sequence[AttentionItem | ItemFold]) -> Grid:
    """A table of these. Its first column: `!` needs a person now, `~` can wait; `read`, where somebody has read it."""
    cells = [
        _fold(one) if isinstance(one, ItemFold) else _cells(one, read=one.id in found.read) for one in rows
    ]
    return Grid(_HEAD, cells, coloured="STATE", colours=_COLOURS, optional=("SINCE", "ID"))


def _cells(one: AttentionItem, *, read: bool) -> tuple[str, ...]:
    return (
        _sign(one, read=read),
        one.kind,
        one.who,
        _since(one.since),
        one_line(one.what, 100),
        one.step,
        one.id,
    )


def _fold(one: ItemFold) -> tuple[str, ...]:
    words = f"{one.count} {WORDS[one.kind]}, {one.unread} unread"
    return _sign(one.first, read=not one.unread), one.kind, "", _since(one.first.since), words, one.step, ""


def _sign(one: AttentionItem, *, read: bool) -> str:
    return "read" if read else "!" if one.urgent else "~"


def _since(moment: int) -> str:
    return f"{duration(clock.now() - moment)} ago" if moment else "-"
