"""Who holds a path, in words for an agent: what its session wrote is in it as quotations only (`base.quotation`)."""

from __future__ import annotations

from gitfleet.base import clock
from gitfleet.base.quotation import quoted
from gitfleet.base.text import duration
from gitfleet.claims.conflict_text import kept_by, until
from gitfleet.obstacles import Obstacle


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
