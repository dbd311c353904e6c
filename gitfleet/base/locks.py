"""The node's lock, and who has it.

An advisory lock of the system (`flock`): it ends with its process, however that ends. Whoever finds it free takes it by
`flock` itself; whoever has to wait does that by a `filelock.FileLock` on the same file (docs/decisions/locks.md). Beside it the
holder writes down who it is, for the people who wait; that note decides nothing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from gitfleet.base import canonical, clock, files
from gitfleet.base.text import display, duration
from gitfleet.errors import LocalStorage, LockHeld

ANNOUNCE_AFTER = 2.0
_POLL = 0.01  # seconds between two tries of who waits


class NodeLock:
    """The lock at `path`. Not reentrant, one holder (a thread) at a time on this machine, shared by all worktrees of a clone."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._note = f"{path}.holder"
        self._give_back: Callable[[], object] | None = None

    def acquire(self, wait: float = 0.0) -> bool:
        """Take the lock, and say whether: if it is free, or becomes so in `wait` seconds. The file of the lock stays for ever."""
        with files.storage(self.path):
            taken = self._take() or (self._wait_for(wait) if wait > 0 else None)
        if taken is None:
            return False
        self._give_back = taken
        with suppress(OSError, LocalStorage):  # a full disk must not leave a lock that nobody gives back
            self._sign()
        return True

    def release(self) -> None:
        """Give the lock back. The note is taken away first, so that it never names the wrong process."""
        try:
            files.remove(self._note)
        finally:
            give_back, self._give_back = self._give_back, None
            if give_back is not None:
                give_back()

    @contextmanager
    def held(self, timeout: float, announce: Callable[[str], None] | None = None) -> Iterator[None]:
        """Hold the lock for the body. Raises LockHeld, with the holder's name, after `timeout` seconds."""
        wait = Wait(self, timeout, announce)
        taken = self.acquire()
        while not taken:
            taken = wait.lock()
        try:
            yield
        finally:
            self.release()

    def _take(self) -> Callable[[], object] | None:
        """Take it if it is free: what gives it back; None where another has it, or has taken the file away since."""
        if self._give_back is not None:
            return None
        if not os.path.exists(self.path):  # for all users whom its folder is for
            files.create(self.path, b"")
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        taken = False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = os.fstat(handle).st_nlink > 0
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EAGAIN}:
                raise
        finally:
            if not taken:
                os.close(handle)

        def give_back() -> None:
            fcntl.flock(handle, fcntl.LOCK_UN)  # a process forked meanwhile may have it open, too
            os.close(handle)

        return give_back if taken else None

    def _wait_for(self, seconds: float) -> Callable[[], object] | None:
        """The same for a lock that another has, which may let go of it in so many seconds."""
        from filelock import FileLock, Timeout  # half of a claim's time, and only those who wait pay it

        mode = stat.S_IMODE(os.stat(self.path).st_mode)
        lock = FileLock(self.path, mode=mode, thread_local=False)
        try:
            lock.acquire(timeout=seconds, poll_interval=_POLL)
        except Timeout:
            return None
        return lock.release

    def taken(self) -> bool:
        """Whether somebody has it at this moment. Who asks has it for a moment, too: whoever takes it waits a little."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError):
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EAGAIN}:
                raise
            return True
        finally:
            os.close(handle)
        return False

    def holder(self) -> str:
        """Who holds it, in words, as far as the holder wrote it down."""
        try:
            note = canonical.load(files.read(self._note) or b"")
            state = _state(int(str(note["pid"])))
            age = duration(clock.now() - int(str(note["since"])))
            return f"process {note['pid']}{state} ({display(str(note['command']))}), for {age}"
        except (ValueError, KeyError, TypeError):
            return "a process that left no note"

    def _sign(self) -> None:
        command = " ".join(os.path.basename(part) for part in sys.argv[:3])
        note = {"pid": os.getpid(), "since": clock.now(), "command": command[:200]}
        files.replace(self._note, canonical.dump(note), durable=False)


class Wait:
    """Waiting for a lock: an announcement after two seconds, LockHeld at the end."""

    def __init__(self, lock: NodeLock, timeout: float, announce: Callable[[str], None] | None) -> None:
        self._lock = lock
        self._start = clock.elapsed()
        self._timeout = timeout
        self._announce = announce
        self._pause = 0.004

    def turn(self) -> None:
        """Wait a little, for those who have something else to look at as well. Raises LockHeld when the time is over."""
        self._waited()
        clock.wait(self._pause)
        self._pause = min(self._pause * 1.3, 0.05)

    def lock(self) -> bool:
        """Wait for the lock, and say whether it is ours now. Raises LockHeld when the time is over."""
        until = min(self._timeout, ANNOUNCE_AFTER) if self._announce else self._timeout
        return self._lock.acquire(max(until - self._waited(), 0.0) + _POLL)

    def _waited(self) -> float:
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
        return waited


def _state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            letter = file.read().rsplit(b")", 1)[1].split()[0]
    except (OSError, IndexError):
        return ""
    return ", which is stopped," if letter in b"Tt" else ""
