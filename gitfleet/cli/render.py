"""The one door to the terminal: stdout is the result, stderr everything else.

Everything that is shown goes through here, so that text from records, branches and logs can never move the cursor,
and so that `--json` is the same everywhere.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from gitfleet.base import clock
from gitfleet.base.text import display, duration
from gitfleet.cli.answer import Answer
from gitfleet.errors import Conflict, FleetError


def show(answer: Answer, *, as_json: bool) -> None:
    """Print an answer: its lines, or the JSON envelope."""
    if as_json:
        out(json.dumps(answer.envelope(), indent=2, ensure_ascii=True, sort_keys=True))
        return
    for line in answer.lines:
        out(display(line))
    for warning in answer.warnings:
        note(f"warning: {warning}")


def out(text: str) -> None:
    """One line of the result."""
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


def note(text: str) -> None:
    """One line beside the result, made safe to show."""
    sys.stderr.buffer.write(display(text).encode("utf-8", "backslashreplace") + b"\n")
    sys.stderr.buffer.flush()


def failure(command: str, error: FleetError) -> Answer:
    """The answer of a command that ended with an error."""
    data = {"error": {"message": error.message, "hint": error.hint, **plain(error.facts)}}
    return Answer(command, data, status=error.status, code=error.exit_code)


def show_failure(error: FleetError) -> None:
    """An error for people: what happened, the holders one a line, one next step."""
    if isinstance(error, Conflict) and error.facts.get("conflicts"):
        note(f"gitfleet: {error.message.split(':', 1)[0].lower()}; nothing was changed")
        for item in error.facts["conflicts"]:
            note(f"  {holder(item)}")
    else:
        note(f"gitfleet: {error.message}")
    if error.hint:
        note(f"next: {error.hint}")


def holder(item: Mapping[str, Any]) -> str:
    """One conflict in one line: the path, who holds it, what for, how much longer."""
    if "path" not in item:
        return f"session {item.get('session')} on node {item.get('node')}"
    path = str(item["path"])
    if item.get("session") is None:
        return f"{path}: {item.get('problem', 'held by a record that cannot be read')}"
    doing = str(item.get("title") or item.get("reason") or item.get("agent") or "")
    words = [f"{path}: held by session {item['session']}", f"({doing})" if doing else ""]
    words.append(f"on node {item['node']},")
    words.append(str(item["mode"]) + (f" claim on {item['held']}" if item["held"] != path else " claim"))
    if item["witness"] not in {path, item["held"]}:
        words.append(f"(both match {item['witness']})")
    left = int(item["renewed_at"]) + int(item["ttl"]) - clock.now()
    words.append(f"- {duration(left)} left" if left > 0 else "- its time is over")
    return " ".join(word for word in words if word)


def plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as JSON allows them."""
    result: dict[str, Any] = json.loads(json.dumps(dict(facts), default=str))
    return result


def table(rows: list[tuple[str, ...]], head: tuple[str, ...]) -> list[str]:
    """Columns of plain text, each as wide as its widest cell (the last one free)."""
    cells = [head, *[tuple(display(cell) for cell in row) for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def colour() -> bool:
    """Whether stdout is a terminal that wants colour (NO_COLOR obeyed)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
