"""The `verify` command of an agent, run in the worktree of an attempt that counts as a success so far.

While it runs, a file in the attempt's folder says so: whoever cancels the job ends it then, and whoever goes on after a crash first
ends what the one before had started. Nothing of it runs on when its answer is there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from gitfleet.base import files, processes
from gitfleet.errors import FleetError, LocalStorage
from gitfleet.git.program import redact
from gitfleet.jobs.adapters.protocol import Task
from gitfleet.jobs.adapters.runtimes import for_runtime
from gitfleet.jobs.attempts import containers, environment
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.setup import records as setup_records
from gitfleet.jobs.shepherd import control

LOG = "verify.log"
UNDER_WAY = "verifying"
TIME = 3600.0
"""Seconds that it may take at most."""
_SHOWN = 2000


def verified(job: JobRecord, folder: str, agent: Agent, environ: Mapping[str, str]) -> str:
    """Run `verify` in the worktree; "", or what it found."""
    if not agent.verify:
        return ""
    attempt, task = job.attempts[-1], Task(job.prompt)
    env = environment.of_attempt(agent, job, attempt, for_runtime(agent.adapter), task, environ)
    env |= setup_records.units(folder)
    limit = agent.limits.wall / 1000 if agent.limits.wall else TIME
    try:
        argv, env = containers.outside(agent, attempt, agent.verify, env, environ)
        with _under_way(folder):
            done = processes.run(
                argv, cwd=attempt.worktree, env=env, timeout=min(limit, TIME), own_session=True, leaves=True
            )
    except (OSError, FleetError, processes.TimedOut) as error:
        control.clear_containers(folder)
        return f"verify: {error}"
    output = done.stdout + done.stderr
    with suppress(LocalStorage):  # its end is told below, too
        files.replace(os.path.join(folder, LOG), output, mode=0o600)
    if done.code == 0:
        return ""
    return f"verify ended with {done.code}: {redact(output.decode('utf-8', 'replace')).strip()[-_SHOWN:]}"


def end(folder: str) -> None:
    """End the `verify` that runs for the attempt in this folder, if one does: TERM, then KILL."""
    if os.path.lexists(os.path.join(folder, UNDER_WAY)):
        control.clear(folder)
        control.clear_containers(folder)


@contextmanager
def _under_way(folder: str) -> Iterator[None]:
    note = os.path.join(folder, UNDER_WAY)
    end(folder)  # of who was killed while it ran
    with suppress(LocalStorage):
        files.touch(note)
    try:
        yield
    finally:
        control.clear(folder)
        with suppress(LocalStorage):
            files.remove(note)
