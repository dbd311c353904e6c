"""What an attempt is to do, written down before anything of it begins: the agent as its file said then.

So whoever goes on after a crash goes by what held at its start, whatever the files say now.
"""

from __future__ import annotations

import os

from gitfleet import codec
from gitfleet.base import clock, files, ids
from gitfleet.codec import replace
from gitfleet.jobs.definitions.schema import Agent, FleetSettings
from gitfleet.jobs.errors import FleetManagerError
from gitfleet.jobs.money import budgets
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus

NAME = "agent.json"
_NO_FLEET_FILE = FleetSettings()


def take(store: JobStore, job_id: str, agent: Agent, fleet: FleetSettings = _NO_FLEET_FILE) -> JobRecord:
    """Have the job run: it gets its next attempt, of which nothing has begun. One that somebody has cancelled or taken stays as it is."""
    before = store.get(job_id)
    number = len(before.attempts) + 1
    folder = store.attempt_folder(job_id, number)
    files.replace(os.path.join(folder, NAME), agent.model_dump_json().encode(), mode=0o600)
    budgets.write_down(store, folder, before, number, agent, fleet)

    def taken(job: JobRecord) -> JobRecord:
        if job.status is not JobStatus.QUEUED or job.cancelled:
            return job
        attempt = AttemptRecord(number, ids.named(agent.name[:40].rstrip("._-")))
        now = clock.milliseconds()
        return replace(
            job, status=JobStatus.RUNNING, started_at=job.started_at or now, attempts=(*job.attempts, attempt),
            not_before=0,
        )  # fmt: skip

    return store.update(job_id, taken)


def agent_of(folder: str) -> Agent:
    """The agent of the attempt in `folder`. Raises FleetManagerError where that cannot be read."""
    try:
        return Agent.model_validate_json(files.read(os.path.join(folder, NAME)) or b"")
    except ValueError as error:
        raise FleetManagerError(f"What the attempt in {folder} was to do cannot be read.") from error


def change(store: JobStore, job_id: str, **facts: object) -> JobRecord:
    """The job with other facts about its last attempt."""

    def changed(job: JobRecord) -> JobRecord:
        last = job.attempts[-1]
        return replace(job, attempts=(*job.attempts[:-1], codec.changed(last, facts)))

    return store.update(job_id, changed)
