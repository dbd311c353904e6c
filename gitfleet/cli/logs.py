"""`logs`, `job logs`, `history`: what the manager tells of its work, and what agents write; until now, or as it comes."""

from __future__ import annotations

import asyncio
import os
import stat
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, TypeVar

from gitfleet.base import clock
from gitfleet.cli import job_text
from gitfleet.cli.answer import Reply, Telling
from gitfleet.cli.declaring import Option
from gitfleet.cli.jobs import JobId, StateDir, store_at
from gitfleet.fleet.views import job_rows, log_entry_rows
from gitfleet.jobs import outputs
from gitfleet.jobs.archives import everywhere
from gitfleet.jobs.logs import entries, following
from gitfleet.jobs.logs.entries import LEVELS, LogEntry
from gitfleet.jobs.logs.following import LogFilter
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.shared.offering import fleet_of
from gitfleet.jobs.streams import cursors
from gitfleet.jobs.streams.lines import StreamLine

_T = TypeVar("_T")
From = Annotated[
    str,
    Option(
        "--from", metavar="SEQ", help="From this line on: its number, or ATTEMPT.SEQ, as `history` shows it."
    ),
]
Follow = Annotated[bool, Option("--follow", "-f", help="Go on as more comes.")]
Level = Annotated[
    str,
    Option(
        "--level", metavar="LEVEL", help="This one and above: debug, info, warning, error.", values=LEVELS
    ),
]
OfAgent = Annotated[
    str,
    Option(
        "--agent", metavar="NAME", help="Of this agent alone, with what its jobs write.", complete="agents"
    ),
]
Tail = Annotated[
    int, Option("--tail", "-n", min=0, metavar="N", help="The last N entries of before; 0 is all.")
]
LastLines = Annotated[
    int, Option("--tail", "-n", min=0, metavar="N", help="Only the last N lines of before; 0 is all.")
]


def logs(
    follow: Follow = False,
    level: Level = "info",
    agent: OfAgent = "",
    tail: Tail = 100,
    state_dir: StateDir = "",
) -> Reply | Telling:
    """Show what became of jobs here, as the process that ran them wrote it. Works whether or not one runs now."""
    entries.rank(level)
    store, wanted = store_at(state_dir), LogFilter(level, agent_name=agent)
    if follow:
        return Telling(map(_reply, pulled(following.follow(store, wanted, tail=tail))))
    found = deque(following.kept(store, wanted), tail or None)
    return Reply(log_entry_rows.entries(found), map(_line, found) if found else ["nothing was logged yet"])


def job_logs(
    job: JobId, follow: Follow = False, start: From = "", tail: LastLines = 0, state_dir: StateDir = ""
) -> Reply | Telling:
    """Show what the agent of a job has written until now; with -f, until the job ends. One of another node comes from the hub."""
    store, place = store_at(state_dir), cursors.parse(start)
    if follow and store.has(job_ids.check(job)):
        place = outputs.newest(store, job, tail, place) if tail else place
        pieces = pulled(outputs.follow(store, job, place))
        return Telling(Reply({"job": job, "output": one}, one.splitlines()) for one in pieces)
    with fleet_of(".") as clone:
        found = everywhere.replay(store, clone, job, place)
    output = "".join(deque(filter(None, (outputs.text(line) for _, line in found.lines)), tail or None))
    return Reply({"job": job, "output": output}, output.splitlines(), warnings=found.warnings)


def history(
    job: JobId, follow: Follow = False, start: From = "", state_dir: StateDir = ""
) -> Reply | Telling:
    """Replay a job: each line of its agent with its number, its source and what it means. One of another node comes from the hub.

    With -f, go on until the job ends.
    """
    store, place = store_at(state_dir), cursors.parse(start)
    if follow and store.has(job_ids.check(job)):
        coming = pulled(outputs.follow_lines(store, job, place))
        return Telling(_replayed(store.get(job), [row]) for row in coming)
    with fleet_of(".") as clone:
        found = everywhere.replay(store, clone, job, place)
    rows = list(found.lines)
    return Reply(
        lambda: job_rows.history(found.job, rows),
        [*job_text.shown(found.job), *map(_told, rows)],
        warnings=found.warnings,
    )


def _replayed(job: JobRecord, rows: list[tuple[int, StreamLine]]) -> Reply:
    return Reply(lambda: job_rows.history(job, rows), map(_told, rows))


def _told(row: tuple[int, StreamLine]) -> str:
    number, line = row
    return f"{number}.{line.seq:<5} {line.source:<6} {line.type:<11} {line.text}"


def pulled(pieces: AsyncIterator[_T]) -> Iterator[_T]:
    """The same for those who have no event loop. Raises BrokenPipeError when nobody reads our output any more."""
    with asyncio.Runner() as runner:
        while (found := runner.run(_next(pieces))) is not None:
            yield found


async def _next(pieces: AsyncIterator[_T]) -> _T | None:
    loop = asyncio.get_running_loop()
    unread = loop.create_future()
    piece = loop.create_task(_piece(pieces))
    if piped := stat.S_ISFIFO(
        os.fstat(1).st_mode
    ):  # of our end, the system tells only that there is no other
        loop.add_reader(1, unread.cancel)
    try:
        await asyncio.wait([piece, unread], return_when=asyncio.FIRST_COMPLETED)
    finally:
        if piped:
            loop.remove_reader(1)
    if unread.cancelled():
        raise BrokenPipeError
    return await piece


async def _piece(pieces: AsyncIterator[_T]) -> _T | None:
    return await anext(pieces, None)


def _reply(entry: LogEntry) -> Reply:
    return Reply(log_entry_rows.entries([entry]), [_line(entry)])


def _line(entry: LogEntry) -> str:
    about = entry.job_id if entry.source in {"stdout", "stderr", "json"} else entry.source
    return f"{clock.iso(entry.time // 1000)} {entry.level:<7} {about}: {entry.message}"
