"""A conflict in one line for people: the path, who holds it, what for, how much longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gitfleet.base import clock
from gitfleet.base.text import duration


def units(item: Mapping[str, Any]) -> str:
    """Which units of a resource a claim, as a record, has: `unit 0 of 2` (they are numbered from 0)."""
    return unit_words(item["slots"], item["capacity"])


def unit_words(slots: Sequence[int], capacity: int) -> str:
    """The same, of numbers."""
    return f"unit{'s' * (len(slots) > 1)} {', '.join(map(str, slots))} of {capacity}"


def holder(item: Mapping[str, Any]) -> str:
    """The line for one conflict record (`conflicts.InTheWay.as_record`). Not yet safe to show."""
    if "path" not in item:
        return f"session {item.get('session')} on node {item.get('node')}"
    path = str(item["path"])
    if item.get("session") is None:
        return f"{path}: {item.get('problem', 'held by a record that cannot be read')}"
    doing = str(item.get("title") or item.get("reason") or item.get("agent") or "")
    if item.get("retained"):
        meets = f" (both match {item['witness']})" if item["witness"] not in {path, item["held"]} else ""
        what = "" if item["held"] == path else f", which claims {item['held']}{meets}"
        return (
            f"{path}: retained by branch {item['retained']} of session {item['session']} until it lands{what}"
        )
    verb = "wanted earlier" if item.get("waiting") else "held"
    words = [f"{path}: {verb} by session {item['session']}", f"({doing})" if doing else ""]
    words.append(f"on node {item['node']},")
    if item.get("slots"):
        words.append(units(item))
    else:
        words.append(str(item["mode"]) + (f" claim on {item['held']}" if item["held"] != path else " claim"))
    if item["held"] != path and item["witness"] not in {path, item["held"]}:
        words.append(f"(both match {item['witness']})")
    left = int(item["renewed_at"]) + int(item["ttl"]) - clock.now()
    words.append(f"- {duration(left)} left" if left > 0 else "- its time is over")
    if item.get("gone"):
        words[-1] += "; its process is gone"
    return " ".join(word for word in words if word)
