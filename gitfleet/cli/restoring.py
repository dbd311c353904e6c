"""`restore`: after a reboot, what it has ended is brought back."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from typing import Annotated

from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.cli.jobs import Config, StateDir, loaded, store_at
from gitfleet.errors import UsageError
from gitfleet.fleet import interrupted
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import restoring_rows
from gitfleet.fleet.views.restoring_rows import InterruptedRow, RestoredJobRow
from gitfleet.jobs import restoring
from gitfleet.jobs.durations import milliseconds
from gitfleet.sessions.interrupted import InterruptedSession

OnlyShow = Annotated[bool, Option("--dry-run", help="Only show it; change nothing.")]
Within = Annotated[
    str, Option("--within", metavar="TIME", help="Jobs that were interrupted in the last 7d, 12h, …")
]


def restore(dry_run: OnlyShow = False, within: Within = "7d", config: Config = "", state_dir: StateDir = "") -> Reply:  # fmt: skip
    """Bring back what a reboot, or the shutdown before it, has ended.

    Jobs are queued again, to go on in their worktrees and their agents' own conversations, under the same limits as all others.
    Sessions that you have started yourself are listed, each with the command that goes on with it.
    """
    try:
        limit = milliseconds(within)
    except ValueError as error:
        raise UsageError(f"--within: {error}.", hint="Such as 12h or 7d.") from error
    store = store_at(state_dir)
    jobs = restoring.restore(store, lambda: loaded(config), os.environ, within=limit, dry_run=dry_run)
    with Fleet.open() as fleet:
        found = interrupted.sessions(fleet, restoring.sessions(store))
    told = restoring_rows.answer(jobs, [(one, _resume(one)) for one in found])
    lines = [*_jobs(told["jobs"], dry_run=dry_run), *_sessions(told["sessions"])]
    return Reply(told, lines or ["nothing was interrupted"])


def _resume(one: InterruptedSession) -> list[str]:
    """Its agent, as the same session and in its worktree."""
    if not one.resumes:
        return []
    return ["gitfleet", "session", "start", "--id", one.session, "--here", "--", *one.resumes]


def _jobs(rows: list[RestoredJobRow], *, dry_run: bool) -> Iterator[str]:
    for row in rows:
        what = row["error"] or (f"would be queued again, is {row['status']}" if dry_run else row["status"])
        goes_on = f", goes on with conversation {row['conversation']}" if row["conversation"] else ""
        yield f"{row['job']}: {what}, agent {row['agent_name']}{goes_on}"


def _sessions(rows: list[InterruptedRow]) -> Iterator[str]:
    for row in rows:
        yield f"session {row['session']} of {row['agent'] or 'nobody in particular'} was interrupted: {row['title'] or row['command']}"
        if row["resume"]:
            yield f"  cd {shlex.quote(row['worktree'])} && {shlex.join(row['resume'])}"
        else:
            yield f"  it worked in {row['worktree']}"
