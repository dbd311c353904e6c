"""What the adapters of clients that print one JSON object a line have in common."""

from __future__ import annotations

import json
import re
from typing import TypeGuard

from gitfleet.base import plain_json
from gitfleet.jobs.adapters.protocol import Adapter
from gitfleet.jobs.adapters.results import AgentEvent

_KEPT = 5
_TRACED = re.compile(rb"\s*(\d+: |at |Stack backtrace:)")
"""Lines of a trace (RUST_BACKTRACE), which would push out the error that stands above it."""


class JsonLinesAdapter(Adapter):
    """Reads what is a JSON object; all other lines stand for themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0
        """When the last line came."""
        self.complaints: list[str] = []
        """The last lines of standard error."""

    def feed(self, source: str, line: bytes, at: int = 0) -> list[AgentEvent]:
        """See `Adapter`."""
        self.at = at
        if source == "stderr":
            if line.strip() and not _TRACED.match(line):
                self.complaints = [
                    *self.complaints[1 - _KEPT :],
                    line[:4096].decode("utf-8", "replace").strip(),
                ]
            return []
        if not line.startswith(b"{"):
            return []
        try:
            read = plain_json.load(line)
        except ValueError:
            return []
        return self.told(read, at) if isinstance(read, dict) else []

    def told(self, line: dict[str, object], at: int) -> list[AgentEvent]:
        """What one object means; none for one that we do not know."""
        raise NotImplementedError


def text_of(value: object) -> str:
    """A text where one should be; anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def is_count(value: object, below: float = 1e15) -> TypeGuard[int | float]:
    """Whether it is a number from 0 on, and less than `below`; true and false are none."""
    return (type(value) is int or type(value) is float) and 0 <= value < below


def id_of(value: object) -> str:
    """An identifier, of bounded length."""
    return text_of(value)[:256]


def list_of(value: object) -> list[object]:
    """A list where one should be; anything else is none."""
    return value if isinstance(value, list) else []


def tables_of(value: object) -> list[dict[str, object]]:
    """The objects of a list; none where there is no list."""
    return [one for one in list_of(value) if isinstance(one, dict)]
