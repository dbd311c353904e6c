"""Jobs of the fleet's ledger as the jobs of this clone are shown, and both together. Pure, but for reading the store."""

from __future__ import annotations

from collections.abc import Iterable

from gitfleet.codec import replace
from gitfleet.dispatch import model
from gitfleet.dispatch.model import JobEnd, SharedJob
from gitfleet.errors import FleetError
from gitfleet.jobs.errors import JobNotFoundError
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.words import AttemptOutcome, JobStatus
from gitfleet.ledger.model import View


def record_of(job: SharedJob, prompt: str = "") -> JobRecord:
    """The job as one of this clone. What became of it elsewhere is told by an attempt without a number."""
    end, lease = job.end, job.lease
    status = JobStatus(end.status) if end else JobStatus.RUNNING if lease else JobStatus.QUEUED
    return JobRecord(
        id=job.id,
        agent_name=job.agent,
        status=status,
        prompt=prompt,
        schedule_name=job.schedule,
        priority=job.priority,
        created_at=job.made,
        started_at=lease.at * 1000 if lease else 0,
        completed_at=end.at * 1000 if end else 0,
        outcome=_outcome(end),
        error=end.error if end else "",
        cancelled=job.stop,
        attempts=(_attempt(end),) if end and end.node else (),
        fence=lease.fence if lease else end.fence if end else 0,
        node=lease.node if lease else end.node if end else "",
        offered=lease is None and end is None,
    )


def find(
    store: JobStore, view: View | None, wanted: JobFilter, *, open_first: bool = False
) -> list[JobRecord]:
    """The jobs that are asked for, newest first: those of this clone, and those of the fleet as the ledger was last seen here.

    With `open_first` those that have not ended come before all others, so that no limit cuts them off.
    """
    known = {job.id: job for job in store.find(wanted)}
    if open_first:
        known |= {job.id: job for job in store.open_jobs() if wanted.admits(job)}
    for shared in [*model.ended_jobs(view), *model.open_jobs(view)] if view is not None else ():
        if job_ids.is_id(shared.id):
            record = _merged(_local(store, shared.id), shared, "")
            known.pop(shared.id, None)
            if wanted.admits(record):
                known[shared.id] = record
    found = sorted(known.values(), key=lambda job: job.id, reverse=True)
    if open_first:
        found.sort(key=lambda job: job.ended)
    return found[: wanted.limit] if wanted.limit else found


def get(store: JobStore, view: View | None, job_id: str) -> JobRecord:
    """One job, of this clone or of the fleet. Raises JobNotFoundError."""
    here = _local(store, job_ids.check(job_id))
    shared = _known(view, job_id)
    if shared is not None and view is not None:
        return _merged(here, shared, model.prompt(view, job_id))
    return here or store.get(job_id)


def _merged(here: JobRecord | None, shared: SharedJob, prompt: str) -> JobRecord:
    """What is known here, as long as that is the newest there is of the job."""
    there = record_of(shared, prompt)
    if here is None or not here.fence:
        return here or there
    return (
        here if 0 < there.fence <= here.fence else replace(there, prompt=here.prompt, attempts=here.attempts)
    )


def _local(store: JobStore, job_id: str) -> JobRecord | None:
    try:
        return store.get(job_id)
    except JobNotFoundError:
        return None


def _known(view: View | None, job_id: str) -> SharedJob | None:
    if view is None:
        return None
    try:
        return model.find(view, job_id)
    except FleetError:  # a record that cannot be read
        return None


def _outcome(end: JobEnd | None) -> AttemptOutcome | None:
    word = end.outcome if end else ""
    return AttemptOutcome(word) if word in set(AttemptOutcome) else None


def _attempt(end: JobEnd) -> AttemptRecord:
    """Its last attempt, as far as the fleet has heard."""
    return AttemptRecord(
        0, "", branch=end.branch, commit=end.commit, ended_at=end.at * 1000, outcome=_outcome(end), error=end.error
    )  # fmt: skip


def queued(jobs: Iterable[SharedJob]) -> list[JobRecord]:
    """These jobs as ones that wait to be begun here."""
    return [
        replace(record_of(job), status=JobStatus.QUEUED, started_at=0, node="", fence=0, offered=False)
        for job in jobs
    ]
