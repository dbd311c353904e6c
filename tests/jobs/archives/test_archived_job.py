"""Records that nodes tell of jobs: short, and checked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gitfleet.codec import replace
from gitfleet.errors import Corrupt
from gitfleet.jobs.archives import archived_job
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.words import AttemptOutcome, JobStatus

ID = "job-01m8nxz4xw4fznx90h9h666y5s"
ATTEMPT = AttemptRecord(1, "tidy-1", outcome=AttemptOutcome.SUCCESS, cost=0.25, text="done \udc80")
JOB = JobRecord(
    ID, "tidy", JobStatus.COMPLETED, prompt="Tidy up", attempts=(ATTEMPT,), outcome=AttemptOutcome.SUCCESS
)


def test_record_is_read_as_it_was_told_with_its_node() -> None:
    data = archived_job.dump(JOB, "1" * 40, "ada-1")
    assert data == archived_job.dump(JOB, "1" * 40, "ada-1")
    found = archived_job.load(data, ID, "ada-1")
    assert found.job == replace(JOB, node="ada-1")
    assert (found.streams, found.node) == ("1" * 40, "ada-1")


def test_record_of_a_job_with_much_to_tell_is_short() -> None:
    long = replace(ATTEMPT, text="ü" * 60_000, error="x" * 60_000, notes=("n" * 60_000,) * 20)
    job = replace(JOB, prompt="ü" * 1_000_000, error="e" * 60_000, attempts=(long,) * 200)
    data = archived_job.dump(job, "", "ada-1")
    assert len(data) <= archived_job.MOST
    assert archived_job.load(data, ID, "ada-1").job.attempts


def changed(**values: Any) -> bytes:
    raw = json.loads(archived_job.dump(JOB, "", "ada-1"))
    return json.dumps(raw | values | {"job": raw["job"] | values.get("job", {})}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b'{"v": 1}',
        changed(kind="job"),
        changed(v=2),
        changed(node="bob-1"),
        changed(streams="--upload-pack=x"),
        changed(job={"id": "job-01m8nxz4xw4fznx90h9h666y5t"}),
        changed(job={"status": "running"}),
        changed(job={"status": "odd"}),
        changed(job={"attempts": [ATTEMPT.encode() | {"cost": {"x": 1}}]}),
        changed(job={"prompt": "x" * archived_job.MOST}),
    ],
)
def test_record_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(Corrupt):
        archived_job.load(data, ID, "ada-1")
