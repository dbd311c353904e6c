"""The manager's own log while it runs: each event but what agents write, and what its logger is told."""

from __future__ import annotations

import logging
from functools import partial

from gitfleet.base import clock
from gitfleet.codec import Struct
from gitfleet.jobs import events
from gitfleet.jobs.events import Listeners
from gitfleet.jobs.logs import entries
from gitfleet.jobs.logs.entries import LogEntry
from gitfleet.jobs.logs.journal import Journal, JournalHandler

_ELSEWHERE = frozenset(["job:output", "stopped"])
_ENDS = frozenset(["job:completed", "job:failed", "job:cancelled"])


class EventLog:
    """Opened and closed by the manager that holds the state directory. Raises LocalStorage, OSError when it cannot be written."""

    def __init__(self, state: str, listeners: Listeners, log: logging.Logger) -> None:
        self._journal, self._listeners, self._log = Journal(state), listeners, log
        self._since = clock.milliseconds()
        self._agents: dict[str, str] = {}
        self._handler = JournalHandler(self._journal)
        log.addHandler(self._handler)
        self._told = {name: partial(self._write, name) for name in events.NAMES if name not in _ELSEWHERE}
        for name, listener in self._told.items():
            listeners.add(name, listener)

    def warn(self, words: str) -> None:
        """Say something about the manager itself."""
        self._journal.write(LogEntry(clock.milliseconds(), "warning", entries.FLEET, words))

    def close(self, reason: str) -> None:
        """Say that the manager has stopped, and why; then listen no more."""
        for name, listener in self._told.items():
            self._listeners.remove(name, listener)
        self._log.removeHandler(self._handler)
        self._write("stopped", events.ManagerStopped(clock.milliseconds(), reason))
        self._journal.close()

    def _write(self, name: str, event: Struct) -> None:
        entry = entries.of_event(
            name,
            event,
            clock.milliseconds(),
            since=self._since,
            agent_name=self._agents.get(getattr(event, "job_id", ""), ""),
        )
        if name in _ENDS:
            self._agents.pop(entry.job_id, None)
        elif entry.job_id:
            self._agents[entry.job_id] = entry.agent_name
        self._journal.write(entry)
