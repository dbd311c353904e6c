"""What a terminal shows of an answer that is shown again and again: drawn over the last one, and no longer than the screen.

The screen is cleared when its size is another; what has scrolled away is the user's, and stays. What does not fit is counted.
"""

from __future__ import annotations

import os
import re
import sys
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from rich.cells import cell_len, chop_cells

from gitfleet.base.commands import spoken
from gitfleet.base.text import counted, display
from gitfleet.cli import terminal
from gitfleet.cli.answer import Grid, Reply

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_LEAST = 3
"""Rows of an answer that are shown, however many warnings there are."""


class WatchScreen:
    """The screen of one watch."""

    def __init__(self) -> None:
        self._size: tuple[int, int] | None = None

    def draw(self, answer: Reply) -> None:
        """Show an answer in place of the last one, its warnings below."""
        size = os.get_terminal_size(sys.stdout.fileno())
        columns, rows = size.columns or 80, size.lines or 24
        shown = list(_rows(answer, columns))  # a row may be longer than a line, for commands stay whole
        warned = [
            row
            for warning in answer.warnings
            for row in chop_cells(spoken(f"warning: {display(warning)}"), columns)
        ]
        room = max(_LEAST, rows - 1 - len(warned))
        taken = list(accumulate(-(-max(1, cell_len(_ANSI.sub("", row))) // columns) for row in shown))
        if shown and taken[-1] > room:
            fits = bisect_right(taken, room - 1)
            left = counted(len(shown) - fits, "more line")
            shown[fits:] = [f"and {left} than this terminal has"[:columns]]
        begin = "\x1b[H" if self._size == (columns, rows) else "\x1b[H\x1b[2J"
        self._size = (columns, rows)
        text = "".join(f"{row}\x1b[K\n" for row in [*shown, *warned])
        sys.stdout.buffer.write(f"{begin}{text}\x1b[J".encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()


def _rows(answer: Reply, columns: int) -> Iterator[str]:
    for line in answer.lines:
        if isinstance(line, Grid):
            yield from terminal.lines(line)
        else:
            yield from chop_cells(spoken(display(line)), columns) or [""]
