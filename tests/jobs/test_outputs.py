"""What agents of a job wrote, over all its attempts: all of it, the newest lines, and as it comes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gitfleet.jobs import outputs
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.streams.cursors import StreamCursor
from gitfleet.jobs.streams.writer import StreamWriter
from gitfleet.jobs.words import JobStatus


@pytest.mark.parametrize(
    ("tail", "start", "expected"),
    [
        (1, (1, 0), "e"),
        (2, (1, 0), "de"),
        (3, (1, 0), "cde"),
        (4, (1, 0), "bcde"),
        (9, (1, 0), "abcde"),
        (4, (1, 3), "bcde"),
        (9, (1, 3), "bcde"),
        (9, (3, 3), "de"),
        (1, (3, 3), "e"),
        (9, (4, 1), ""),
    ],
)
def test_newest_lines_are_those_of_agents_over_all_attempts(
    tmp_path: Path, tail: int, start: tuple[int, int], expected: str
) -> None:
    store = JobStore(str(tmp_path / "state"))
    attempts = tuple(AttemptRecord(number, f"tidy-{number}") for number in (1, 2, 3))
    job = store.create(JobRecord(job_ids.new(), "tidy", JobStatus.COMPLETED, attempts=attempts))
    for number, lines in ((1, "ab"), (2, ""), (3, "cde")):
        with StreamWriter(outputs.stream(store, job.id, number)) as writer:
            for line in lines:
                writer.write("system", b"of ours", at=number)
                writer.write("stdout", line.encode(), at=number)
            writer.write("system", b"of ours", at=number)

    async def followed() -> str:
        return "".join([piece async for piece in outputs.follow(store, job.id, place)])

    place = outputs.newest(store, job.id, tail, StreamCursor(*start))
    assert asyncio.run(followed()) == "".join(f"{line}\n" for line in expected)
