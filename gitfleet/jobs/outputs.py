"""What the agents of a job wrote, as text: of all its attempts, one after the other. Not made safe for a terminal."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control, records
from gitfleet.jobs.streams import reader
from gitfleet.jobs.streams.lines import StreamLine
from gitfleet.jobs.words import LineSource

_LOOK = 0.25


def text(line: StreamLine) -> str:
    """A line as its agent wrote it; nothing for one of ours."""
    return "" if line.source == LineSource.SYSTEM else line.text + ("" if line.cut else "\n")


def stream(store: JobStore, job_id: str, number: int) -> str:
    """The stream of an attempt, which is there or yet to come."""
    return os.path.join(store.attempt_folder(job_id, number), records.STREAM)


def streams(store: JobStore, job_id: str) -> list[str]:
    """The stream of each attempt. Raises JobNotFoundError."""
    return [stream(store, job_id, one.number) for one in store.get(job_id).attempts]


def whole(store: JobStore, job_id: str) -> str:
    """All that is there now."""
    return "".join(text(line) for path in streams(store, job_id) for line in reader.read(path))


async def follow(store: JobStore, job_id: str) -> AsyncIterator[str]:
    """Each piece as it comes, until the job has ended."""
    done = 0
    while True:
        over = store.get(job_id).ended
        for path in streams(store, job_id)[done:]:
            done += 1
            folder = os.path.dirname(path)
            async for line in reader.follow_in_loop(path, ended=lambda: _written(store, job_id, folder)):  # noqa: B023
                if said := text(line):
                    yield said
        if over:
            return
        await asyncio.sleep(_LOOK)


def _written(store: JobStore, job_id: str, folder: str) -> bool:
    """Whether nobody writes to the attempt's stream any more."""
    begun = os.path.exists(os.path.join(folder, records.STATE)) or store.get(job_id).ended
    return begun and not control.alive(folder)
