"""What happens in a new process between its fork and the program that it becomes. See `children`.

Everything here runs in a copy of the process that forked: it touches nothing of what that had open, and ends without
going back into its code.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, NoReturn

WORD = b"go\0"
_RESET = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTTOU)
"""What Python and we ignore. What our caller had us ignore (`nohup`) stays so; handlers end with the `exec` anyway."""
_PR_SET_PDEATHSIG = 1
_ENV_LIMIT = 1 << 20


class Program(NamedTuple):
    """What is to be run, and where. `path` is the file, `argv` what it is told, its own name first."""

    path: str
    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]


class Gate(NamedTuple):
    """The child's ends: where it reads the word to go (and more variables), and where it says why it could not."""

    word: int
    news: int


def become(program: Program, gate: Gate, connect: Callable[[], None]) -> NoReturn:
    """Wait for the word, then become the program. Without the word (our maker has died, or thinks better of it), end."""
    code = 127
    try:
        connect()
        data = _read_all(gate.word)
        if data.startswith(WORD):
            env = {**program.env, **_variables(data[len(WORD) :])}
            for number in _RESET:
                signal.signal(number, signal.SIG_DFL)
            code = _run(program, env, gate.news)
    finally:
        os._exit(code)


def oversee(program: Program, gate: Gate, terminal: int, reports: int) -> NoReturn:
    """Lead a session of its own on `terminal`, with the program as its one job; report its pid, stops and end.

    Without a leader in its own session a program on a terminal could not stop itself: the system lets nobody
    sleep whom no shell could wake. Reports are lines: `pid N`, `stopped SIGNAL`, `ended WAIT-STATUS`.
    """
    code = 1
    try:
        os.login_tty(terminal)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        pid = os.fork()
        if not pid:
            os.close(reports)
            become(program, gate, _in_front)
        for handle in gate:
            os.close(handle)
        _put_in_front(pid)
        os.write(reports, f"pid {pid}\n".encode())
        _watch(pid, reports)
        code = 0
    finally:
        os._exit(code)


def on_pipes(theirs: Sequence[int], *, apart: bool) -> Callable[[], None]:
    """Connects a child to pipes (standard output, standard error); `apart`: in a session of its own."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def connect() -> None:
        if apart:
            os.setsid()
        if prctl is not None:  # as by the end of a terminal: when its maker is killed, it hears of it
            prctl(_PR_SET_PDEATHSIG, int(signal.SIGHUP), 0, 0, 0)
        for number, handle in enumerate(theirs, start=1):
            os.dup2(handle, number, inheritable=True)

    return connect


def _in_front() -> None:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())


def _put_in_front(pid: int) -> None:
    """The same from the other side: whichever comes first."""
    with suppress(OSError):
        os.setpgid(pid, pid)
        os.tcsetpgrp(0, pid)


def _watch(pid: int, reports: int) -> None:
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            os.write(reports, f"stopped {os.WSTOPSIG(status)}\n".encode())
        else:
            os.write(reports, f"ended {status}\n".encode())
            return


def _run(program: Program, env: Mapping[str, str], news: int) -> int:
    try:
        os.chdir(program.cwd)
        os.execve(program.path, list(program.argv), dict(env))
    except OSError as error:
        os.write(news, str(error.errno).encode())
        return 127


def _read_all(handle: int) -> bytes:
    data = b""
    while part := os.read(handle, 65536):
        data += part
        if len(data) > _ENV_LIMIT:
            return b""
    return data


def _variables(data: bytes) -> dict[str, str]:
    pairs = (os.fsdecode(item).partition("=") for item in data.split(b"\0") if item)
    return {name: value for name, _, value in pairs}
