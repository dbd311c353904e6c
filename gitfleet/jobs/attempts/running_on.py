"""What runs on after an attempt: it had left the agent's session, and carries no mark of it, such as a daemon that is to stay."""

from __future__ import annotations

from gitfleet.base.text import one_line
from gitfleet.jobs.shepherd.records import EndRecord

_MOST = 5


def notes(end: EndRecord | None) -> tuple[str, ...]:
    """What to say of it: it may be at work in the worktree."""
    left = set(end.left) if end else set()
    found = [one for one in end.escaped if not one.get("ended") and one.get("pid") not in left] if end else []
    said = [
        f"process {one.get('pid')} ({one_line(str(one.get('command', '')), 80)})" for one in found[:_MOST]
    ]
    more = [f"{len(found) - _MOST} more"] if len(found) > _MOST else []
    if not said:
        return ()
    return (f"runs on, outside of the attempt's session and without its mark: {', '.join([*said, *more])}",)
