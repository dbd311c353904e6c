"""What other sessions say, put so that an agent reads it as something said, and not as something to do.

Titles, reasons, patterns and messages come from whoever may write the ledger, and an agent obeys what it reads. So they
are quoted, on one line, short, without control characters and without the brackets that markup for agents is made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitfleet.base import clock
from gitfleet.base.text import display, duration
from gitfleet.claims.conflict_text import kept_by, until

LIMIT = 80
_HARMLESS = str.maketrans({'"': "'", "<": "‹", ">": "›", "`": "'", "\\": "/"})


def quoted(text: str, limit: int = LIMIT) -> str:
    """`text` as a quotation: one line of at most `limit` characters, between double quotes that it cannot close."""
    line = display(" ".join(text.split())).translate(_HARMLESS)
    return f'"{line if len(line) <= limit else line[: limit - 1] + "…"}"'


def holder(item: Mapping[str, Any]) -> str:
    """Who holds one path, for an agent, from a conflict record (`claims.conflicts.InTheWay.as_record`)."""
    path = quoted(str(item.get("path", "")), 200)
    session = item.get("session")
    if session is None:
        return f"{path} is held by a record that cannot be read"
    if item.get("retained"):
        kept = quoted(kept_by(item["retained"]), 200)
        words = f"{path} is retained by {kept} of session {session} {until(item['retained'])}"
        return words + _wider(item)
    verb = "was asked for earlier" if item.get("waiting") else "is held"
    words = f"{path} {verb} by session {session} on node {item.get('node')}"
    words += f", titled {quoted(str(item['title']))}" if item.get("title") else ""
    words += f", with the reason {quoted(str(item['reason']))}" if item.get("reason") else ""
    words += _wider(item)
    left = int(item.get("renewed_at", 0)) + int(item.get("ttl", 0)) - clock.now()
    words += f"; {duration(left)} left" if left > 0 else "; it has expired"
    return words + ("; its process is gone" if item.get("gone") else "")


def _wider(item: Mapping[str, Any]) -> str:
    """What is claimed, where that is not the path itself."""
    held = str(item.get("held", ""))
    return f"; its claim is on {quoted(held)}" if held != item.get("path") else ""
