"""Tables on a terminal. Apart, since rich costs 50 ms and is of no use in a pipe. NO_COLOR is rich's own business."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gitfleet.base.text import display
from gitfleet.cli.answer import Grid


def show(content: Grid) -> None:
    """Print a table that fits the terminal: without its optional columns, and with cells cut short, if need be."""
    console = Console(highlight=False, markup=False, emoji=False)
    shown = _fitting(content, console.width)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for position in shown:
        table.add_column(content.head[position], overflow="ellipsis", no_wrap=True)
    for row in content.rows:
        table.add_row(*[_cell(content, content.head[position], row[position]) for position in shown])
    console.print(table)


def _fitting(content: Grid, width: int) -> list[int]:
    """The columns to show, by position."""
    rows = (content.head, *content.rows)
    widths = [max(cell_len(display(row[i])) for row in rows) + 2 for i in range(len(content.head))]
    shown = list(range(len(content.head)))
    for name in content.optional:
        if sum(widths[position] for position in shown) - 2 <= width:
            break
        shown.remove(content.head.index(name))
    return shown


def _cell(content: Grid, name: str, text: str) -> Text:
    colour = content.colours.get(text.partition(" ")[0], "") if name == content.coloured else ""
    return Text(display(text), style=colour)
