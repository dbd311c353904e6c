"""Cancelling a job, from any process, whether a daemon runs or not."""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.base import clock
from gitfleet.codec import replace
from gitfleet.jobs.attempts import conclusion, verifying
from gitfleet.jobs.errors import InvalidStateError
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.words import AttemptOutcome, JobStatus


def ask(store: JobStore, job_id: str) -> JobRecord:
    """Have the job cancelled: one that waits is so at once, one that runs is told to stop. Returns at once,
    unless its work is being verified: that is ended.

    Raises JobNotFoundError, and InvalidStateError for one that has ended.
    """
    before = store.get(job_id)
    if before.ended:
        raise InvalidStateError(
            f"{job_id} has ended already: {before.status}.", hint="There is nothing to cancel.",
            current_state=str(before.status), expected_state="queued or running", operation="cancel_job",
        )  # fmt: skip
    job = store.update(job_id, _cancelled)
    if job.attempts and not job.ended:
        folder = store.attempt_folder(job_id, len(job.attempts))
        if not control.stop(folder):
            verifying.end(folder)
    return job


def cancel(store: JobStore, job_id: str, environ: Mapping[str, str]) -> JobRecord:
    """The same, waited for: the job, once nothing of it runs."""
    job = ask(store, job_id)
    if job.ended:
        return job
    shepherd = control.Shepherd(store.attempt_folder(job_id, len(job.attempts)))
    try:
        shepherd.wait()
    finally:
        shepherd.close()
    return conclusion.conclude(store, job_id, environ)


def _cancelled(job: JobRecord) -> JobRecord:
    if job.status is JobStatus.RUNNING:
        return replace(job, cancelled=True)
    now = clock.milliseconds()
    return replace(
        job, cancelled=True, status=JobStatus.CANCELLED, outcome=AttemptOutcome.CANCELLED, completed_at=now
    )
