"""One entry of the log: what a level and a source are, and how an event of the manager reads as one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gitfleet.base.text import one_line
from gitfleet.codec import Struct
from gitfleet.jobs.errors import ArgumentError

LEVELS = ("debug", "info", "warning", "error")
"""From the least to the most urgent."""
FLEET = "fleet"
_LONGEST = 500
_SHOWN = 20


class LogEntry(Struct):
    """`time` in milliseconds since 1970, `level` one of LEVELS.

    `source` is `fleet`, `config`, `agent`, `schedule` or `job`, as the event's name begins; `stdout`, `stderr` or `json` for what an
    agent wrote. `agent_name` and `job_id` are "" where it is about none. `message` is one line and safe to show, but for what an
    agent wrote, which is as it was written. `seq` rises by one from entry to entry of one log; 0 for what is not in the log itself.
    """

    time: int
    level: str
    source: str
    message: str
    agent_name: str = ""
    job_id: str = ""
    event: str = ""
    seq: int = 0


def rank(level: str) -> int:
    """How urgent a level is. Raises ArgumentError for a word that is none."""
    if level not in LEVELS:
        raise ArgumentError(
            f"{level!a:.40} is no level.", hint=f"There are: {', '.join(LEVELS)}.", argument="level"
        )
    return LEVELS.index(level)


def of_event(name: str, event: Any, at: int, *, since: int = 0, agent_name: str = "") -> LogEntry:
    """What an event says in the log. `since`: when the manager started; `agent_name`: where the event itself has none."""
    job = getattr(event, "job", None)
    level, words = _WORDS.get(name, ("info", partial(_any, name)))
    said = words(event) if name != "job:created" or event.job.created_at >= since else _found(event)
    return LogEntry(
        at,
        level,
        name.partition(":")[0] if ":" in name else FLEET,
        one_line(said, _LONGEST),
        getattr(event, "agent_name", "") or (job.agent_name if job else "") or agent_name,
        getattr(event, "job_id", "") or (job.id if job else ""),
        name,
    )


def _created(event: Any) -> str:
    schedule = f", schedule {event.job.schedule_name}" if event.job.schedule_name else ""
    return f"{event.job.id} created for {event.job.agent_name}{schedule}"


def _found(event: Any) -> str:
    return f"{event.job.id} of {event.job.agent_name} was here: {event.job.status}"


def _completed(event: Any) -> str:
    outcome = event.result.outcome if event.result else None
    return f"{event.job_id} completed" + (f": {outcome}" if outcome else "")


def _reloaded(event: Any) -> str:
    shown = ", ".join(event.changes[:_SHOWN])
    more = f" and {len(event.changes) - _SHOWN} more" if len(event.changes) > _SHOWN else ""
    return f"reloaded: {shown}{more}" if event.changes else "reloaded: nothing has changed"


def _schedule(event: Any) -> str:
    return f"{event.schedule_name} of {event.agent_name}"


def _skipped(event: Any) -> str:
    counts = f" ({event.running} of {event.limit} jobs run)" if event.limit else ""
    return f"{_schedule(event)} skipped: {event.reason}{counts}"


def _any(name: str, event: Any) -> str:
    """An event in the words of its name and its fields: `needs_input: job job-…, agent tidy, text …`."""
    facts = [(one.name, getattr(event, one.name)) for one in event.FIELDS]
    said = [
        f"{field.removesuffix('_name').removesuffix('_id')} {value}"
        for field, value in facts
        if isinstance(value, str | int) and value != ""
    ]
    return f"{name.rpartition(':')[2]}: {', '.join(said)}"


_WORDS: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "started": ("info", lambda _: "started"),
    "stopped": ("info", lambda event: f"stopped{': ' if event.reason else ''}{event.reason}"),
    "config:reloaded": ("info", _reloaded),
    "agent:started": ("info", lambda event: f"{event.agent_name} works on {event.job_id}"),
    "agent:stopped": (
        "info",
        lambda event: f"{event.agent_name} is done with {event.job_id}: {event.reason}",
    ),
    "schedule:triggered": ("info", lambda event: f"{_schedule(event)} made {event.job_id}"),
    "schedule:skipped": ("warning", _skipped),
    "job:created": ("info", _created),
    "job:completed": ("info", _completed),
    "job:failed": ("error", lambda event: f"{event.job_id} failed: {event.error}"),
    "job:cancelled": ("info", lambda event: f"{event.job_id} cancelled"),
}
