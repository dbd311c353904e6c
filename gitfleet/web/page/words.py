"""States as people see them: each has a glyph, a word and a tone. And other words of templates. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from markupsafe import Markup

from gitfleet.base import commands
from gitfleet.codec import Struct


class ShownState(Struct):
    """`glyph` is a symbol of the sprite; `tone` is red (needs a person), amber (waits or runs out), blue (goes on), green (done) or "" (normal)."""

    glyph: str
    word: str
    tone: str = ""


STATES: Mapping[str, ShownState] = {
    # sessions
    "needs-input": ShownState("input", "Needs input", "red"),
    "dead": ShownState("dead", "Dead", "red"),
    "paused": ShownState("pause", "Paused", "amber"),
    "waiting": ShownState("wait", "Waiting", "amber"),
    "quiet": ShownState("stale", "Quiet", "amber"),
    "working": ShownState("work", "Working"),
    "idle": ShownState("idle", "Idle"),
    "unknown": ShownState("stale", "Unknown"),
    "person": ShownState("person", "Person"),
    # what needs a person
    "lost": ShownState("rej", "Claim lost", "red"),
    "hub": ShownState("conf", "Hub alarm", "red"),
    "held": ShownState("pause", "Held", "amber"),
    "rejected": ShownState("rej", "Rejected", "red"),
    "dead-session": ShownState("dead", "Dead session", "red"),
    "maintainer": ShownState("tool", "Maintainer", "amber"),
    "conflict": ShownState("conf", "Conflict", "amber"),
    "quota": ShownState("pause", "Quota", "amber"),
    "budget": ShownState("pause", "Budget", "amber"),
    # entries
    "queued": ShownState("queue", "Queued"),
    "testing": ShownState("test", "Testing", "blue"),
    "landing": ShownState("test", "Landing", "blue"),
    "landed": ShownState("ok", "Landed", "green"),
    "conflicted": ShownState("conf", "Conflicted", "red"),
    "stale": ShownState("stale", "Stale", "amber"),
    "dropped": ShownState("skip", "Dropped"),
    "blocked": ShownState("block", "Blocked", "amber"),
    "suspect": ShownState("eye", "Suspect", "amber"),
    "expired": ShownState("undo", "Expired"),
    # jobs
    "asks": ShownState("input", "Needs input", "red"),
    "unwatched": ShownState("stale", "Unwatched", "amber"),
    "running": ShownState("test", "Running", "blue"),
    "pending": ShownState("queue", "Pending"),
    "completed": ShownState("ok", "Done"),
    "failed": ShownState("rej", "Failed", "red"),
    "interrupted": ShownState("stale", "Interrupted", "amber"),
    "cancelled": ShownState("dead", "Cancelled"),
    "skipped": ShownState("skip", "Skipped"),
    # plans over hosts, and what they propose
    "plan-new": ShownState("plan", "Proposed"),
    "plan-empty": ShownState("ok", "Nothing found"),
    "plan-old": ShownState("stale", "Too old"),
    "plan-applied": ShownState("ok", "Applied", "green"),
    "plan-partial": ShownState("conf", "In part", "red"),
    "plan-broken": ShownState("rej", "Broken", "red"),
    "plan-selected": ShownState("input", "Selected", "amber"),
    "plan-offered": ShownState("queue", "Offered"),
    "plan-left": ShownState("idle", "Left alone"),
}


def state(word: str) -> ShownState:
    """How a state is shown; one that is not in the table by its own word, since a newer program may have more of them."""
    return STATES.get(word) or ShownState("queue", word.replace("-", " ").capitalize())


def spoken(step: str) -> str:
    """A step as the command line has it; "" where it is no command."""
    return commands.spoken(step).strip("`") if step else ""


def only_step(hint: str) -> str:
    """A hint as the command line has it where it is a command and no more; "" where it is a sentence, which nobody is to run."""
    said = commands.spoken(hint)
    return "" if said == hint or "`" in said else said


def tabbed(line: str) -> str:
    """A line of a file with spaces for its tabs, which would be shown as control characters."""
    return line.expandtabs(8) if "\t" in line else line


def as_json(value: Mapping[str, object]) -> str:
    """A value for a script to read from an attribute."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True)


def length(seconds: float) -> Markup:
    """A length of time as the browser writes it too: `45 s`, `12 m`, `3 h 5 m`, `2 d 4 h`, with spaces that do not break."""
    whole = max(0, int(seconds))
    if whole < 60:
        return _figure(whole, "s")
    if whole < 3600:
        return _figure(whole // 60, "m")
    size, small, unit, less = (3600, 60, "h", "m") if whole < 86400 else (86400, 3600, "d", "h")
    rest = whole % size // small
    return _figure(whole // size, unit) + (Markup(" ") + _figure(rest, less) if rest else Markup())


def _figure(number: int, unit: str) -> Markup:
    return Markup("{}&nbsp;{}").format(number, unit)


def path_parts(path: str) -> tuple[str, str]:
    """A path's folders, which may be cut, and its name, which may not."""
    folders, slash, name = path.rstrip("/").rpartition("/")
    return folders + slash, name + path[len(path.rstrip("/")) :]
