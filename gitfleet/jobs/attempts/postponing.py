"""Attempts that could not begin for a reason that passes, such as a hub that takes nothing now: their jobs wait, and are tried again.

That it was so is noted in the attempt's folder before anything of it is ended; a crash in between changes nothing.
"""

from __future__ import annotations

import os

from gitfleet.base import clock, files
from gitfleet.codec import replace
from gitfleet.errors import HubError, LockHeld, Unverifiable
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.words import EndCause, JobStatus

PASSING = (HubError, LockHeld, Unverifiable)
"""What may be over by itself, or be mended by people without a change of the job."""
FIRST, LONGEST = 5_000, 600_000
"""Milliseconds until the next try: the first time, and at most; doubled in between."""
_OFTEN = 4
_NAME = "postponed"
_MOST = 1 << 14


def note(folder: str, why: str) -> None:
    """Note of the attempt in `folder` that it did not begin. Raises LocalStorage."""
    files.replace(os.path.join(folder, _NAME), why[:_MOST].encode("utf-8", "replace"), mode=0o600)


def noted(folder: str) -> str:
    """Why the attempt in `folder` was postponed; "" where it was not."""
    return (files.read(os.path.join(folder, _NAME)) or b"").decode("utf-8", "replace")


def queued(job: JobRecord) -> JobRecord:
    """The job whose last attempt was postponed, as one that waits for the next. Pure but for the time."""
    base = min(FIRST << min(in_vain(job) - 1, 32), LONGEST)
    return replace(
        job, status=JobStatus.QUEUED, earlier=job.earlier + 1, not_before=clock.milliseconds() + base
    )


def in_vain(job: JobRecord) -> int:
    """How many attempts in a row could not begin until now. Pure."""
    count = 0
    for attempt in reversed(job.attempts):
        if attempt.why != EndCause.POSTPONED:
            break
        count += 1
    return count


def pressing(job: JobRecord) -> bool:
    """Whether its next attempt may soon begin: one that was postponed for a while is not waited for. Pure."""
    return in_vain(job) <= _OFTEN


def words(job: JobRecord) -> str:
    """Why its last attempt did not begin; "" where it did. Pure."""
    return next(iter(job.attempts[-1].error.splitlines()), "") if in_vain(job) else ""
