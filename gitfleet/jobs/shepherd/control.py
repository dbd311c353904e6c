"""What others do with a shepherd: start one, find out whether it lives, wait for it, have it stop, and clear up after one that was killed.

Everything goes by the attempt's folder, from any process. The shepherd lives exactly as long as its lock is held: a pid that
was handed out again fools nobody, and neither does a reboot.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from gitfleet.base import clock, identity, processes
from gitfleet.base.locks import NodeLock
from gitfleet.jobs.shepherd import containers, family, records
from gitfleet.jobs.shepherd.records import AttemptState, EndRecord, PersonAnswer, Spec, StopRequest
from gitfleet.jobs.words import EndCause

_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run.py")
_LOCK_HANDLE = 3
_LOG = "shepherd.log"
_PATIENCE, _LOOK = 2.0, 0.01
_DOCKER_TIME = 60.0


class AttemptTaken(Exception):
    """The attempt in this folder has a shepherd, or has ended already."""


class Shepherd:
    """The shepherd of the attempt in `folder`, of this process or of another one. `pid` is 0 until it has said so."""

    def __init__(self, folder: str, pid: int = 0, *, handle: int = -1) -> None:
        self.folder, self._pid, self._handle = folder, pid, handle

    @property
    def pid(self) -> int:
        """Its process id; 0 where it is not known (any more)."""
        return self._pid or _pid(self.folder)

    def introduced(self) -> Shepherd:
        """Itself, once it has said its process id, which is some moments after its start, or has ended."""
        while not self.pid and self.alive():
            clock.wait(_LOOK)
        return self

    def fileno(self) -> int:
        """Can be read from when it has ended (Linux): for an event loop. Raises OSError where there is no such thing; then `wait`."""
        if self._handle < 0:
            self._handle = os.pidfd_open(self.pid)
        return self._handle

    def alive(self) -> bool:
        """Whether it lives."""
        return alive(self.folder)

    def wait(self, timeout: float | None = None) -> EndRecord | None:
        """Wait for its end, at most so many seconds; how the attempt ended: None where the time is over, or it was killed."""
        if alive(self.folder):
            _wait(self, timeout)
        reap()
        return end(self.folder)

    def stop(self, *, grace: int | None = None, why: str = EndCause.CANCELLED) -> bool:
        """See `stop`."""
        return stop(self.folder, grace=grace, why=why)

    def close(self) -> None:
        """Let go of the handle."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


_started: set[int] = set()


def start(folder: str, spec: Spec) -> Shepherd:
    """Start the attempt `spec` in `folder`, which is there, empty, and only its user's. It goes on when we end.

    From before the start until the shepherd's end the attempt's lock is held, without a moment between. Raises AttemptTaken when
    the folder has an attempt already, OSError.
    """
    reap()
    with _lock(folder) as lock:
        if lock is None or os.path.exists(os.path.join(folder, records.STATE)) or end(folder):
            raise AttemptTaken(f"the attempt in {folder} was started already")
        records.save(folder, records.SPEC, spec)
        argv = [sys.executable, "-I", "-S", _PROGRAM, os.path.abspath(folder), str(_LOCK_HANDLE)]
        log = os.path.join(folder, _LOG)
        pid = processes.detach(argv, env={}, handles={_LOCK_HANDLE: lock}, log=log)
    _started.add(pid)
    handle = -1
    with suppress(AttributeError, OSError):  # while it is surely ours: it cannot have been reaped yet
        handle = os.pidfd_open(pid)
    return Shepherd(folder, pid, handle=handle)


def adopt(folder: str) -> Shepherd | None:
    """The shepherd that watches over the attempt in `folder`, whoever started it; None where none lives."""
    return Shepherd(folder) if alive(folder) else None


def alive(folder: str) -> bool:
    """Whether the attempt in `folder` has a shepherd that lives."""
    return NodeLock(os.path.join(folder, records.LOCK)).taken()


def end(folder: str) -> EndRecord | None:
    """How the attempt ended; None while it runs, and where its shepherd was killed before it could say so, or that cannot be read."""
    try:
        return records.load(EndRecord, folder, records.END)
    except ValueError:
        return None


def state(folder: str) -> AttemptState | None:
    """What the attempt is at, as its shepherd last said; None where it has said nothing."""
    try:
        return records.load(AttemptState, folder, records.STATE)
    except ValueError:
        return None


def stop(folder: str, *, grace: int | None = None, why: str = EndCause.CANCELLED) -> bool:
    """Have the attempt stopped: TERM, then KILL after `grace` milliseconds (None: as its spec says). Whether its shepherd lives.

    Returns at once; `Shepherd.wait` waits until it is gone. May be called again, to hurry it up.
    """
    if not alive(folder):
        return False
    with suppress(OSError):  # on a full disk it is stopped all the same, and does not hear why
        records.save(folder, records.STOP, StopRequest(str(why), grace))
    # It looks for the request after it has said which process it is, so one of us sees the other.
    if pid := _pid(folder):
        _send(pid, folder, signal.SIGTERM)
    return True


def answer(folder: str, question: str, *, allow: bool) -> bool:
    """Have the agent's question answered. Whether its shepherd lives; it takes the answer at once, if the question is open."""
    if not alive(folder):
        return False
    records.leave_answer(folder, PersonAnswer(question, allow))
    if pid := _pid(folder):
        _send(pid, folder, signal.SIGHUP)
    return True


def wake(folder: str) -> None:
    """Have a shepherd that was stopped (SIGSTOP) go on, so that its limits hold again. Harmless for one that runs, or has ended."""
    if pid := _pid(folder):
        _send(pid, folder, signal.SIGCONT)


def leftovers(folder: str) -> list[int]:
    """The processes of an attempt whose shepherd is gone: its agent's session, and what carries its mark. Empty on another boot."""
    known = state(folder)
    if known is None or not known.agent or known.boot != identity.boot_id():
        return []
    everybody = family.processes()
    leader = next((one for one in everybody if one.pid == known.agent), None)
    ours = (
        leader is None or leader.start == known.start
    )  # else the number was handed out again: the session is long gone
    inside = family.members(known.agent, everybody) if ours else []
    outside = family.marked(known.marker, known.start, everybody)
    return sorted({one.pid for one in [*inside, *outside]} - {os.getpid()})


def clear(folder: str, *, grace: int = 5_000) -> list[int]:
    """End what a killed shepherd has left: TERM, then KILL after `grace` milliseconds. The pids that would not end.

    Refuses (AttemptTaken) while a shepherd lives. No successor may start while something is left.
    """
    if alive(folder):
        raise AttemptTaken(f"the attempt in {folder} has a shepherd, which ends it")
    rest = leftovers(folder)
    family.send(rest, signal.SIGTERM)
    for number, most in ((signal.SIGKILL, grace / 1000), (signal.SIGKILL, _PATIENCE)):
        rest = _gone(folder, most)
        if not rest:
            break
        family.send(rest, number)
    return leftovers(folder)


def clear_containers(folder: str) -> tuple[str, ...]:
    """Remove what a killed shepherd has left of containers; what could not be. None where the attempt has none, also after a reboot."""
    try:
        spec = records.load(Spec, folder, records.SPEC)
    except ValueError:
        return ()
    if spec is None or spec.container is None:
        return ()
    box = spec.container

    def run(argv: Sequence[str]) -> bytes | None:
        try:
            done = processes.run(argv, cwd=None, env=box.environment, timeout=_DOCKER_TIME)
        except (OSError, processes.TimedOut):
            return None
        return None if done.code else done.stdout

    return containers.clear(box, run)


def reap() -> None:
    """Take note of the end of those that we have started, so that no zombies stay."""
    for pid in list(_started):
        with suppress(ChildProcessError):
            if not os.waitpid(pid, os.WNOHANG)[0]:
                continue
        _started.discard(pid)


def _gone(folder: str, most: float) -> list[int]:
    until, pause = clock.elapsed() + most, _LOOK
    while (rest := leftovers(folder)) and clock.elapsed() < until:
        clock.wait(pause)
        pause = min(pause * 2, 0.2)
    return rest


@contextmanager
def _lock(folder: str) -> Iterator[int | None]:
    """The attempt's lock, as long as the body runs, and as long as somebody has its handle; None where another has it.

    Who only looks whether it is held has it for a moment, too: that is waited for.
    """
    handle = os.open(os.path.join(folder, records.LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = clock.elapsed() + _PATIENCE
        while not _taken(handle) and clock.elapsed() < until:
            if state(folder) is not None:
                yield None
                return
            clock.wait(_LOOK)
        yield handle
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EAGAIN}:
            raise
        return False
    return True


def _pid(folder: str) -> int:
    known = state(folder)
    return known.shepherd if known else 0


def _send(pid: int, folder: str, number: int) -> None:
    """A signal for the shepherd, and for nobody else: the lock is held, so the pid that it wrote down is its own. Wakes one that is stopped."""
    with suppress(ProcessLookupError):
        if not hasattr(os, "pidfd_open"):
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)
            return
        handle = os.pidfd_open(pid)
        try:
            if alive(folder):
                signal.pidfd_send_signal(handle, number)
                signal.pidfd_send_signal(handle, signal.SIGCONT)
        finally:
            os.close(handle)


def _wait(shepherd: Shepherd, timeout: float | None) -> None:
    until = None if timeout is None else clock.elapsed() + timeout
    while alive(shepherd.folder):
        left = None if until is None else until - clock.elapsed()
        if left is not None and left <= 0:
            return
        try:
            handle = shepherd.fileno()
        except (AttributeError, OSError):  # no such thing here, or not known yet
            clock.wait(_LOOK if left is None else min(_LOOK, left))
            continue
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.poll(None if left is None else left * 1000)
        if not alive(shepherd.folder):
            return
        reap()
        clock.wait(_LOOK)  # its last files close after it counts as ended
