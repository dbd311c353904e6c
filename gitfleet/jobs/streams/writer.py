"""Who writes a stream: one at a time (the shepherd of the attempt; when it is gone, whoever says so).

Append-only. A writer that was killed can leave half a line: the next one ends it, and its number stays used. A disk that
takes no more must not disturb the agent: what could not be kept is counted, and a line of type `gap` tells of it as soon as
there is room.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress

from gitfleet.jobs.streams.lines import RAW, encode, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_HEAD = 64
_CHUNK = 1 << 16


class StreamWriter:
    """The stream at `path`, made if there is none; only its user may read it. Raises OSError when it cannot be opened."""

    def __init__(self, path: str) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._handle = os.open(path, flags, 0o600)
        self.seq, self._torn = last(self._handle)
        """The number of the last line."""
        self._waiting: list[bytes] = []
        self._lost = self._lost_bytes = self._lost_from = 0
        self.lines = self.bytes = self.gaps = 0
        """What was kept since it was opened, and how often lines were lost."""
        self.fault = ""
        """Why nothing can be kept at the moment; empty while all is well."""

    def write(
        self,
        source: str,
        raw: bytes,
        *,
        at: int,
        type: str = RAW,
        event: Mapping[str, object] | None = None,
        cut: bool = False,
    ) -> int:
        """Append one line; its number. Readers can see it when this returns. Never raises for what the disk refuses."""
        seq = self.add(source, raw, at=at, type=type, event=event, cut=cut)
        self.flush(at=at)
        return seq

    def add(
        self,
        source: str,
        raw: bytes,
        *,
        at: int,
        type: str = RAW,
        event: Mapping[str, object] | None = None,
        cut: bool = False,
    ) -> int:
        """The same, but it is written with the next `flush`: for many lines at once."""
        self.seq += 1
        self._waiting.append(encode(self.seq, at, source, raw, type=type, event=event, cut=cut))
        return self.seq

    def flush(self, *, at: int) -> bool:
        """Write what waits; whether it is kept."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return not self.fault
        if self._lost and not self._tell(at, len(waiting)):
            self._lose(waiting)
            return False
        written = self._put(b"\n" * self._torn + b"".join(waiting)) - self._torn
        self._torn = self._torn and written < 0
        for place, line in enumerate(waiting):
            if written < len(line):
                self._torn = self._torn or written > 0
                self._lose(waiting[place:])
                return False
            written -= len(line)
            self.lines += 1
            self.bytes += len(line)
        return True

    def sync(self) -> None:
        """Have the system bring it to the disk, where it can."""
        with suppress(OSError):
            os.fsync(self._handle)

    @property
    def untold(self) -> int:
        """How many lines were lost of which no line tells yet."""
        return self._lost

    def close(self) -> None:
        """Let go of the file. Twice is harmless."""
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, at: int, waiting: int) -> bool:
        """Write down what was lost; its line takes the number of the last lost one."""
        seq = self.seq - waiting
        event = {
            "lost": self._lost,
            "bytes": self._lost_bytes,
            "first": self._lost_from,
            "why": self.fault,
        }
        said = f"{self._lost} lines could not be kept: {self.fault}".encode()
        line = b"\n" * self._torn + encode(seq, at, "system", said, type="gap", event=event)
        written = self._put(line)
        if written < len(line):
            self._torn = self._torn or written > 0
            return False
        self.gaps += 1
        self._lost = self._lost_bytes = 0
        self._torn = False
        self.fault = ""
        return True

    def _lose(self, lines: list[bytes]) -> None:
        if not self._lost:
            self._lost_from = number(lines[0][:_HEAD])
        self._lost += len(lines)
        self._lost_bytes += sum(map(len, lines))

    def _put(self, data: bytes) -> int:
        """Write, and say how many bytes of it there was room for."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError as error:
            self.fault = error.strerror or str(error)
        return len(data) - len(rest)


def last(handle: int) -> tuple[int, bool]:
    """The number of the last line of a stream, torn ones included, and whether it has no end yet."""
    size = os.fstat(handle).st_size
    end = before(handle, size)
    unfinished = end < size
    torn = int(unfinished)
    while end > 0:
        start = before(handle, end - 1)
        if seq := number(os.pread(handle, min(_HEAD, end - start), start)):
            return seq + torn, unfinished
        torn += 1
        end = start
    return torn, unfinished


def before(handle: int, end: int) -> int:
    """Where the line begins that byte `end` (not counted) belongs to."""
    while end > 0:
        start = max(0, end - _CHUNK)
        found = os.pread(handle, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
