"""What is said of jobs for people."""

from __future__ import annotations

from gitfleet.cli import job_text
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.words import JobStatus


def test_reason_of_several_lines_is_shown_line_by_line() -> None:
    job = JobRecord(job_ids.new(), "tidy", JobStatus.FAILED, error="verify ended with 1: one\ntwo")
    assert list(job_text.shown(job))[-2:] == ["why: verify ended with 1: one", "  two"]
