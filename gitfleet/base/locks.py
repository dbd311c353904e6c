"""The node's lock, and who has it.

One `filelock.FileLock` (an advisory lock of the system: it ends with its process, however that ends). Beside
it the holder writes down who it is, for the people who wait; that note decides nothing.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from gitfleet.base import canonical, clock, files
from gitfleet.base.text import display, duration
from gitfleet.errors import LocalStorage, LockHeld

if TYPE_CHECKING:
    from filelock import FileLock

ANNOUNCE_AFTER = 2.0


class NodeLock:
    """The lock at `path`. Not reentrant, one holder (a thread) at a time on this machine, shared by all worktrees of a clone."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._note = f"{path}.holder"
        self._lock: FileLock | None = None
        self._here = threading.Lock()  # filelock would count the threads of a process, and let all in

    def acquire(self) -> bool:
        """Take the lock if it is free, and say whether. Never waits."""
        if not self._here.acquire(blocking=False):
            return False
        taken = False
        try:
            taken = self._acquire()
        finally:
            if not taken:
                self._here.release()
        with suppress(
            OSError, LocalStorage
        ):  # a full disk must not leave us with a lock that nobody gives back
            if taken:
                self._sign()
        return taken

    def release(self) -> None:
        """Give the lock back. The note is taken away first, so that it never names the wrong process."""
        try:
            files.remove(self._note)
        finally:
            if self._lock is not None:
                self._lock.release()
                self._here.release()

    def _acquire(self) -> bool:
        from filelock import FileLock, Timeout  # 25 ms, which what only reads need not pay

        if self._lock is None:
            self._lock = FileLock(self.path, timeout=0, thread_local=False, mode=self._mode())
        with files.storage(self.path):
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                return False
        return True

    @contextmanager
    def held(self, timeout: float, announce: Callable[[str], None] | None = None) -> Iterator[None]:
        """Hold the lock for the body. Raises LockHeld, with the holder's name, after `timeout` seconds."""
        wait = Wait(self, timeout, announce)
        while not self.acquire():
            wait.turn()
        try:
            yield
        finally:
            self.release()

    def holder(self) -> str:
        """Who holds it, in words, as far as the holder wrote it down."""
        try:
            note = canonical.load(files.read(self._note) or b"")
            state = _state(int(note["pid"]))
            age = duration(clock.now() - int(note["since"]))
            return f"process {note['pid']}{state} ({display(str(note['command']))}), for {age}"
        except (ValueError, KeyError, TypeError):
            return "a process that left no note"

    def _sign(self) -> None:
        command = " ".join(os.path.basename(part) for part in sys.argv[:3])
        note = {"pid": os.getpid(), "since": clock.now(), "command": command[:200]}
        files.replace(self._note, canonical.dump(note), durable=False)

    def _mode(self) -> int:
        """The permissions of the lock's file, which is made if need be: for all users whom its folder is for."""
        if not os.path.exists(self.path):
            files.create(self.path, b"")
        return stat.S_IMODE(os.stat(self.path).st_mode)


class Wait:
    """Turns of waiting for a lock: short ones, an announcement after two seconds, LockHeld at the end."""

    def __init__(self, lock: NodeLock, timeout: float, announce: Callable[[str], None] | None) -> None:
        self._lock = lock
        self._start = clock.elapsed()
        self._timeout = timeout
        self._announce = announce
        self._pause = 0.004

    def turn(self) -> None:
        """Wait a little. Raises LockHeld when the time is over."""
        waited = clock.elapsed() - self._start
        if self._announce and waited > ANNOUNCE_AFTER:
            self._announce(f"waiting for the fleet lock, held by {self._lock.holder()}")
            self._announce = None
        if waited > self._timeout:
            holder = self._lock.holder()
            raise LockHeld(
                f"The lock of this clone's fleet state is held by {holder}; waited {duration(waited)}.",
                hint="Let that process go on (or end it, if it hangs); the lock is free when it ends.",
                lock=self._lock.path,
                holder=holder,
            )
        clock.wait(self._pause)
        self._pause = min(self._pause * 1.3, 0.05)


def _state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            letter = file.read().rsplit(b")", 1)[1].split()[0]
    except (OSError, IndexError):
        return ""
    return ", which is stopped," if letter in b"Tt" else ""
