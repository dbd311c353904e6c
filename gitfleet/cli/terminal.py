"""Tables on a terminal. Apart, since rich costs 50 ms and is of no use in a pipe. NO_COLOR is rich's own business."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gitfleet.base.commands import spoken
from gitfleet.base.text import display
from gitfleet.cli.answer import Grid

_GAP = 2
_LEAST = 5
"""Columns of a cell of which one can still tell something."""


def show(content: Grid) -> None:
    """Print a table that fits the terminal: without its optional columns, and with cells cut short, if need be."""
    console = Console(highlight=False, markup=False, emoji=False)
    shown = _fitting(content, console.width)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, width in zip(shown, _narrowed(content, shown, console.width), strict=True):
        table.add_column(content.head[position], overflow="ellipsis", no_wrap=True, width=width)
    for row in content.rows:
        table.add_row(*[_cell(content, content.head[position], row[position]) for position in shown])
    console.print(table)


def _fitting(content: Grid, width: int) -> list[int]:
    """The columns to show, by position."""
    widths = _widths(content)
    shown = list(range(len(content.head)))
    for name in content.optional:
        if sum(widths[position] + _GAP for position in shown) - _GAP <= width:
            break
        shown.remove(content.head.index(name))
    return shown


def _narrowed(content: Grid, shown: Sequence[int], width: int) -> list[int]:
    """How wide these columns are: what is too much is taken from the widest, and from those to be kept whole last."""
    natural = _widths(content)
    widths = [natural[position] for position in shown]
    free = [place for place, position in enumerate(shown) if content.head[position] not in content.kept]
    room = width - _GAP * (len(shown) - 1)
    for places in (free, range(len(shown))):
        while sum(widths) > room and places:
            widest = max(places, key=lambda place: widths[place])
            if widths[widest] <= _LEAST:
                break
            widths[widest] -= 1
    return widths


def _widths(content: Grid) -> list[int]:
    rows = (content.head, *content.rows)
    return [max(cell_len(spoken(display(row[i]))) for row in rows) for i in range(len(content.head))]


def _cell(content: Grid, name: str, text: str) -> Text:
    colour = content.colours.get(text.partition(" ")[0], "") if name == content.coloured else ""
    return Text(spoken(display(text)), style=colour)
