"""Who reads a stream: any number, in any process, from any place in it; while it is written, and afterwards.

A reader takes whole lines only and remembers where it is, so it gets each line once. Whoever follows looks again after a
short while, which grows to a quarter of a second where nothing comes: a few looks a second, only while somebody follows
and only until the attempt has ended.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator

from gitfleet.base import clock
from gitfleet.jobs.streams.lines import StreamLine, decode, number
from gitfleet.jobs.streams.writer import before, last

_CHUNK = 1 << 18
_FIRST, _LONGEST = 0.004, 0.25
_HEAD = 64


def read(path: str, *, after: int = 0) -> Iterator[StreamLine]:
    """The whole lines that are there now, those after number `after`. None where there is no stream."""
    with Tail(path, after=after) as tail:
        while lines := tail.more():
            yield from lines


def follow(
    path: str,
    *,
    after: int = 0,
    ended: Callable[[], bool],
    wait: Callable[[float], object] = clock.wait,
) -> Iterator[StreamLine]:
    """Each line after `after` once, as it comes, until `ended` says that nobody writes any more and all was read.

    The file may come later than we do. `wait` passes the time between two looks.
    """
    with Tail(path, after=after) as tail:
        while True:
            over = ended()  # asked first: what was written before the end is then read below
            while lines := tail.more():
                yield from lines
            if over:
                return
            wait(tail.pause())


async def follow_in_loop(
    path: str, *, after: int = 0, ended: Callable[[], bool]
) -> AsyncIterator[StreamLine]:
    """`follow`, for those who have an event loop."""
    import asyncio  # only for who has loaded it in any case

    with Tail(path, after=after) as tail:
        while True:
            over = ended()
            while lines := tail.more():
                for line in lines:
                    yield line
                await asyncio.sleep(0)
            if over:
                return
            await asyncio.sleep(tail.pause())


def newest(path: str) -> int:
    """The number of the last line; 0 where there is none. The last n are those after `newest(path) - n`."""
    with Tail(path) as tail:
        return tail.newest()


class Tail:
    """A place in a stream, from which one reads on. Use it as a context manager."""

    def __init__(self, path: str, *, after: int = 0) -> None:
        self._path = path
        self._handle = -1
        self._start = self._read = 0
        self._parts: list[bytes] = []
        self._seq = self._after = after
        self._wait = _FIRST

    def more(self) -> list[StreamLine]:
        """The next whole lines, a few at a time; none where there are none yet."""
        if not self._opened():
            return []
        while data := os.pread(self._handle, _CHUNK, self._read):
            self._read += len(data)
            cut = data.rfind(b"\n") + 1
            if not cut:
                self._parts.append(data)
                continue
            whole = b"".join([*self._parts, data[:cut]])
            self._parts = [data[cut:]] if cut < len(data) else []
            if lines := self._lines(whole):
                self._wait = _FIRST
                return lines
        return []

    def pause(self) -> float:
        """Seconds until it is worth while to look again: longer from time to time, short again after each line."""
        pause, self._wait = self._wait, min(self._wait * 2, _LONGEST)
        return pause

    def newest(self) -> int:
        """The number of the last line that is there now."""
        if not self._opened():
            return 0
        seq, unfinished = last(self._handle)
        return seq - unfinished

    def close(self) -> None:
        """Let go of the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Tail:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> bool:
        if self._handle < 0:
            try:
                self._handle = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
            if self._after > 0:
                self._start = self._read = _place(self._handle, self._after)
                self._seq = 0 if self._start == 0 else self._after
        return True

    def _lines(self, whole: bytes) -> list[StreamLine]:
        found = []
        for data in whole.split(b"\n")[:-1]:
            self._start += len(data) + 1
            line = decode(data, before=self._seq, end=self._start)
            self._seq = line.seq
            if line.seq > self._after:
                found.append(line)
        return found


def _place(handle: int, after: int) -> int:
    """Where a line begins that is not after number `after`, and near to it: the lines lie in order, so by halves."""
    low, high = 0, os.fstat(handle).st_size
    while high - low > _CHUNK:
        middle = before(handle, (low + high) // 2)
        if middle <= low:
            break
        seq = number(os.pread(handle, _HEAD, middle))
        if seq and seq <= after:
            low = middle
        else:
            high = middle
    return low
