"""The log, and what agents write, as they come: for whoever follows, in any process, whether a manager runs or not."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from gitfleet.jobs import outputs
from gitfleet.jobs.errors import JobNotFoundError
from gitfleet.jobs.logs import entries
from gitfleet.jobs.logs.entries import LogEntry
from gitfleet.jobs.logs.journal import JournalTail
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.streams.reader import Tail
from gitfleet.jobs.words import LineSource

_AT_ONCE = 256
"""Entries between two turns of the event loop."""


class LogFilter(NamedTuple):
    """Which entries are wanted: of this level and above, from this time on (ms), about this agent; with one, what its jobs wrote, too."""

    level: str = "info"
    since: int = 0
    agent_name: str = ""

    def admits(self, entry: LogEntry) -> bool:
        """Whether an entry is one of them."""
        return (
            entries.rank(entry.level) >= entries.rank(self.level)
            and entry.time >= self.since
            and (not self.agent_name or entry.agent_name == self.agent_name)
        )


def kept(store: JobStore, wanted: LogFilter) -> Iterator[LogEntry]:
    """The entries that are there now, oldest first."""
    with _Sources(store, wanted) as sources:
        yield from sources.history()


async def follow(
    store: JobStore, wanted: LogFilter, *, tail: int = 0, over: Callable[[], bool] = lambda: False
) -> AsyncIterator[LogEntry]:
    """The same (the last `tail` of them; 0: all), and then each as it comes, until `over` says so.

    Entries of one moment may come in any order.
    """
    with _Sources(store, wanted) as sources:
        before = sources.history()
        for number, entry in enumerate(deque(before, tail) if tail else before):
            yield entry
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        while True:
            last = over()  # asked first: what was written before the end is then read below
            fresh = sources.fresh()
            for entry in fresh:
                yield entry
            if last and not fresh:
                return
            await asyncio.sleep(sources.pause())


class _Sources:
    """All that is read: the log, and with an agent the streams of its jobs. Each is read on from where it stood.

    The files of streams are open only while they are read: there may be many.
    """

    def __init__(self, store: JobStore, wanted: LogFilter) -> None:
        self._store, self._wanted = store, wanted
        self._log = JournalTail(store.folder)
        self._streams: dict[str, tuple[JobRecord, Tail]] = {}
        self._others: set[str] = set()

    def history(self) -> Iterator[LogEntry]:
        """What is there now, by its time; a stream is begun only when what is before it was read."""
        if self._wanted.agent_name:
            for job in self._store.find(JobFilter(self._wanted.agent_name)):
                self._add(job)
        begun = [(job.created_at, self._wrote(job, tail)) for job, tail in self._streams.values()]
        sources = [(0, self._logged()), *sorted(begun, key=lambda one: one[0])]
        return filter(self._wanted.admits, _by_time(sources))

    def fresh(self) -> list[LogEntry]:
        """What has come since."""
        there = set(self._store.open_ids()) if self._wanted.agent_name else set()
        for job_id in there - self._others:
            with suppress(JobNotFoundError):  # it has yet to come, or went away just now
                self._add(self._store.get(job_id))
        self._others &= there
        found = list(self._logged())
        for path, (job, tail) in list(self._streams.items()):
            found += self._wrote(job, tail)
            if job.id not in there:  # asked first: all of it was there
                del self._streams[path]
        return sorted(filter(self._wanted.admits, found), key=lambda entry: entry.time)

    def pause(self) -> float:
        """Seconds until it is worth while to look again."""
        return min([self._log.pause(), *(tail.pause() for _, tail in self._streams.values())])

    def _add(self, job: JobRecord) -> None:
        if job.agent_name != self._wanted.agent_name:
            self._others.add(job.id)
            return
        for attempt in job.attempts:
            path = outputs.stream(self._store, job.id, attempt.number)
            self._streams.setdefault(path, (job, Tail(path)))

    def _logged(self) -> Iterator[LogEntry]:
        while found := self._log.more():
            yield from found

    def _wrote(self, job: JobRecord, tail: Tail) -> Iterator[LogEntry]:
        try:
            while lines := tail.more():
                for line in lines:
                    if line.source != LineSource.SYSTEM:
                        yield LogEntry(line.at, "info", line.source, line.text, job.agent_name, job.id)
        finally:
            tail.close()

    def __enter__(self) -> _Sources:
        return self

    def __exit__(self, *why: object) -> None:
        self._log.close()
        for _, tail in self._streams.values():
            tail.close()


def _by_time(sources: Iterable[tuple[int, Iterator[LogEntry]]]) -> Iterator[LogEntry]:
    """The entries of all, of which each begins at its time and is in order; a source is begun when its time has come."""
    waiting = deque(sources)
    begun: list[tuple[int, int, LogEntry, Iterator[LogEntry]]] = []
    number = 0
    while waiting or begun:
        if waiting and (not begun or waiting[0][0] <= begun[0][0]):
            source = waiting.popleft()[1]
        else:
            _, _, entry, source = heapq.heappop(begun)
            yield entry
        following = next(source, None)
        if following is not None:
            number += 1
            heapq.heappush(begun, (following.time, number, following, source))
