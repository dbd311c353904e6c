"""What a command has to say, before it is decided how it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gitfleet.fleet.views.envelope import Envelope, envelope


class Grid(NamedTuple):
    """A table: `head` and `rows` of equal length. Text in it is made safe when it is shown.

    `colours` gives a colour to cells of the column `coloured` by their first word. A terminal that is too narrow goes
    without the columns in `optional`, the first of them first.
    """

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    coloured: str = ""
    colours: Mapping[str, str] = {}
    optional: tuple[str, ...] = ()


class Answer(NamedTuple):
    """The outcome of one command: `data` for programs, `lines` for people, `code` for the shell.

    `lines` may hold tables, and text from records; it is made safe when it is shown. `session` is whom the command acted for.
    """

    command: str
    data: Mapping[str, Any]
    lines: Sequence[str | Grid] = ()
    status: str = "ok"
    code: int = 0
    warnings: Sequence[str] = ()
    session: str = ""

    def envelope(self) -> Envelope:
        """The JSON form, the same for every command."""
        return envelope(self.command, self.status, self.data, self.warnings)
