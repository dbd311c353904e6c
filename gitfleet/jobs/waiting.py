"""Why a job that is queued does not start, in words."""

from __future__ import annotations

from gitfleet.base import clock
from gitfleet.jobs.records.job_record import JobRecord


def again_at(job: JobRecord) -> str:
    """That it waits until some moment before it is tried again; "" when that has come."""
    if job.not_before <= clock.milliseconds():
        return ""
    before = job.attempts[-1] if job.attempts else None
    how = f" ended with {before.outcome}" if before else ""
    return f"attempt {len(job.attempts)}{how}; the next one is due at {clock.iso(-(-job.not_before // 1000))}"
