"""What a program writes, kept in a file of bounded size that only its user may read.

Bytes as they come, of any encoding. When the file is full it becomes `<name>.1` (taking the place of the one before),
and the new one begins with the last lines of the old, so that its end can be shown at any time. A disk that is full
must not disturb the program: then nothing more is kept, and `fault` says why.
"""

from __future__ import annotations

import os
from contextlib import suppress

LIMIT = 8 * 1024 * 1024
CARRIED = 64 * 1024


class Recording:
    """A log at `path`, at most `limit` bytes twice. One writer; readers may come at any time."""

    def __init__(self, path: str, *, limit: int = LIMIT) -> None:
        """Open for appending. Raises OSError."""
        self.path = path
        self.fault = ""
        self._limit = limit
        self._handle = _open(path)
        self._size = os.fstat(self._handle).st_size

    def write(self, data: bytes) -> None:
        """Keep `data`. Never raises for what the disk refuses."""
        if self.fault:
            return
        try:
            step = max(1, self._limit // 2)  # so that it fits beside what is carried over
            for start in range(0, len(data), step):
                part = data[start : start + step]
                if self._size + len(part) > self._limit:
                    self._turn_over()
                self._put(part)
        except OSError as error:
            self.fault = f"the log {self.path} could not be kept any further: {error.strerror}"

    def close(self) -> None:
        """Close it. Twice is harmless."""
        if self._handle >= 0:
            with suppress(OSError):
                os.close(self._handle)
            self._handle = -1

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            done = os.write(self._handle, rest)
            self._size += done
            rest = rest[done:]

    def _turn_over(self) -> None:
        end = _end(self.path, min(CARRIED, self._limit // 4))
        os.rename(self.path, f"{self.path}.1")
        os.close(self._handle)
        self._handle = -1
        self._handle = _open(self.path)
        self._size = 0
        self._put(end)


def _open(path: str) -> int:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    os.fchmod(handle, 0o600)
    return handle


def _end(path: str, size: int) -> bytes:
    """The last whole lines of a file, at most `size` bytes."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.pread(handle, size, max(0, os.fstat(handle).st_size - size))
    finally:
        os.close(handle)
    return data.partition(b"\n")[2]
