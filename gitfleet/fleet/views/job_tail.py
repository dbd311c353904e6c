"""The end of what an agent wrote, as people read it: its words, the tools that it called, and what came of these. Safe to show.

A line of an agent is JSON for the most part; `history` replays it as it was written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from gitfleet.base import plain_json
from gitfleet.base.text import one_line
from gitfleet.codec import Struct
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import records
from gitfleet.jobs.streams import reader
from gitfleet.jobs.streams.lines import StreamLine
from gitfleet.jobs.words import EventKind, LineSource
from gitfleet.nodes import log_tails

LINES = 160
"""Lines of a stream that are read for its end."""
_LONG, _SHORT = 24, 4
"""Lines that are shown of one message, and of what a tool came to."""
_WIDE = 200
_TELLING = ("command", "cmd", "file_path", "path", "pattern", "query", "url", "prompt", "description")
"""Fields of what a tool is given, those first that say most."""


class TailPiece(Struct):
    """A line to show. `tone`: `said` (the agent's own words), `bad`, `dim` (what tools say, and what is ours), or "".

    `key` is unique in its stream: the number of the line, and which piece of it this is.
    """

    key: str
    text: str
    tone: str = ""


def end(store: JobStore, job_id: str, attempt: int, *, lines: int = LINES) -> tuple[TailPiece, ...]:
    """The end of an attempt's stream; nothing where there is none. Reads no more than so many lines."""
    path = os.path.join(store.attempt_place(job_id, attempt), records.STREAM)
    last = reader.newest(path)
    return tuple(piece for line in reader.read(path, after=max(0, last - lines)) for piece in pieces(line))


def pieces(line: StreamLine) -> Iterator[TailPiece]:
    """What there is to show of one line of a stream. Pure."""
    number = 0
    for text, tone, most in _said(line):
        for row in log_tails.shown(text.rstrip("\n"), most):
            yield TailPiece(f"{line.seq}.{number}", row, tone)
            number += 1


def _said(line: StreamLine) -> Iterator[tuple[str, str, int]]:
    """Texts, each with its tone and how many lines of it are shown."""
    event = line.event
    if event is None:
        if line.source != LineSource.SYSTEM:
            yield line.text, "bad" if line.source == LineSource.STDERR else "", _LONG
        return
    text = _text(event, "text")
    match line.type:
        case EventKind.MESSAGE:
            yield text, "said", _LONG
        case EventKind.REASONING:
            yield f"thinking: {one_line(text, _WIDE)}" if text.strip() else "", "dim", 1
        case EventKind.TOOL_START:
            yield f"{_text(event, 'name') or 'tool'} {_called(_text(event, 'input'))}", "", 1
        case EventKind.TOOL_END:
            yield _text(event, "output"), "dim" if event.get("ok", True) else "bad", _SHORT
        case EventKind.FILE_CHANGE:
            yield f"changed {_changed(event)}", "", 1
        case EventKind.NEEDS_INPUT:
            yield f"asks: {text or _text(event, 'question')}", "bad", _LONG
        case EventKind.ERROR:
            yield text, "bad", _LONG
        case EventKind.STARTED | EventKind.SETUP | EventKind.STOPPING | EventKind.ENDED | EventKind.GAP:
            yield f"{line.type}: {_facts(event)}", "dim", 1
        case _:
            return


def _text(event: Mapping[str, object], name: str) -> str:
    found = event.get(name)
    return found if isinstance(found, str) else ""


def _called(given: str) -> str:
    """What a tool was given, in one line: the field that says most, where it is an object."""
    try:
        read = plain_json.load(given)
    except ValueError:
        read = None
    told = read if isinstance(read, dict) else {}
    return one_line(next((told[name] for name in _TELLING if isinstance(told.get(name), str)), given), _WIDE)


def _changed(event: Mapping[str, object]) -> str:
    changes = event.get("changes")
    rows = changes if isinstance(changes, list) else []
    named = [str(row.get("path") if isinstance(row, Mapping) else row) for row in rows]
    return one_line(", ".join(named), _WIDE) or "files"


def _facts(event: Mapping[str, object]) -> str:
    plain = [
        f"{name} {value}" for name, value in event.items() if isinstance(value, str | int) and value != ""
    ]
    return one_line(", ".join(plain), _WIDE) or "-"
