"""`restore`: after a reboot, what it has ended is brought back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Annotated

from gitfleet.base import identity, shellwords
from gitfleet.cli import relaunching
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Argument, Option
from gitfleet.cli.jobs import Config, StateDir, config_path, loaded, store_at
from gitfleet.errors import FleetError, UsageError
from gitfleet.fleet import interrupted
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import restoring_rows
from gitfleet.fleet.views.restoring_rows import InterruptedRow, RestoredJobRow, RestoreJobsAnswer
from gitfleet.jobs import restoring
from gitfleet.jobs.daemon import background, presence
from gitfleet.jobs.daemon.presence import RunningManager
from gitfleet.jobs.durations import milliseconds
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.restoring import RestoredJob
from gitfleet.sessions.interrupted import InterruptedSession

Which = Annotated[
    str | None, Argument(metavar="[SESSION]", help="The interrupted session to continue in this terminal.")
]
Everything = Annotated[
    bool, Option("--all", help="Open each interrupted session that can be continued in a window of tmux.")
]
RunJobs = Annotated[
    bool,
    Option("--run/--no-run", help="Whether jobs are run again, in the background, where nobody runs them."),
]
OnlyShow = Annotated[bool, Option("--dry-run", help="Only show it; change nothing.")]
Within = Annotated[
    str, Option("--within", metavar="TIME", help="Jobs that were interrupted in the last 7d, 12h, …")
]


def restore(
    session: Which = None,
    everything: Everything = False,
    run_jobs: RunJobs = True,
    dry_run: OnlyShow = False,
    within: Within = "7d",
    config: Config = "",
    state_dir: StateDir = "",
) -> Reply:
    """Bring back what a reboot, or the shutdown before it, has ended.

    Jobs are queued again, to go on in their worktrees and their agents' own conversations, under the same limits as all
    others, and are run in the background. Sessions that you have started yourself are listed; with SESSION, one is
    continued here: under its own id, in its worktree, in its agent's conversation. What a terminal showed, and what
    ran in it beside the agent, does not come back.
    """
    if session is not None:
        return _one(session, state_dir, alone=not (everything or dry_run))
    try:
        limit = milliseconds(within)
    except ValueError as error:
        raise UsageError(f"--within: {error}.", hint="Such as 12h or 7d.") from error
    store = store_at(state_dir)
    jobs = restoring.restore(store, lambda: loaded(config), os.environ, within=limit, dry_run=dry_run)
    manager, problem = _run_again(store, jobs, config) if run_jobs and not dry_run else (None, "")
    found = _interrupted(store)
    options = ["--state-dir", os.path.abspath(state_dir)] if state_dir else []
    windows = relaunching.in_windows(found, options, os.environ) if everything and not dry_run else []
    told = restoring_rows.answer(
        jobs, [(one, _resume(one)) for one in found], windows, manager.pid if manager else 0
    )
    lines = [
        *_jobs(told["jobs"], dry_run=dry_run),
        *_manager(store, told, manager),
        *_sessions(told["sessions"]),
    ]
    lines += (
        [f"opened in windows: {', '.join(windows)} ({relaunching.attach(os.environ)})"] if windows else []
    )
    return Reply(told, lines or ["nothing was interrupted"], warnings=[problem] if problem else [])


def _one(name: str, state_dir: str, *, alone: bool) -> Reply:
    if not alone:
        raise UsageError("A SESSION is gone on with by itself.", hint="Leave --all and --dry-run out.")
    return relaunching.here(_interrupted(store_at(state_dir)), name)


def _interrupted(store: JobStore) -> list[InterruptedSession]:
    with Fleet.open() as fleet:
        return interrupted.sessions(fleet, restoring.sessions(store))


def _run_again(
    store: JobStore, jobs: Sequence[RestoredJob], config: str
) -> tuple[RunningManager | None, str]:
    """The manager that was started for what waits; and why none could be. One that ran jobs when the machine ended is started anew."""
    former = presence.left(store.folder)
    lost = former is not None and former.process is not None and former.process.boot != identity.boot_id()
    if presence.met(store.folder) is not None or not (lost or any(not one.error for one in jobs)):
        return None, ""
    path = config or (former.config_path if former and lost else "")
    try:
        return background.start(store, config_path(path), os.environ).manager, ""
    except FleetError as error:
        return None, f"jobs are not run again: {error.message} {error.hint}".rstrip()


def _manager(store: JobStore, told: RestoreJobsAnswer, manager: RunningManager | None) -> Iterator[str]:
    if manager is not None:
        yield f"jobs are run in the background again, as {manager.words}"
    elif any(not row["error"] for row in told["jobs"]) and presence.present(store.folder) is None:
        yield "nobody runs jobs here now: `gitfleet start`, or `gitfleet run`"


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
            yield f"  gitfleet restore {row['session']}"
            yield f"  which is: cd {shellwords.word(row['worktree'])} && {shellwords.line(row['resume'])}"
        else:
            yield f"  it worked in {row['worktree']}"
