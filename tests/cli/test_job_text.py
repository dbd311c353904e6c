"""What is said of jobs for people."""

from __future__ import annotations

from gitfleet.cli import job_text
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.words import AttemptOutcome, JobStatus


def test_reason_of_several_lines_is_shown_line_by_line() -> None:
    job = JobRecord(job_ids.new(), "tidy", JobStatus.FAILED, error="verify ended with 1: one\ntwo")
    assert list(job_text.shown(job))[-2:] == ["why: verify ended with 1: one", "  two"]


def test_each_attempt_is_shown_with_its_end() -> None:
    why = "its shepherd\nwas killed"
    lost = AttemptRecord(1, "s-1", branch="b", ended_at=9000, outcome=AttemptOutcome.INTERRUPTED, error=why)
    good = AttemptRecord(
        2, "s-2", branch="b", started_at=1000, ended_at=66_000, outcome=AttemptOutcome.SUCCESS
    )
    job = JobRecord(job_ids.new(), "tidy", JobStatus.COMPLETED, attempts=(lost, good))
    assert list(job_text.shown(job))[-4:] == [
        "attempt 1: session s-1, branch b",
        "  interrupted: its shepherd",
        "attempt 2: session s-2, branch b",
        "  success after 1m",
    ]
