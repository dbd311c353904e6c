"""The one door through which gitfleet starts programs.

Always an argv list, never a shell; the environment is handed over whole, so nothing is inherited by accident;
every run has a time limit.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import IO

from gitfleet.base import clock
from gitfleet.codec import Struct


class Completed(Struct):
    """How a program ended: its argv, exit code (negative: the signal), and what it wrote."""

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes


class _Child(subprocess.Popen[bytes]):
    """A process that is waited for without pauses: Popen looks for its end only now and then, and sleeps a millisecond first."""

    def wait(self, timeout: float | None = None) -> int:
        if timeout is not None and self.returncode is None:
            with suppress(AttributeError, OSError):  # a system that has no such thing
                handle = os.pidfd_open(self.pid)
                try:
                    ended = select.poll()
                    ended.register(handle, select.POLLIN)
                    ended.poll(max(0.0, timeout) * 1000)
                finally:
                    os.close(handle)
        return super().wait(timeout)


class TimedOut(Exception):
    """The program did not end within its time and was killed."""


def run(
    argv: Sequence[str],
    *,
    cwd: str | None,
    env: Mapping[str, str],
    data: bytes = b"",
    timeout: float = 60.0,
    own_session: bool = False,
    leaves: bool = False,
) -> Completed:
    """Run a program to its end and answer what it did. Raises TimedOut, FileNotFoundError.

    With `leaves` it may leave others running that hold its output (a hook that starts a server): they are not waited for.

    With `own_session` a signal for our process group (Ctrl-C, a supervisor's kill) does not reach it: a push
    that is cut in two can leave a lock behind on the hub. When it has expired, what it has started ends with it.
    """
    with ExitStack() as stack:
        out, err = [stack.enter_context(_file()) if leaves else subprocess.PIPE for _ in range(2)]
        process = _Child(
            list(argv), cwd=cwd, env=dict(env), stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=own_session,
        )  # fmt: skip
        try:
            told = _communicate(process, data, timeout, whole=own_session)
        except subprocess.TimeoutExpired as error:
            raise TimedOut(f"{argv[0]} took longer than {timeout:.0f} s") from error
        stdout, stderr = (
            said or b"" if isinstance(file, int) else _read(file)
            for file, said in zip((out, err), told, strict=True)
        )
    return Completed(tuple(argv), process.returncode, stdout, stderr)


def _communicate(
    process: subprocess.Popen[bytes], data: bytes, timeout: float, *, whole: bool
) -> tuple[bytes | None, bytes | None]:
    """Feed it, and wait for its end. What takes too long is killed, and with `whole` all that it has started."""
    with process:
        try:
            return process.communicate(data, timeout=timeout)
        except BaseException as error:
            if whole and isinstance(error, subprocess.TimeoutExpired):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            raise


def tell(
    argv: Sequence[str], *, cwd: str, env: Mapping[str, str], data: bytes, timeout: float, most: int
) -> Completed:
    """Run a program that somebody else chose, for what it does: of its errors the first `most` bytes are kept, all else that it writes is passed over.

    It is a session of its own; what it leaves running is not waited for, and ends with it only when its time is over. Raises TimedOut, OSError.
    """
    end, said = clock.elapsed() + timeout, bytearray()
    with ExitStack() as stack:
        given = stack.enter_context(_file())
        given.write(data)
        given.seek(0)
        process = stack.enter_context(_Child(
            list(argv), cwd=cwd, env=dict(env), stdin=given, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        ))  # fmt: skip
        try:
            while process.poll() is None:
                piece = _piece(process, end - clock.elapsed())
                said += piece[: most - len(said)]
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise TimedOut(f"{argv[0]} took longer than {timeout:.0f} s") from error
            raise
        if not said:  # it ended before we looked
            said += _there(process, most)
    return Completed(tuple(argv), process.returncode, b"", bytes(said))


def _piece(process: _Child, left: float) -> bytes:
    """What it writes next to its errors, or b"" when it has ended. Raises TimeoutExpired after `left` seconds."""
    assert process.stderr is not None
    if left <= 0:
        raise subprocess.TimeoutExpired(process.args, left)
    with ExitStack() as stack:
        handles, pause = [process.stderr.fileno()], min(left, 0.05)
        with suppress(AttributeError, OSError):  # a system that has no such thing is asked now and then
            handles.append(os.pidfd_open(process.pid))
            stack.callback(os.close, handles[-1])
            pause = left
        ready = select.select(handles, [], [], pause)[0]
    if process.stderr.fileno() not in ready:
        return b""
    piece = os.read(process.stderr.fileno(), 1 << 16)
    if not piece:
        process.wait(left)
    return piece


def _there(process: _Child, most: int) -> bytes:
    assert process.stderr is not None
    handle = process.stderr.fileno()
    return os.read(handle, most) if select.select([handle], [], [], 0)[0] else b""


def _file() -> IO[bytes]:
    import tempfile  # 5 ms, and only for what runs hooks of others

    return tempfile.TemporaryFile()


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def ask(
    argv: Sequence[str],
    lines: Sequence[bytes],
    answered: Callable[[bytes], bool],
    *,
    cwd: str | None,
    env: Mapping[str, str],
    timeout: float,
) -> bytes | None:
    """Say `lines` to a program that serves for as long as it is listened to; its first line for which `answered` is true.

    None where it ends or `timeout` seconds pass before that. Then it is ended. Raises OSError when it cannot be started.
    """
    end = clock.elapsed() + timeout
    process = _Child(
        list(argv), cwd=cwd, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with suppress(BrokenPipeError):
            process.stdin.write(b"".join(line + b"\n" for line in lines))
            process.stdin.flush()
        return _answer(process.stdout.fileno(), answered, end)
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(max(0.1, min(2.0, end - clock.elapsed())))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _answer(handle: int, answered: Callable[[bytes], bool], end: float) -> bytes | None:
    rest = b""
    while (left := end - clock.elapsed()) > 0 and select.select([handle], [], [], left)[0]:
        data = os.read(handle, 1 << 16)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if answered(line):
                return line
        if not data:
            return None
    return None


def detach(argv: Sequence[str], *, env: Mapping[str, str], handles: Mapping[int, int], log: str) -> int:
    """Start a program that goes on by itself, in a session of its own; its pid. It is ours to reap, should we live that long.

    It has our `handles` open, each under a number of its own (3 and up), and no other that we were given, such as the locks or pipes
    of a script; it reads nothing, and writes to the file `log`. Raises OSError.
    """
    actions: list[tuple[int, int, str, int, int] | tuple[int, int, int] | tuple[int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
        *((os.POSIX_SPAWN_CLOSE, handle) for handle in _inherited()),
    ]
    moved = {number: fcntl.fcntl(handle, fcntl.F_DUPFD_CLOEXEC, 64) for number, handle in handles.items()}
    try:
        actions += [(os.POSIX_SPAWN_DUP2, handle, number) for number, handle in moved.items()]
        return os.posix_spawn(argv[0], list(argv), env, file_actions=actions, setsid=True)
    finally:
        for handle in moved.values():
            os.close(handle)


def _inherited() -> list[int]:
    """What a program that we start would have open, beside its inputs and outputs."""
    found = []
    for name in os.listdir("/dev/fd"):
        with suppress(OSError):  # the one that the listing was made with
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.append(int(name))
    return found


class Conversation:
    """A program that answers over pipes for as long as we ask, such as `git cat-file --batch`.

    `handles` are ours that it has open too. With `own_session` a signal for our process group does not reach it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None,
        env: Mapping[str, str],
        handles: Sequence[int] = (),
        own_session: bool = False,
    ) -> None:
        self._process = subprocess.Popen(
            list(argv), cwd=cwd, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            pass_fds=handles, start_new_session=own_session,
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.input: IO[bytes] = self._process.stdin
        self.output: IO[bytes] = self._process.stdout

    def ask(self, lines: Iterable[str]) -> None:
        """Say lines to it. Raises BrokenPipeError when it has ended."""
        self.input.write("".join(f"{line}\n" for line in lines).encode())
        self.input.flush()

    def close(self) -> None:
        """End it: its input closes, and it is waited for. One that has died already is no error."""
        with suppress(BrokenPipeError):
            self.input.close()
        self.output.close()
        self._process.wait()
