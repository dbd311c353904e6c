"""What the agents of a job wrote, as text: of all its attempts, one after the other. Not made safe for a terminal."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Iterator

from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control, records
from gitfleet.jobs.streams import reader
from gitfleet.jobs.streams.cursors import BEGINNING, StreamCursor
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


def lines(store: JobStore, job_id: str, start: StreamCursor = BEGINNING) -> Iterator[tuple[int, StreamLine]]:
    """Each line that is there now, behind the number of its attempt. Raises JobNotFoundError."""
    for number, path in enumerate(streams(store, job_id), 1):
        if number >= start.attempt:
            for line in reader.read(path, after=start.after(number)):
                yield number, line


def newest(store: JobStore, job_id: str, count: int, start: StreamCursor = BEGINNING) -> StreamCursor:
    """Where the last `count` lines of agents begin that are there now, and not before `start`. Raises JobNotFoundError."""
    paths = streams(store, job_id)
    for number in range(len(paths), start.attempt - 1, -1):
        read = reader.read(paths[number - 1], after=start.after(number))
        own = deque((line.seq for line in read if text(line)), count)
        if len(own) == count:
            return StreamCursor(number, own[0])
        count -= len(own)
    return start


def whole(store: JobStore, job_id: str) -> str:
    """All that is there now."""
    return "".join(text(line) for _, line in lines(store, job_id))


async def follow(store: JobStore, job_id: str, start: StreamCursor = BEGINNING) -> AsyncIterator[str]:
    """What agents write, each piece as it comes, until the job has ended."""
    async for _, line in follow_lines(store, job_id, start):
        if said := text(line):
            yield said


async def follow_lines(
    store: JobStore, job_id: str, start: StreamCursor = BEGINNING
) -> AsyncIterator[tuple[int, StreamLine]]:
    """Each line as it comes, behind the number of its attempt, until the job has ended."""
    done = start.attempt - 1
    while True:
        over = store.get(job_id).ended
        for path in streams(store, job_id)[done:]:
            done += 1
            folder, after = os.path.dirname(path), start.after(done)
            async for line in reader.follow_in_loop(
                path,
                after=after,
                ended=lambda: _written(store, job_id, folder),  # noqa: B023
            ):
                yield done, line
        if over:
            return
        await asyncio.sleep(_LOOK)


def _written(store: JobStore, job_id: str, folder: str) -> bool:
    """Whether nobody writes to the attempt's stream any more."""
    begun = os.path.exists(os.path.join(folder, records.STATE)) or store.get(job_id).ended
    return begun and not control.alive(folder)
