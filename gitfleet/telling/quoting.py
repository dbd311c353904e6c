"""What other sessions say, put so that an agent reads it as something said, and not as something to do.

Titles, reasons, patterns and messages come from whoever may write the ledger, and an agent obeys what it reads. So they
are quoted, on one line, short, without control characters and without the brackets that markup for agents is made of.
"""

from __future__ import annotations

from gitfleet.base import clock
from gitfleet.base.text import display, duration
from gitfleet.claims.conflict_text import kept_by, until
from gitfleet.obstacles import Obstacle

LIMIT = 80
_HARMLESS = str.maketrans({'"': "'", "<": "‹", ">": "›", "⟨": "‹", "⟩": "›", "`": "'", "\\": "/"})


def quoted(text: str, limit: int = LIMIT) -> str:
    """`text` as a quotation: one line of at most `limit` characters, between double quotes that it cannot close."""
    line = display(" ".join(text.split())).translate(_HARMLESS)
    return f'"{line if len(line) <= limit else line[: limit - 1] + "…"}"'


def holder(item: Obstacle) -> str:
    """Who holds one path, for an agent."""
    path = quoted(item.path, 200)
    if item.session is None:
        return f"{path} is held by a record that cannot be read"
    if item.retained:
        kept = quoted(kept_by(item.retained), 200)
        return f"{path} is retained by {kept} of session {item.session} {until(item.retained)}{_wider(item)}"
    verb = "was asked for earlier" if item.waiting else "is held"
    words = f"{path} {verb} by session {item.session} on node {item.node}"
    words += f", titled {quoted(item.title)}" if item.title else ""
    words += f", with the reason {quoted(item.reason)}" if item.reason else ""
    words += _wider(item)
    left = item.renewed_at + item.ttl - clock.now()
    words += f"; {duration(left)} left" if left > 0 else "; it has expired"
    return words + ("; its process is gone" if item.gone else "")


def _wider(item: Obstacle) -> str:
    """What is claimed, where that is not the path itself."""
    return f"; its claim is on {quoted(item.held)}" if item.held != item.path else ""
