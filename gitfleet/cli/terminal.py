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
_READABLE = 8
"""Columns of a cell that can be read; other columns go for them, where a table can spare any."""
_SENTENCE = 30
"""Columns in which a sentence can be read, beside cells that are kept whole."""


def show(content: Grid) -> None:
    """Print a table that fits the terminal: without its optional columns, and with cells cut short, if need be."""
    _show(content, Console(highlight=False, markup=False, emoji=False))


def lines(content: Grid) -> list[str]:
    """What `show` prints, line by line, with its colours."""
    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        _show(content, console)
    return captured.get().splitlines()


def _show(content: Grid, console: Console) -> None:
    shown = _fitting(content, console.width)
    widths = _narrowed(content, shown, console.width)
    if _is_cramped(content, shown, widths):
        _stack(content, shown, console)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, width in zip(shown, widths, strict=True):
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
            return shown
        shown.remove(content.head.index(name))
    for name in content.spare:
        now = _narrowed(content, shown, width)
        if all(fits >= min(widths[at], _READABLE) for at, fits in zip(shown, now, strict=True)):
            break
        shown.remove(content.head.index(name))
    return shown


def _is_cramped(content: Grid, shown: Sequence[int], widths: Sequence[int]) -> bool:
    """Whether a table with cells to be kept whole leaves no room for them, or to read what else it says."""
    natural = _widths(content)
    return any(
        width < natural[at] and (content.head[at] in content.kept or width < min(natural[at], _SENTENCE))
        for at, width in zip(shown, widths, strict=True)
        if content.kept
    )


def _stack(content: Grid, shown: Sequence[int], console: Console) -> None:
    """Each row as lines: its cells one after the other, then those to be kept whole, each by its name."""
    for row in content.rows:
        cells = [
            _cell(content, content.head[at], row[at])
            for at in shown
            if row[at] and content.head[at] not in content.kept
        ]
        console.print(Text("  ").join(cells), overflow="fold", soft_wrap=False)
        for name in content.kept:
            text = _cell(content, name, row[content.head.index(name)])
            console.print(Text.assemble(f"  {name.lower()}: ", text), soft_wrap=True)


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
