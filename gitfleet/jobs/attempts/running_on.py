"""What runs on after an attempt: it had left the agent's session, and carries no mark of it, such as a daemon that is to stay.

The shepherd has ended all else. So the machine's processes are looked through only where it names something, or was killed itself.
"""

from __future__ import annotations

from gitfleet.base.text import one_line
from gitfleet.jobs.records.job_record import AttemptRecord
from gitfleet.jobs.shepherd.records import EndRecord
from gitfleet.sessions import left_running

_MOST = 5


def notes(end: EndRecord | None, attempt: AttemptRecord) -> tuple[str, ...]:
    """What to say of it: it may be at work in the worktree. And where it can be told whose it is, how its end is planned."""
    named = _named(end)
    if end is not None and not (named or end.left):
        return ()
    found = left_running.left_running({attempt.session: attempt.worktree}).get(attempt.session, ())
    told = left_running.told(attempt.session, found)
    return (*named, *(told[-1:] if named else told))


def _named(end: EndRecord | None) -> tuple[str, ...]:
    left = set(end.left) if end else set()
    found = [one for one in end.escaped if not one.ended and one.pid not in left] if end else []
    said = [f"process {one.pid} ({one_line(one.command, 80)})" for one in found[:_MOST]]
    more = [f"{len(found) - _MOST} more"] if len(found) > _MOST else []
    if not said:
        return ()
    return (f"runs on, outside of the attempt's session and without its mark: {', '.join([*said, *more])}",)
