"""The node's lock, and who has it.

An advisory lock of the system (`flock`): it ends with its process, however that ends, and keeps out whoever takes a
`filelock.FileLock` on the same file. Beside it the holder writes down who it is, for the people who wait; that note
decides nothing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from gitfleet.base import canonical, clock, files
from gitfleet.base.text import display, duration
from gitfleet.errors import LocalStorage, LockHeld

ANNOUNCE_AFTER = 2.0


class NodeLock:
    """The lock at `path`. Not reentrant, one holder (a thread) at a time on this machine, shared by all worktrees of a clone."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._note = f"{path}.holder"
        self._held: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free, and say whether. Never waits. The file of the lock stays for ever."""
        if self._held is not None:
            return False
        handle = self._open()
        taken = False
        try:
            with files.storage(self.path):
                taken = _take(handle)
        finally:
            if not taken:
                os.close(handle)
        if not taken:
            return False
        self._held = handle
        with suppress(
            OSError, LocalStorage
        ):  # a full disk must not leave us with a lock that nobody gives back
            self._sign()
        return True

    def release(self) -> None:
        """Give the lock back. The note is taken away first, so that it never names the wrong process."""
        try:
            files.remove(self._note)
        finally:
            if self._held is not None:
                held, self._held = self._held, None
                fcntl.flock(held, fcntl.LOCK_UN)  # a process forked meanwhile may have it open, too
                os.close(held)

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

    def _open(self) -> int:
        """The lock's file, open; made if need be, for all users whom its folder is for."""
        with files.storage(self.path):
            if not os.path.exists(self.path):
                files.create(self.path, b"")
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)


def _take(handle: int) -> bool:
    """Lock an open file; False where another has it locked, or has taken the file away since."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EAGAIN}:
            raise
        return False
    return os.fstat(handle).st_nlink > 0


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
