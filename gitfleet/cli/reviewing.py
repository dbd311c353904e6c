"""`review`: what a session has done, before it is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from gitfleet.base.names import SessionId
from gitfleet.base.text import counted, one_line
from gitfleet.cli import render
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.declaring import Argument, Option
from gitfleet.cli.status_view import alive
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import review_rows
from gitfleet.fleet.views.review_rows import ReviewAnswer, ReviewFileRow

OfSession = Annotated[str, Argument(metavar="SESSION", help="A session's id.", complete="session_ids")]
Diff = Annotated[bool, Option("--diff", help="Show the whole diff against where it left the trunk.")]
_SHOWN = 40


def review(session: OfSession, diff: Diff = False) -> Reply:
    """Show what a session has changed, what its gate says, conflicts to come and cost; and the next step, which may be to accept it.

    Accepting it queues its branch. Local, without the network; what is not committed is counted, not shown.
    """
    with Fleet.open(announce=render.note) as fleet:
        found = review_rows.review(fleet, SessionId(session), diff=diff)
        age = fleet.current().age
    warnings = [] if age is None or found["head"] else ["shown is what the hub had when it was last reached"]
    return Reply(found, _lines(found), warnings=warnings)


def _lines(found: ReviewAnswer) -> Iterator[str | Grid]:
    row = found["session"]
    title = f": {one_line(row['title'], 100)}" if row["title"] else ""
    yield f"{row['id']} ({row['agent'] or 'no agent'}, {alive(row)}){title}"
    yield from _place(found)
    yield from _files(found["files"])
    yield f"gate: {_gate(found)}"
    if found["entry"]:
        yield f"queue: {found['entry']['state']}, entry {found['entry']['id']}"
    for one in found["conflicts"]:
        whose = f" of {one['session']}" if one["session"] else ""
        yield f"conflict to come: with {one_line(one['branch'], 80)}{whose}: {', '.join(one_line(path, 80) for path in one['paths'][:5])}"
    for job in found["jobs"]:
        cost = "cost not known" if job["dollars"] is None else f"${job['dollars']:.2f} (an estimate)"
        yield f"job: {job['job']} of {job['agent_name']}, {job['status']}, {cost}"
    if found["diff"] is not None:
        yield ""
        yield from (line.expandtabs(8) for line in found["diff"].split("\n"))
        yield "(the rest is cut off)" if found["cut"] else ""
    yield found["why"]
    if found["next"]:
        yield f"next: {found['next']}"


def _place(found: ReviewAnswer) -> Iterator[str]:
    if not found["head"]:
        yield f"branch: {one_line(found['branch'], 100) or 'none'}, which is not known here"
        return
    counts = "" if found["ahead"] is None else f", +{found['ahead']} -{found['behind']} of the trunk"
    yield f"branch: {one_line(found['branch'], 100)} at {found['head'][:12]}{counts}"
    if found["dirty"]:
        yield f"not committed: {counted(found['dirty'], 'path')}"


def _files(files: list[ReviewFileRow]) -> Iterator[str]:
    yield f"changes: {counted(len(files), 'file')}"
    for one in files[:_SHOWN]:
        lines = "binary" if one["added"] is None else f"+{one['added']} -{one['removed']}"
        yield f"  {lines:>12}  {one['path']}"
    if len(files) > _SHOWN:
        yield f"  and {len(files) - _SHOWN} more"


def _gate(found: ReviewAnswer) -> str:
    gate = found["gate"]
    if gate is None:
        return "not known"
    if gate["none"]:
        return "none, so every tree passes"
    return f"{gate['known']} on tree {gate['tree'][:12]}" if gate["configured"] else "none is configured"
