"""One entry of the log: what a level and a source are, and how an event of the manager reads as one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitfleet.base.text import one_line
from gitfleet.codec import Struct
from gitfleet.jobs import events
from gitfleet.jobs.errors import ArgumentError

LEVELS = ("debug", "info", "warning", "error")
"""From the least to the most urgent."""
FLEET = "fleet"
_LONGEST = 500
_SHOWN = 20
_LEVELS: Mapping[str, str] = {"schedule:skipped": "warning", "job:failed": "error"}
"""Of events that are more than information."""


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


def of_event(name: str, event: Struct, at: int, *, since: int = 0, agent_name: str = "") -> LogEntry:
    """What an event says in the log. `since`: when the manager started; `agent_name`: where the event itself has none."""
    job = event.job if isinstance(event, events.JobCreated) else None
    return LogEntry(
        at,
        _LEVELS.get(name, "info"),
        name.partition(":")[0] if ":" in name else FLEET,
        one_line(_words(name, event, since), _LONGEST),
        getattr(event, "agent_name", "") or (job.agent_name if job else "") or agent_name,
        getattr(event, "job_id", "") or (job.id if job else ""),
        name,
    )


def _words(name: str, event: Struct, since: int) -> str:
    match event:
        case events.ManagerStarted():
            said = "started"
        case events.ManagerStopped(reason=reason):
            said = f"stopped{': ' if reason else ''}{reason}"
        case events.ConfigReloaded(changes=changes):
            said = _reloaded(changes)
        case events.AgentStarted():
            said = f"{event.agent_name} works on {event.job_id}"
        case events.AgentStopped():
            said = f"{event.agent_name} is done with {event.job_id}: {event.reason}"
        case events.ScheduleTriggered():
            said = f"{event.schedule_name} of {event.agent_name} made {event.job_id}"
        case events.ScheduleSkipped():
            counts = f" ({event.running} of {event.limit} jobs run)" if event.limit else ""
            said = f"{event.schedule_name} of {event.agent_name} skipped: {event.reason}{counts}"
        case _:
            said = _of_job(event, since) or _any(name, event)
    return said


def _of_job(event: Struct, since: int) -> str:
    match event:
        case events.JobCreated(job=job) if job.created_at < since:
            return f"{job.id} of {job.agent_name} was here: {job.status}"
        case events.JobCreated(job=job):
            schedule = f", schedule {job.schedule_name}" if job.schedule_name else ""
            return f"{job.id} created for {job.agent_name}{schedule}"
        case events.JobCompleted(result=result):
            outcome = result.outcome if result else None
            return f"{event.job_id} completed" + (f": {outcome}" if outcome else "")
        case events.JobFailed():
            return f"{event.job_id} failed: {event.error}"
        case events.JobCancelled():
            return f"{event.job_id} cancelled"
    return ""


def _reloaded(changes: Sequence[str]) -> str:
    shown = ", ".join(changes[:_SHOWN])
    more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
    return f"reloaded: {shown}{more}" if changes else "reloaded: nothing has changed"


def _any(name: str, event: Struct) -> str:
    """An event in the words of its name and its fields: `needs_input: job job-…, agent tidy, text …`."""
    facts = [(one.name, getattr(event, one.name)) for one in event.FIELDS]
    said = [
        f"{field.removesuffix('_name').removesuffix('_id')} {value}"
        for field, value in facts
        if isinstance(value, str | int) and value != ""
    ]
    return f"{name.rpartition(':')[2]}: {', '.join(said)}"
