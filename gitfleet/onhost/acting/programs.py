"""The one place on a host that starts a process: a program whose answer is needed, and the keeper of what is paused."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence

_MOST = 8 << 20


def output(argv: Sequence[str], directory: str, seconds: float) -> bytes | None:
    """What a program writes, within `seconds`; None: it is not there, it failed, or it took longer (and was ended)."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "GITFLEET_"))
    }
    environment.update(LC_ALL="C", GIT_TERMINAL_PROMPT="0")
    try:
        child = subprocess.Popen(
            list(argv),
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
    with child:
        try:
            said, _ = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)
            return None
    return said if child.returncode == 0 and len(said) <= _MOST else None


def detach(work: Callable[[], None]) -> int:
    """Do `work` in a process of its own that outlives this one, holds nothing of ours open, and has no terminal. Answers its pid.

    Only for a process with one thread. The pid is known before `work` begins.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os._exit(_become(work, reader, writer))
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read(32)
    os.waitpid(child, 0)
    return int(said or 0)


def _become(work: Callable[[], None], reader: int, writer: int) -> int:
    """In the child: start the grandchild that does `work`, in a session of its own, and say its pid."""
    os.close(reader)
    os.setsid()
    grandchild = os.fork()
    if grandchild:
        os.write(writer, str(grandchild).encode())
        return 0
    code = 1
    try:
        _let_go()
        work()
        code = 0
    finally:
        os._exit(code)


def _let_go() -> None:
    """Hold no file of the parent open, no folder busy, and take no signal that was meant for it."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if int(name) > 2:
                os.close(int(name))
    os.chdir("/")
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
