"""A hold on processes that no other process can slip into: pidfds where the system has them, numbers with a last look where not.

Signals go to whole process groups, since a wrapper that is ended leaves what it wraps. A group is reached through its
leader's pidfd (Linux 6.9), also after the leader has gone; elsewhere by number, right after a member was seen alive.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
from collections.abc import Iterable, Iterator
from typing import Callable  # subscripted at run time, which Python 3.8 has only here

from gitfleet.onhost.acting import sighting

_TO_GROUP = 4  # PIDFD_SIGNAL_PROCESS_GROUP

Open = Callable[[int], int]
Send = Callable[[int, int, None, int], None]


class Grip:
    """One process, held. `start` is checked after it was taken hold of: from then on the number cannot mean another."""

    def __init__(self, pid: int, start: int) -> None:
        self.pid, self.start = pid, start
        self.fd = _open(pid)
        if not _is_that(pid, start):
            self.close()
            raise ProcessLookupError(errno.ESRCH, "it has gone")

    def ended(self) -> bool:
        """Whether it runs no more; a zombie runs no more."""
        return not sighting.alive(self.pid, self.start)

    def send(self, number: int) -> bool:
        """Send it a signal; False: it had gone. Raises PermissionError."""
        try:
            if self.fd is not None:
                _sender()(self.fd, number, None, 0)
            elif _is_that(self.pid, self.start):
                os.kill(self.pid, number)
            else:
                return False
        except ProcessLookupError:
            return False
        return True

    def send_to_group(self, number: int) -> bool | None:
        """The same to the process group that it leads. None: this system cannot do that through a pidfd."""
        if self.fd is None:
            return None
        try:
            _sender()(self.fd, number, None, _TO_GROUP)
        except ProcessLookupError:
            return False
        except OSError as error:
            if error.errno == errno.EINVAL:
                return None
            raise
        return True

    def close(self) -> None:
        """Let go."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


class GroupGrip:
    """Processes that are acted on together. With `pgid` their whole group is, whoever is in it by then; else each by itself."""

    def __init__(self, members: Iterable[tuple[int, int]], pgid: int = 0) -> None:
        self.pgid = pgid
        self.grips: list[Grip] = []
        for pid, start in members:
            with contextlib.suppress(ProcessLookupError):
                self.grips.append(Grip(pid, start))

    def __enter__(self) -> GroupGrip:
        return self

    def __exit__(self, *_: object) -> None:
        for grip in self.grips:
            grip.close()

    def send(self, number: int) -> bool:
        """Signal them all; False: none was there. Raises PermissionError."""
        sent = self._send_to_group(number) if self.pgid else False
        inside = set(group_members(self.pgid)) if sent else set()
        for grip in self.grips:
            if grip.pid not in inside:
                sent = grip.send(number) or sent
        return sent

    def left(self) -> list[int]:
        """Who still runs, of the group and of the members outside of it; zombies do not."""
        found = {grip.pid for grip in self.grips if not grip.ended()}
        return sorted(found | set(group_members(self.pgid) if self.pgid else ()))

    def wait_for_one(self, seconds: float) -> None:
        """Wait until one of the members ends, or for so long."""
        poll = select.poll()
        for grip in self.grips:
            if grip.fd is not None and not grip.ended():
                poll.register(grip.fd, select.POLLIN)
        poll.poll(seconds * 1000)

    def _send_to_group(self, number: int) -> bool:
        leader = next((grip for grip in self.grips if grip.pid == self.pgid), None)
        told = None if leader is None else leader.send_to_group(number)
        if told is not None:
            return told
        if not any(not grip.ended() and _in_group(grip.pid, self.pgid) for grip in self.grips):
            return False
        try:
            os.killpg(self.pgid, number)
        except ProcessLookupError:
            return False
        return True


def group_members(pgid: int) -> Iterator[int]:
    """The processes of a group that run; zombies do not."""
    for one in sighting.lines():
        if one.pgid == pgid and sighting.runs(one):
            yield one.pid


def wait_for_end(grip: GroupGrip, seconds: float, gone: Callable[[float], bool]) -> bool:
    """Wait until all have ended, or for `seconds`; `gone` waits a little and says whether the asker has left, which ends it, too."""
    pause, waited = 0.02, 0.0
    while grip.left():
        if waited >= seconds:
            return False
        step = min(pause, seconds - waited)
        if gone(step):
            return not grip.left()
        waited, pause = waited + step, min(pause * 1.5, 0.25)
    return True


def asker_gone(descriptor: int) -> Callable[[float], bool]:
    """A function that waits at most so many seconds, and says whether nobody writes to `descriptor` any more."""
    poll = select.poll()
    poll.register(descriptor, getattr(select, "POLLRDHUP", 0))

    def gone(seconds: float) -> bool:
        return bool(poll.poll(max(0, int(seconds * 1000))))

    return gone


def _open(pid: int) -> int | None:
    opener: Open | None = getattr(os, "pidfd_open", None)
    if opener is None:
        return None
    try:
        return opener(pid)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EPERM):  # no such call: an old system, a sandbox
            return None
        raise ProcessLookupError(errno.ESRCH, "it has gone") from error


def _sender() -> Send:
    sender: Send = signal.pidfd_send_signal
    return sender


def _is_that(pid: int, start: int) -> bool:
    found = sighting.line(pid)
    return found is not None and found.start == start


def _in_group(pid: int, pgid: int) -> bool:
    found = sighting.line(pid)
    return found is not None and found.pgid == pgid
