"""Items of the inbox as people see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitfleet.base import clock
from gitfleet.base.text import counted, duration, one_line
from gitfleet.cli.answer import Grid
from gitfleet.fleet.attention.item import AttentionItem, ItemFold
from gitfleet.fleet.attention.people_inbox import InboxLook
from gitfleet.fleet.views import inbox_rows
from gitfleet.fleet.views.inbox_rows import InboxFoldRow, InboxRow, InboxTop

_HEAD = ("STATE", "KIND", "WHO", "SINCE", "WHAT", "NEXT", "ID")
_COLOURS = {"!": "red", "~": "yellow", "read": "dim"}


def grid(found: InboxLook, rows: Sequence[AttentionItem | ItemFold]) -> Grid:
    """A table of these. Its first column: `!` needs a person now, `~` can wait; `read`, where somebody has read it."""
    cells = [
        _fold(inbox_rows.fold(one))
        if isinstance(one, ItemFold)
        else _cells(inbox_rows.row(one, read=one.id in found.read))
        for one in rows
    ]
    return Grid(_HEAD, cells, coloured="STATE", colours=_COLOURS, optional=("SINCE", "ID"), kept=("NEXT",))


def top(found: InboxTop) -> Iterator[str | Grid]:
    """What comes before everything else: nothing where nothing is unread."""
    if not found["unread"]:
        return
    yield f"{counted(found['unread'], 'item')} for you"
    rows = [(not one["urgent"], _cells(one)) for one in found["items"]]
    rows += [(not one["urgent"], _fold(one)) for one in found["folded"]]
    cells = [cells for _, cells in sorted(rows, key=lambda row: row[0])]
    yield Grid(_HEAD, cells, coloured="STATE", colours=_COLOURS, optional=("SINCE", "ID"), kept=("NEXT",))
    more = found["unread"] - len(found["items"]) - sum(one["unread"] for one in found["folded"])
    if more:
        yield f"and {more} more: `gitfleet inbox`"
    yield ""


def _cells(one: InboxRow) -> tuple[str, ...]:
    since = _since(one["since"])
    sign = "read" if one["read"] else _sign(urgent=one["urgent"])
    return sign, one["kind"], one["who"], since, one_line(one["what"], 100), one["next"], one["id"]


def _fold(one: InboxFoldRow) -> tuple[str, ...]:
    words = f"{one['count']} {one['words']}, {one['unread']} unread"
    sign = _sign(urgent=one["urgent"]) if one["unread"] else "read"
    return sign, one["kind"], "", _since(one["since"]), words, one["next"], ""


def _sign(*, urgent: bool) -> str:
    return "!" if urgent else "~"


def _since(moment: int) -> str:
    return f"{duration(clock.now() - moment)} ago" if moment else "-"
