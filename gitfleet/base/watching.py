"""Waiting until something in some folders changes: told by the system where it can tell, else by looking often.

Linux tells by inotify, macOS and the BSDs by kqueue. Neither tells what other machines do on a shared disk, and a system may
have no watch left to give: so whoever waits looks again after a while all the same, and decides by what is there, never by
what was told.
"""

from __future__ import annotations

import os
import resource
import select
import sys
import threading
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import Self

from gitfleet.base import clock, files

LOOK_EVERY = 0.25
"""Seconds between two looks where the system tells nothing."""
_DAY = 86400.0
_CAN_WATCH_PROCESSES = sys.platform == "linux" and hasattr(os, "pidfd_open")
_CLOEXEC, _NONBLOCK, _ONLYDIR, _EXCL_UNLINK = 0o2000000, 0o4000, 0x01000000, 0x04000000
_CLOSE_WRITE, _MOVED, _CREATE, _DELETE, _SELF = 0x8, 0xC0, 0x100, 0x200, 0xC00
_WRITTEN = 0x2 | _SELF
_EVENTS = _CLOSE_WRITE | _MOVED | _CREATE | _DELETE | _SELF | _ONLYDIR | _EXCL_UNLINK


class Teller:
    """Tells of changes, here by the times of the folders; those below do so by what their system has for it."""

    def __init__(self) -> None:
        self._times: dict[str, tuple[int, ...] | None] = {}

    def watch(self, folder: str, *, writes: bool = True) -> None:
        """Tell of changes in this folder from now on. May be called again with the same one, and with one that is not there.

        Without `writes` nothing need be told of a file that was there before and stays the same file: of a lock, say.
        """
        self._times.setdefault(folder, files.stamp(folder))

    def follow(self, file: str) -> None:
        """Tell of what is written to this file from now on, also by who has it open for long."""
        self.watch(file)

    def wait(self, ropes: Sequence[int], seconds: float) -> bool:
        """Wait until something has changed, or one of the files `ropes` can be read; whether something has changed since the last call.

        May come back early.
        """
        if self._changed():
            return True
        _poll(ropes, min(seconds, LOOK_EVERY))
        return self._changed()

    def close(self) -> None:
        """Let go of files."""

    def _changed(self) -> bool:
        now = {folder: files.stamp(folder) for folder in self._times}
        before, self._times = self._times, now
        return before != now


class Inotify(Teller):
    """Tells by inotify. Raises OSError where the system has none, or no more of it."""

    def __init__(self) -> None:
        import ctypes  # 10 ms, only for who waits

        library = ctypes.CDLL(None, use_errno=True)
        try:
            self._add = library.inotify_add_watch
            handle = library.inotify_init1(_CLOEXEC | _NONBLOCK)
        except AttributeError as error:
            raise OSError("this system has no inotify") from error
        if handle < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._handle: int = handle

    def watch(self, folder: str, *, writes: bool = True) -> None:
        events = _EVENTS if writes else _EVENTS & ~_CLOSE_WRITE
        self._add(self._handle, os.fsencode(folder), events)  # what fails is not there: see `Bell.arm`

    def follow(self, file: str) -> None:
        self._add(self._handle, os.fsencode(file), _WRITTEN)

    def wait(self, ropes: Sequence[int], seconds: float) -> bool:
        _poll([*ropes, self._handle], seconds)
        told = False
        with suppress(BlockingIOError):
            while os.read(self._handle, 1 << 16):
                told = True
        return told

    def close(self) -> None:
        os.close(self._handle)


if sys.platform != "linux" and hasattr(select, "kqueue"):

    class Kqueue(Teller):
        """Tells by kqueue, which has a file open for each folder."""

        def __init__(self) -> None:
            self._queue = select.kqueue()
            self._open: dict[str, tuple[int, tuple[int, int]]] = {}

        def watch(self, folder: str, *, writes: bool = True) -> None:
            """A folder that was made anew is another one."""
            with suppress(OSError):
                there = os.stat(folder)
                known = self._open.get(folder)
                if known and known[1] == (there.st_dev, there.st_ino):
                    return
                if known:
                    os.close(self._open.pop(folder)[0])
                handle = os.open(folder, getattr(os, "O_EVTONLY", os.O_RDONLY) | os.O_CLOEXEC)
                self._open[folder] = handle, (there.st_dev, there.st_ino)
                notes = (
                    select.KQ_NOTE_WRITE
                    | select.KQ_NOTE_EXTEND
                    | select.KQ_NOTE_DELETE
                    | select.KQ_NOTE_RENAME
                )
                flags = select.KQ_EV_ADD | select.KQ_EV_CLEAR
                self._queue.control([select.kevent(handle, select.KQ_FILTER_VNODE, flags, notes)], 0, 0)

        def wait(self, ropes: Sequence[int], seconds: float) -> bool:
            listen = [select.kevent(rope, select.KQ_FILTER_READ, select.KQ_EV_ADD) for rope in ropes]
            told = self._queue.control(listen, 64, min(seconds, _DAY))
            return any(event.filter == select.KQ_FILTER_VNODE for event in told)

        def close(self) -> None:
            for handle, _ in self._open.values():
                os.close(handle)
            self._queue.close()


def teller() -> Teller:
    """The best that this system has."""
    with suppress(OSError):
        if sys.platform != "linux" and hasattr(select, "kqueue"):
            return Kqueue()
        return Inotify()
    return Teller()


class ProcessEnds:
    """Tells when processes end: `rope` can be read then, and when `inner` can. Linux only."""

    def __init__(self, inner: int) -> None:
        self._inner = inner
        self._poll = select.epoll()
        self._poll.register(inner, select.EPOLLIN)
        self.rope: int = self._poll.fileno()
        self._handles: dict[int, int] = {}
        self._gone: set[int] = set()
        self.count = 0
        """How many have ended."""

    def keep(self, processes: Collection[int]) -> None:
        """Watch these from now on, and no others."""
        for pid in [pid for pid in self._handles if pid not in processes]:
            self._drop(pid)
        self._gone &= set(processes)
        for pid in processes:
            if pid in self._handles or pid in self._gone or len(self._handles) >= _most():
                continue
            try:
                handle = os.pidfd_open(pid)
            except OSError:
                self._gone.add(pid)  # it has ended, or is not to be seen from here
                continue
            self._handles[pid] = handle
            self._poll.register(handle, select.EPOLLIN)

    def take(self) -> bool:
        """Whether some have ended since the last call."""
        told = {handle for handle, _ in self._poll.poll(0)} - {self._inner}
        for pid in [pid for pid, handle in self._handles.items() if handle in told]:
            self._drop(pid)
            self._gone.add(pid)
            self.count += 1
        return bool(told)

    def close(self) -> None:
        """Let go of files."""
        for pid in list(self._handles):
            self._drop(pid)
        self._poll.close()

    def _drop(self, pid: int) -> None:
        handle = self._handles.pop(pid)
        self._poll.unregister(handle)
        os.close(handle)


def _most() -> int:
    """Processes that are watched at most: a third of the files that this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 3


class Bell:
    """Rings when something changes in the folders that it is armed for, or when somebody calls `ring`.

    `arm`, look at what is there, `wait`: what changes after `arm` ends the wait, so nothing is missed between the two.
    One thread waits; any may ring, also after it was closed. Use it as a context manager.
    """

    def __init__(self, tells: Teller | None = None) -> None:
        self._teller = tells or teller()
        self._inner, self._outer = os.pipe()
        self._guard = threading.RLock()  # a signal's handler may stir whoever holds it
        self._maker = os.getpid()
        self._closed = self._stirred = False
        self._ends = ProcessEnds(self._inner) if _CAN_WATCH_PROCESSES else None
        self.rung = False
        """Whether somebody has called `ring`."""

    @property
    def ended(self) -> int:
        """How many of the processes that it was armed for have ended."""
        return self._ends.count if self._ends else 0

    def arm(
        self, folders: Iterable[str], files: Iterable[str] = (), processes: Collection[int] | None = None, *, writes: bool = True
    ) -> None:  # fmt: skip
        """Watch these folders; in the place of one that is not there, the nearest above it, where it would appear.

        Besides these files, which may be written to for long, and the ends of just these processes (None: of those from before), where
        the system tells of them: on Linux, and of as many as this process may have files open for. Without `writes` only files of the
        folders count that come, go or are replaced, wherever the system can tell them from others.
        """
        for file in files:
            self._teller.follow(file)
        if self._ends is not None and processes is not None:
            self._ends.keep(processes)
        for folder in folders:
            self._teller.watch(folder, writes=writes)
            there = folder
            while not os.path.isdir(there) and there != os.path.dirname(there):
                there = os.path.dirname(there)
                self._teller.watch(there, writes=writes)

    def wait(self, seconds: float, also: Sequence[int] = ()) -> bool:
        """Wait for a change or a ring, at most so long, or until one of the files `also` can be read or is closed; whether there was any."""
        end = clock.elapsed() + seconds
        while True:
            left = max(0.0, end - clock.elapsed())
            rope = self._inner if self._ends is None else self._ends.rope
            told = self._teller.wait([rope, *also], left) or self.rung or self._was_stirred()
            told = told or (bool(also) and ready(also))
            if (self._ends is not None and self._ends.take()) or told:
                return True
            if left <= 0:
                return False

    def stir(self) -> None:
        """End the wait of whoever waits, or the next one, once. Also for the handler of a signal."""
        with self._guard:
            if not self._closed and not self._stirred:
                self._stirred = True
                os.write(self._outer, b".")

    def _was_stirred(self) -> bool:
        with self._guard:
            stirred, self._stirred = self._stirred, False
            if stirred and not self._closed:
                os.read(self._inner, 1)
            return stirred

    def ring(self) -> None:
        """End the wait of whoever waits, and each later one at once; from a process that was forked from its maker's, nothing."""
        if self._maker != os.getpid():
            return
        with self._guard:
            if not self._closed and not self.rung:
                self.rung = True
                os.write(self._outer, b"!")

    def close(self) -> None:
        """Let go of files."""
        with self._guard:
            if not self._closed:
                self._closed = True
                self._teller.close()
                if self._ends is not None:
                    self._ends.close()
                os.close(self._inner)
                os.close(self._outer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ready(handles: Sequence[int]) -> bool:
    """Whether one of the files can be read, or its other end is closed."""
    return _poll(handles, 0.0)


def _poll(handles: Sequence[int], seconds: float) -> bool:
    """Wait until one of the files can be read, at most so long; whether one can. `poll`, since `select` knows no high numbers."""
    asked = select.poll()
    for handle in handles:
        asked.register(handle, select.POLLIN)
    return bool(asked.poll(min(seconds, _DAY) * 1000))
