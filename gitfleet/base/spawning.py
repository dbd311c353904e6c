"""Programs started without the standard library's process module, whose import costs a tenth of a claim: what most commands start.

Owns `posix_spawn` and the pipes to what it started. What needs more (input to a program that also answers, files that it is to
have open, another search path) is for `popen`; `processes` chooses, and says what callers may count on.
"""

from __future__ import annotations

import fcntl
import os
import select
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import IO

from gitfleet.base import clock
from gitfleet.codec import Struct

_SIGKILL, _SIGPIPE, _SIGXFSZ = (
    9,
    13,
    25,
)  # the same on every system; the module `signal` makes a table of all of them


class Completed(Struct):
    """How a program ended: its argv, exit code (negative: the signal), and what it wrote."""

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes


class TimedOut(Exception):
    """The program did not end within its time and was killed."""


def suits(argv: Sequence[str], cwd: str | None, env: Mapping[str, str]) -> bool:
    """Whether a program can be started so: by our own search path, and in our own folder unless it goes to another by itself."""
    goes = cwd is None or argv[0] == "git"
    return goes and hasattr(os, "posix_spawnp") and env.get("PATH") == os.environ.get("PATH")


def run(
    argv: Sequence[str], *, cwd: str | None, env: Mapping[str, str], timeout: float, own_session: bool
) -> Completed:
    """Run a program that reads nothing. Raises TimedOut, OSError."""
    end = clock.elapsed() + timeout
    (out, out_there), (err, err_there) = pipe(), pipe()
    try:
        try:
            nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
            pipes = [(os.POSIX_SPAWN_DUP2, out_there, 1), (os.POSIX_SPAWN_DUP2, err_there, 2)]
            pid = _start(argv, cwd, env, [nothing, *pipes], own_session=own_session)
        finally:
            os.close(out_there)
            os.close(err_there)
        try:
            said = _read((out, err), end)
            return Completed(tuple(argv), _ended(pid, end), said[out], said[err])
        except BaseException:
            with suppress(ProcessLookupError):
                (os.killpg if own_session else os.kill)(pid, _SIGKILL)
            wait(pid)
            raise
    finally:
        os.close(out)
        os.close(err)


def talk(
    argv: Sequence[str], *, cwd: str | None, env: Mapping[str, str], own_session: bool
) -> tuple[int, IO[bytes], IO[bytes]]:
    """Start a program that answers: its pid, its input and its output. What it says else is dropped. Raises OSError."""
    (out, out_there), (entry_there, entry) = pipe(), pipe()
    actions = [
        (os.POSIX_SPAWN_DUP2, entry_there, 0), (os.POSIX_SPAWN_DUP2, out_there, 1),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]  # fmt: skip
    try:
        pid = _start(argv, cwd, env, actions, own_session=own_session)
    except BaseException:
        os.close(out)
        os.close(entry)
        raise
    finally:
        os.close(out_there)
        os.close(entry_there)
    return pid, open(entry, "wb"), open(out, "rb")


def wait(pid: int) -> int:
    """Wait for the end of a program: its exit code (negative: the signal); 0 where the system keeps none."""
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return 0


def kill(pid: int) -> None:
    """Kill a program that was started here; one that has been waited for, by whomever, is left alone."""
    with suppress(ChildProcessError, ProcessLookupError):
        if hasattr(os, "waitid"):  # not on macOS
            os.waitid(
                os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT
            )  # raises where its number may be another's
        os.kill(pid, _SIGKILL)


def pipe() -> tuple[int, int]:
    """A pipe, none of whose ends is in the place of an input or output of ours that is closed."""
    ends = os.pipe()
    if min(ends) > 2:
        return ends
    moved = tuple(fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 3) for one in ends)
    for one in ends:
        os.close(one)
    return moved[0], moved[1]


def inherited() -> list[int]:
    """What a program that we start would have open, beside its inputs and outputs."""
    found = []
    for name in os.listdir("/dev/fd"):
        with suppress(OSError):  # the one that the listing was made with
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.append(int(name))
    return found


def _start(
    argv: Sequence[str], cwd: str | None, env: Mapping[str, str], actions: Sequence[tuple[object, ...]], *, own_session: bool
) -> int:  # fmt: skip
    """Start a program with nothing of ours open but by `actions`, and with the signals that Python ignores as they were."""
    words = list(argv)
    if cwd is not None:
        os.stat(os.path.join(cwd, "."))  # raises as to go there would
        words[1:1] = ["-C", cwd]
    closed = [(os.POSIX_SPAWN_CLOSE, handle) for handle in inherited()]
    return os.posix_spawnp(
        words[0], words, env, file_actions=[*actions, *closed], setsid=own_session, setsigdef=[_SIGPIPE, _SIGXFSZ]
    )  # fmt: skip


def _read(handles: Collection[int], end: float) -> dict[int, bytes]:
    """All that comes from these, until each has ended. Raises TimedOut."""
    found = {handle: bytearray() for handle in handles}
    waiting = select.poll()
    for handle in handles:
        waiting.register(handle, select.POLLIN)
    left = len(found)
    while left:
        for handle, _ in _ready(waiting, end):
            piece = os.read(handle, 1 << 16)
            found[handle] += piece
            if not piece:
                waiting.unregister(handle)
                left -= 1
    return {handle: bytes(said) for handle, said in found.items()}


def _ended(pid: int, end: float) -> int:
    """Wait for the end of a program as `wait` does. Raises TimedOut."""
    try:
        handle = os.pidfd_open(pid)
    except (
        AttributeError,
        OSError,
    ):  # a system that has no such thing: what has closed its outputs is about to end
        return _polled(pid, end)
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        _ready(waiting, end)
    finally:
        os.close(handle)
    return wait(pid)


def _polled(pid: int, end: float) -> int:
    with suppress(ChildProcessError):
        while True:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                return os.waitstatus_to_exitcode(status)
            if clock.elapsed() > end:
                raise TimedOut
            select.poll().poll(1)
    return 0


def _ready(waiting: select.poll, end: float) -> list[tuple[int, int]]:
    found = waiting.poll(max(0.0, end - clock.elapsed()) * 1000)
    if not found:
        raise TimedOut
    return found
