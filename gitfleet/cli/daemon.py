"""`start`, `stop`, `restart`, `reload`: the manager of this clone's jobs in the background."""

from __future__ import annotations

import os
from contextlib import nullcontext
from functools import partial
from typing import Annotated

from gitfleet.base import advice, clock, files
from gitfleet.base.text import counted, duration
from gitfleet.cli import render
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.cli.jobs import Config, StateDir, config_path, loaded, store_at
from gitfleet.errors import UsageError
from gitfleet.fleet.views import daemon_rows
from gitfleet.jobs import durations, fleet_membership
from gitfleet.jobs.daemon import background, presence, requests
from gitfleet.jobs.daemon.presence import RunningManager
from gitfleet.jobs.daemon.requests import ManagerRequest
from gitfleet.jobs.errors import FleetManagerError
from gitfleet.jobs.records.store import JobStore

ForJobs = Annotated[
    bool, Option("--wait/--no-wait", help="Whether to wait for the jobs that run; else they are cancelled.")
]
Timeout = Annotated[
    str,
    Option("--timeout", metavar="TIME", help="How long to wait for jobs before they are cancelled: 30s, 10m, never."),
]  # fmt: skip
Leave = Annotated[
    bool, Option("--leave-running", help="End only the manager: jobs go on, and the next one takes them up.")
]
NEVER = "never"
_STEP = 600.0
"""Seconds for a step that is not cut in two: the setup of an attempt, a command that verifies it."""
_MARGIN = 60.0
"""Seconds for what a manager does beside waiting for jobs: to cancel them, and to end."""


def start(config: Config = "", state_dir: StateDir = "") -> Reply:
    """Run the jobs of this clone in the background, until `gitfleet stop`. Comes back when it does; twice is harmless.

    Killed, it harms no job: those that run go on, and the next start takes them up.
    """
    store = store_at(state_dir)
    if there := presence.met(store.folder):
        return _running(store, there, started=False, words="runs already")
    fleet_membership.demand_any(loaded(config))  # what is wrong is told here, as by every other command
    found, ours = background.start(store, config_path(config), os.environ)
    return _running(store, found, started=ours, words="runs now" if ours else "runs already")


def stop(
    wait: ForJobs = True, timeout: Timeout = "30s", leave_running: Leave = False, state_dir: StateDir = ""
) -> Reply:
    """Stop running jobs here: nothing more is started, and those that run are waited for; after the time they are cancelled.

    For `start` and `run`, from anywhere. Their work stays on its branches, what waits stays queued. Twice is harmless.
    """
    store, limit = store_at(state_dir), _limit(timeout)
    there = presence.met(store.folder)
    if there is None:
        return Reply(daemon_rows.stopped(None), ["nobody runs jobs here"])
    _stop(store, there, ManagerRequest(there.instance, requests.STOP, wait, limit, leave_running))
    return Reply(daemon_rows.stopped(there), [f"stopped {there.words}"])


def restart(config: Config = "", state_dir: StateDir = "") -> Reply:
    """Stop and start it again, in the background. Jobs that run go on meanwhile, and the new one takes them up."""
    store = store_at(state_dir)
    there = presence.met(store.folder)
    path = config_path(config) if config or there is None or not there.config_path else there.config_path
    fleet_membership.demand_any(loaded(path))
    if there is not None:
        _stop(store, there, ManagerRequest(there.instance, requests.STOP, leave=True))
    happened = "The former manager has ended; jobs that run go on."
    with files.after(happened) if there else nullcontext():
        found, ours = background.start(store, path, os.environ)
    return _running(store, found, started=ours, words="runs anew" if there else "runs now")


def reload(state_dir: StateDir = "") -> Reply:
    """Read the agent files again. Jobs that run keep what they began with; files that cannot be used change nothing."""
    store = store_at(state_dir)
    there = presence.met(store.folder)
    if there is None:
        words = f"The next start reads the agent files in any case: {advice.JOBS_START}."
        raise FleetManagerError("Nobody runs jobs here.", hint=words)
    said = requests.ask(store.folder, there, ManagerRequest(there.instance, requests.RELOAD))
    return Reply({"changes": list(said)}, said or ["nothing has changed"])


def _stop(store: JobStore, there: RunningManager, request: ManagerRequest) -> None:
    """Raises FleetManagerError where it does not stop in its time."""
    try:
        if request.leave:
            render.progress("stopping: steps of jobs that are under way are ended first")
        gone = background.stop(
            store,
            there,
            request,
            patience=_patience(request),
            on_progress=partial(_progress, waits=request.wait),
        )
    finally:
        render.progress("")
    if not gone:
        raise FleetManagerError(
            f"The manager ({there.words}) was asked to stop, and has not yet.",
            hint="Ask again; or end that process: jobs that run go on, and the next start takes them up.",
        )


def _patience(request: ManagerRequest) -> float | None:
    """Seconds that a manager may take to stop as it is asked to; None: for ever."""
    if request.leave:
        return _STEP
    if request.wait:
        return None if request.timeout is None else _MARGIN + request.timeout / 1000
    return _MARGIN


def _progress(left: int, *, waits: bool) -> None:
    words = f"{'waiting for' if waits else 'cancelling'} {counted(left, 'job')}" if left else "stopping"
    if render.on_terminal():
        render.progress(words)
    else:
        render.note(words)


def _limit(text: str) -> int | None:
    if text == NEVER:
        return None
    try:
        return durations.milliseconds(text if not text.isdecimal() else f"{text}s", least=0)
    except ValueError as error:
        raise UsageError(f"--timeout: {error}.", hint="Write it as 30s, 10m, 1h, or never.") from error


def _running(store: JobStore, there: RunningManager, *, started: bool, words: str) -> Reply:
    since = f", since {duration((clock.milliseconds() - there.since) / 1000)}" if not started else ""
    return Reply(daemon_rows.running(store, there, started=started), [f"{words}, as {there.words}{since}"])
