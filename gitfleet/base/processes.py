"""The one door through which gitfleet starts programs.

Always an argv list, never a shell; the environment is handed over whole, so nothing is inherited by accident;
every run has a time limit.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import IO

from gitfleet.base import spawning

Completed = spawning.Completed
TimedOut = spawning.TimedOut


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
    argv = tuple(argv)
    if not (data or leaves) and spawning.suits(argv, cwd, env):
        try:
            return spawning.run(argv, cwd=cwd, env=env, timeout=timeout, own_session=own_session)
        except TimedOut as error:
            raise TimedOut(f"{argv[0]} took longer than {timeout:.0f} s") from error
    from gitfleet.base import popen  # see `spawning`

    return popen.run(
        argv, cwd=cwd, env=env, data=data, timeout=timeout, own_session=own_session, leaves=leaves
    )


def detach(argv: Sequence[str], *, env: Mapping[str, str], handles: Mapping[int, int], log: str) -> int:
    """Start a program that goes on by itself, in a session of its own; its pid. It is ours to reap, should we live that long.

    It has our `handles` open, each under a number of its own (3 and up), and no other that we were given, such as the locks or pipes
    of a script; it reads nothing, and writes to the file `log`. Raises OSError.
    """
    actions: list[tuple[int, int, str, int, int] | tuple[int, int, int] | tuple[int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
        *((os.POSIX_SPAWN_CLOSE, handle) for handle in spawning.inherited()),
    ]
    moved = {number: fcntl.fcntl(handle, fcntl.F_DUPFD_CLOEXEC, 64) for number, handle in handles.items()}
    try:
        actions += [(os.POSIX_SPAWN_DUP2, handle, number) for number, handle in moved.items()]
        return os.posix_spawn(argv[0], list(argv), env, file_actions=actions, setsid=True)
    finally:
        for handle in moved.values():
            os.close(handle)


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
        self.input: IO[bytes]
        self.output: IO[bytes]
        self.pid: int
        self._wait: Callable[[], int]
        if not handles and spawning.suits(argv, cwd, env):
            self.pid, self.input, self.output = spawning.talk(argv, cwd=cwd, env=env, own_session=own_session)
            self._wait = lambda: spawning.wait(self.pid)
            return
        from gitfleet.base import popen  # see `spawning`

        process = popen.talk(argv, cwd=cwd, env=env, handles=handles, own_session=own_session)
        assert process.stdin is not None
        assert process.stdout is not None
        self.pid, self._wait = process.pid, process.wait
        self.input, self.output = process.stdin, process.stdout

    def ask(self, lines: Iterable[str]) -> None:
        """Say lines to it. Raises BrokenPipeError when it has ended."""
        self.input.write("".join(f"{line}\n" for line in lines).encode())
        self.input.flush()

    def close(self, *, kill: bool = False) -> None:
        """End it: its input closes, and it is waited for; with `kill` by a signal, too. One that has died already is no error."""
        with suppress(BrokenPipeError):
            self.input.close()
        self.output.close()
        if kill:
            spawning.kill(self.pid)
        self._wait()

    def leave(self) -> None:
        """Let go of it in a process that was forked from its maker, who goes on talking to it."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for file in (self.input, self.output):
            os.dup2(nowhere, file.fileno(), inheritable=False)  # nothing that it still holds gets there
            file.close()
        os.close(nowhere)
