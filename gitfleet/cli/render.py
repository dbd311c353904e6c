"""How an answer is shown: lines or tables for people, the JSON envelope for programs, the same for every command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence

from gitfleet.base import advice
from gitfleet.base.commands import spoken, spoken_in
from gitfleet.base.console import note, out
from gitfleet.base.text import display
from gitfleet.claims.conflict_text import holder
from gitfleet.cli.answer import Grid, Reply
from gitfleet.errors import Conflict, FleetError
from gitfleet.fleet.views import envelope

READABLE = 64 * 1024
ADVICE = json.dumps(advice.OPEN).strip('"')


def show(command: str, answer: Reply, *, as_json: bool, compact: bool = False) -> None:
    """Print what a command answers: its lines, or the JSON envelope (`compact`: on one line)."""
    if as_json:
        out(_json(answer.envelope(command), compact=compact))
        return
    for line in answer.lines:
        if isinstance(line, Grid):
            grid(line)
        else:
            out(display(line))
    for warning in answer.warnings:
        note(f"warning: {display(warning)}")


def _json(record: Mapping[str, object], *, compact: bool) -> str:
    """Indented while people may want to read it; what is larger is for programs, and indenting takes ten times as long."""
    text = json.dumps(record, ensure_ascii=True, sort_keys=True)
    if ADVICE in text:
        return _json({key: spoken_in(value) for key, value in record.items()}, compact=compact)
    if compact or len(text) > READABLE:
        return text
    return json.dumps(record, indent=2, ensure_ascii=True, sort_keys=True)


def failure(error: FleetError) -> Reply:
    """The answer of a command that ended with an error."""
    data = envelope.failure(error.message, error.hint, error.unharmed, error.facts)
    return Reply(data, status=error.status, code=error.exit_code)


def show_failure(error: FleetError) -> None:
    """An error for people: what happened, the holders one a line, one next step."""
    conflicts = error.conflicts if isinstance(error, Conflict) else ()
    if any(item.path for item in conflicts):
        head = error.message.split(":", 1)[0]
        note(f"gitfleet: {_small(head)}{_also(error.unharmed)}")
        for item in conflicts:
            note(f"  {display(holder(item))}")
    else:
        note(f"gitfleet: {error.words}")
    if error.hint:
        note(f"next: {error.hint}")


def _also(sentence: str) -> str:
    return f"; {_small(sentence).removesuffix('.')}" if sentence else ""


def _small(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"


def on_terminal() -> bool:
    """Whether somebody sees `progress`."""
    return sys.stderr.isatty()


def progress(text: str) -> None:
    """Show how far something has come, on one line of a terminal (standard error) that the next one is written over; "" takes it away."""
    if on_terminal():
        width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        sys.stderr.write(f"\r\x1b[K{display(text)[: width - 1]}")
        sys.stderr.flush()


def grid(content: Grid) -> None:
    """Print a table: as a terminal can show it, or in plain columns."""
    if sys.stdout.isatty():
        from gitfleet.cli import terminal  # rich: 50 ms

        terminal.show(content)
        return
    for line in table(content.rows, content.head):
        out(line)


def table(rows: Sequence[tuple[str, ...]], head: tuple[str, ...]) -> list[str]:
    """Columns of plain text, each as wide as its widest cell (the last one free)."""
    cells = [head, *[tuple(spoken(display(cell)) for cell in row) for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


__all__ = ["failure", "holder", "note", "out", "show", "show_failure", "table"]
