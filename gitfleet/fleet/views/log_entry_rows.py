"""The log of the manager of jobs as rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from gitfleet.fleet.views.rows import row_of
from gitfleet.jobs.logs.entries import LogEntry


class LogEntryRow(TypedDict):
    """One entry."""

    time: int
    """Milliseconds since 1970."""
    level: str
    """`debug`, `info`, `warning` or `error`."""
    source: str
    """`fleet`, `config`, `agent`, `schedule` or `job`; `stdout`, `stderr` or `json` for what an agent wrote."""
    message: str
    agent_name: str
    job_id: str
    event: str
    """The event that it tells of; empty for none."""
    seq: int
    """Rises by one from entry to entry of the log; 0 for what an agent wrote."""


class LogsAnswer(TypedDict):
    """`logs`, oldest first; with `-f` one such answer for each entry, each on a line."""

    entries: list[LogEntryRow]


def entries(found: Iterable[LogEntry]) -> LogsAnswer:
    """The entries of the log."""
    return {"entries": [row_of(LogEntryRow, entry) for entry in found]}
