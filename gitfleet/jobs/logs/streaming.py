"""What a FleetManager lets one read as it comes: its log, what agents write. As async iterables, or with a function for each piece."""

from __future__ import annotations

import asyncio
import inspect
import logging
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import TypeVar, overload

from gitfleet.jobs import outputs
from gitfleet.jobs.archives import everywhere
from gitfleet.jobs.as_documented import documented
from gitfleet.jobs.logs import entries, following
from gitfleet.jobs.logs.entries import LogEntry
from gitfleet.jobs.logs.following import LogFilter
from gitfleet.jobs.queries import FleetQueries
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.shared.offering import fleet_of

_T = TypeVar("_T")


class LogStreams(FleetQueries):
    """Each method gives an async iterable; with a function, a task that calls it with each piece, which one may await or cancel.

    A function that raises is logged, and gets the next piece all the same; one that is asynchronous is awaited before the next.
    """

    _log: logging.Logger
    _readers: set[asyncio.Task[None]]

    @overload
    def stream_logs(
        self, *, level: str = "info", since: int = 0, follow: bool = True
    ) -> AsyncIterator[LogEntry]: ...

    @overload
    def stream_logs(
        self,
        *,
        level: str = "info",
        since: int = 0,
        follow: bool = True,
        on_entry: Callable[[LogEntry], object],
    ) -> asyncio.Task[None]: ...

    def stream_logs(
        self,
        *,
        level: str = "info",
        since: int = 0,
        follow: bool = True,
        on_entry: Callable[[LogEntry], object] | None = None,
    ) -> AsyncIterator[LogEntry] | asyncio.Task[None]:
        """The log of the manager: what is kept of it from `since` on (ms since 1970), then each entry as it comes.

        Ends when this manager is stopped; of one that does not run, it goes on with whoever runs the jobs, until nobody reads any
        more; without `follow`, with what is there now. Raises ArgumentError for a level that there is not.
        """
        entries.rank(level)
        return self._given(
            following.follow(self.store, LogFilter(level, since), over=self._over if follow else _at_once),
            on_entry,
        )

    @overload
    def stream_agent_logs(
        self, agent_name: str, *, level: str = "info", since: int = 0, follow: bool = True
    ) -> AsyncIterator[LogEntry]: ...

    @overload
    def stream_agent_logs(
        self,
        agent_name: str,
        on_entry: Callable[[LogEntry], object],
        *,
        level: str = "info",
        since: int = 0,
        follow: bool = True,
    ) -> asyncio.Task[None]: ...

    def stream_agent_logs(
        self,
        agent_name: str,
        on_entry: Callable[[LogEntry], object] | None = None,
        *,
        level: str = "info",
        since: int = 0,
        follow: bool = True,
    ) -> AsyncIterator[LogEntry] | asyncio.Task[None]:
        """The same for one agent, with what its jobs write: those that have ended, too. Raises AgentNotFoundError, ArgumentError."""
        entries.rank(level)
        self.get_agent(agent_name)
        wanted = LogFilter(level, since, agent_name)
        return self._given(
            following.follow(self.store, wanted, over=self._over if follow else _at_once), on_entry
        )

    @overload
    def stream_job_output(self, job_id: str) -> AsyncIterator[str]: ...

    @overload
    def stream_job_output(self, job_id: str, on_chunk: Callable[[str], object]) -> asyncio.Task[None]: ...

    def stream_job_output(
        self, job_id: str, on_chunk: Callable[[str], object] | None = None
    ) -> AsyncIterator[str] | asyncio.Task[None]:
        """What the job's agent writes, from the beginning until the job ends; of one that has ended, all of it. Raises JobNotFoundError.

        That of a job that ended on another node comes from the hub, whose errors it raises.
        """
        if not self.store.has(job_ids.check(job_id)):
            return self._given(self._elsewhere(job_id), on_chunk)
        self.store.get(job_id)
        return self._given(outputs.follow(self.store, job_id), on_chunk)

    def _elsewhere(self, job_id: str) -> AsyncIterator[str]:
        with fleet_of(self._near) as clone:
            everywhere.get(self.store, clone, job_id)
        return self._replayed(job_id)

    async def _replayed(self, job_id: str) -> AsyncIterator[str]:
        with documented():
            pieces = await asyncio.to_thread(self._written, job_id)
        for piece in pieces:
            yield piece

    def _written(self, job_id: str) -> list[str]:
        with fleet_of(self._near) as clone:
            found = everywhere.replay(self.store, clone, job_id)
        return [said for _, line in found.lines if (said := outputs.text(line))]

    @abstractmethod
    def _over(self) -> bool:
        """Whether nothing more is to be told."""

    def _given(
        self, pieces: AsyncIterator[_T], to: Callable[[_T], object] | None
    ) -> AsyncIterator[_T] | asyncio.Task[None]:
        if to is None:
            return pieces
        task = asyncio.get_running_loop().create_task(self._each(pieces, to))
        self._readers.add(task)  # whoever asked for it may not keep it
        task.add_done_callback(self._readers.discard)
        return task

    async def _each(self, pieces: AsyncIterator[_T], to: Callable[[_T], object]) -> None:
        async for piece in pieces:
            try:
                answer = to(piece)
                if inspect.isawaitable(answer):
                    await answer
            except Exception:  # noqa: BLE001 - whatever it does is its own affair
                self._log.exception("a reader of a stream failed")


def _at_once() -> bool:
    return True
