"""Tables on a terminal. Apart, since rich costs 50 ms and is of no use in a pipe. NO_COLOR is rich's own business."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gitfleet.base.text import display
from gitfleet.cli.answer import Grid


def show(content: Grid) -> None:
    """Print a table, folded to the terminal's width."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, name in enumerate(content.head):
        table.add_column(name, overflow="fold", no_wrap=position == 0)
    for row in content.rows:
        table.add_row(*[_cell(content, *pair) for pair in zip(content.head, row, strict=True)])
    Console(highlight=False, markup=False, emoji=False).print(table)


def _cell(content: Grid, name: str, text: str) -> Text:
    colour = content.colours.get(text.partition(" ")[0], "") if name == content.coloured else ""
    return Text(display(text), style=colour)
