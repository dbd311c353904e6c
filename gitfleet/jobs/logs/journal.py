"""The log of the manager of a state directory: segments of JSON lines in `log/`, each named by the number of its first entry.

One writer, the manager that holds the directory's lock; any number of readers, in any process, whether one runs or not. A
segment that is full is followed by another, and the oldest go: at most some `LIMIT * KEPT` bytes are kept.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator

from gitfleet.base import clock, files
from gitfleet.base.text import one_line
from gitfleet.jobs.logs.entries import FLEET, LEVELS, LogEntry
from gitfleet.jobs.streams.lines import StreamLine
from gitfleet.jobs.streams.reader import Tail
from gitfleet.jobs.streams.writer import StreamWriter

LIMIT = 2 << 20
KEPT = 4
_END = ".jsonl"


def folder(state: str) -> str:
    """Where the log of a state directory is."""
    return os.path.join(state, "log")


class Journal:
    """Writes the log, from any thread. What the disk refuses disturbs nobody. Raises LocalStorage, OSError when it cannot be opened."""

    def __init__(self, state: str, *, limit: int = LIMIT, kept: int = KEPT) -> None:
        self._folder = files.folder(folder(state), mode=0o700)
        self._limit, self._kept = limit, kept
        self._guard = threading.Lock()
        name = [_name(1), *_segments(self._folder)][-1]
        with files.storage(os.path.join(self._folder, name)):
            self._writer = StreamWriter(os.path.join(self._folder, name))
        self._writer.seq = max(self._writer.seq, int(name[: -len(_END)]) - 1)  # of one that nothing is in yet
        self._before = os.path.getsize(os.path.join(self._folder, name))

    def write(self, entry: LogEntry) -> None:
        """Append an entry; its number is given to it."""
        facts = {"level": entry.level, "source": entry.source, "agent": entry.agent_name, "job": entry.job_id}
        with self._guard:
            if self._before + self._writer.bytes > self._limit:
                self._turn_over()
            said = entry.message.encode("utf-8", "replace")
            self._writer.write("system", said, at=entry.time, type=entry.event or "note", event=facts)

    def close(self) -> None:
        """Let go of the file. Twice is harmless."""
        with self._guard:
            self._writer.close()

    def _turn_over(self) -> None:
        seq = self._writer.seq
        try:
            following = StreamWriter(os.path.join(self._folder, _name(seq + 1)))
        except OSError:  # a full disk: the old one goes on
            return
        self._writer.close()
        self._writer, self._before = following, 0
        following.seq = seq
        for name in _segments(self._folder)[: -self._kept]:
            files.remove(os.path.join(self._folder, name))


class JournalHandler(logging.Handler):
    """Has what a logger is told written to the log."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        said = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            said += f": {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        level = LEVELS[min(max(record.levelno // 10 - 1, 0), len(LEVELS) - 1)]
        self._journal.write(LogEntry(clock.milliseconds(), level, FLEET, one_line(said, 500)))


class JournalTail:
    """A place in the log, behind entry `after`, from which one reads on. Use it as a context manager."""

    def __init__(self, state: str, *, after: int = 0) -> None:
        self._folder, self._after = folder(state), after
        self._name, self._tail = "", Tail("")

    def more(self) -> list[LogEntry]:
        """The next entries, a few at a time; none where there are none yet."""
        while True:
            names = _segments(self._folder)  # before the last look at the present one: then it was whole
            if self._name and (lines := self._tail.more()):
                return [_entry(line) for line in lines]
            later = [name for name in names if name > self._name]
            if not later:
                return []
            self._open(later)

    def pause(self) -> float:
        """Seconds until it is worth while to look again."""
        return self._tail.pause()

    def close(self) -> None:
        """Let go of the file."""
        self._tail.close()

    def __enter__(self) -> JournalTail:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, names: list[str]) -> None:
        """Go on with the next segment; at first with the one that has what comes behind `after`."""
        fitting = [name for name in names if name <= _name(self._after + 1)]
        self._tail.close()
        self._name = fitting[-1] if not self._name and fitting else names[0]
        self._tail = Tail(os.path.join(self._folder, self._name), after=self._after)


def read(state: str, *, after: int = 0) -> Iterator[LogEntry]:
    """The entries that are there now, oldest first, those behind number `after`."""
    with JournalTail(state, after=after) as tail:
        while entries := tail.more():
            yield from entries


def _entry(line: StreamLine) -> LogEntry:
    """A line of the log. What cannot be read counts as a note with what is there."""
    facts = line.event or {}

    def fact(name: str) -> str:
        value = facts.get(name)
        return value if isinstance(value, str) else ""

    level = fact("level")
    return LogEntry(
        line.at,
        level if level in LEVELS else "info",
        fact("source") or FLEET,
        line.text,
        fact("agent"),
        fact("job"),
        "" if line.type == "note" else line.type,
        line.seq,
    )


def _segments(where: str) -> list[str]:
    return [name for name in files.names(where) if name.endswith(_END) and name[: -len(_END)].isdigit()]


def _name(first: int) -> str:
    return f"{first:012d}{_END}"
