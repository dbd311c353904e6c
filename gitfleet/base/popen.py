"""Programs through the standard library's process module: what `spawning` is not for. Each answers as `processes` says."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import IO

from gitfleet.base import clock
from gitfleet.base.spawning import Completed, TimedOut


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


def run(
    argv: Sequence[str], *, cwd: str | None, env: Mapping[str, str], data: bytes, timeout: float, own_session: bool,
    leaves: bool,
) -> Completed:  # fmt: skip
    """See `processes.run`."""
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


def talk(
    argv: Sequence[str], *, cwd: str | None, env: Mapping[str, str], handles: Sequence[int], own_session: bool
) -> subprocess.Popen[bytes]:
    """Start a program that answers; see `processes.Conversation`."""
    return subprocess.Popen(
        list(argv), cwd=cwd, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        pass_fds=handles, start_new_session=own_session,
    )  # fmt: skip
