"""`logs`, `job logs`: what the manager tells of its work, and what agents write; until now, or as it comes."""

from __future__ import annotations

import asyncio
import os
import stat
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, TypeVar

from gitfleet.base import clock
from gitfleet.cli.answer import Reply, Telling
from gitfleet.cli.declaring import Option
from gitfleet.cli.jobs import JobId, StateDir, store_at
from gitfleet.errors import UsageError
from gitfleet.fleet.views import log_entry_rows
from gitfleet.jobs import outputs
from gitfleet.jobs.logs import entries, following
from gitfleet.jobs.logs.entries import LogEntry
from gitfleet.jobs.logs.following import LogFilter

_T = TypeVar("_T")
Follow = Annotated[bool, Option("--follow", "-f", help="Go on as more comes.")]
Level = Annotated[
    str, Option("--level", metavar="LEVEL", help="This one and above: debug, info, warning, error.")
]
OfAgent = Annotated[
    str, Option("--agent", metavar="NAME", help="Of this agent alone, with what its jobs write.")
]
Tail = Annotated[
    int, Option("--tail", "-n", min=0, metavar="N", help="The last N entries of before; 0 is all.")
]


def logs(
    follow: Follow = False,
    level: Level = "info",
    agent: OfAgent = "",
    tail: Tail = 100,
    state_dir: StateDir = "",
) -> Reply | Telling:
    """Show what became of jobs here, as whoever ran them told it. Works whether somebody runs them now or not."""
    try:
        entries.rank(level)
    except ValueError as error:
        raise UsageError(f"{error}.") from error
    store, wanted = store_at(state_dir), LogFilter(level, agent_name=agent)
    if follow:
        return Telling(map(_reply, pulled(following.follow(store, wanted, tail=tail))))
    found = deque(following.kept(store, wanted), tail or None)
    return Reply(log_entry_rows.entries(found), map(_line, found) if found else ["nothing was logged yet"])


def job_logs(job: JobId, follow: Follow = False, state_dir: StateDir = "") -> Reply | Telling:
    """Show what the agent of a job has written until now; with -f, until the job ends."""
    store = store_at(state_dir)
    store.get(job)
    if not follow:
        output = outputs.whole(store, job)
        return Reply({"job": job, "output": output}, output.splitlines())
    pieces = pulled(outputs.follow(store, job))
    return Telling(Reply({"job": job, "output": one}, one.splitlines()) for one in pieces)


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
