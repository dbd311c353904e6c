"""Runs a shell script in which `gitfleet` costs little: each command is a fork of a process that has loaded our modules.

That process, the server, is a child of the script's shell, so that who calls is seen as ever. What stands for `gitfleet` in the
script hands it arguments, folder, environment and open streams, and ends as the command does.
"""

from __future__ import annotations

import array
import marshal
import os
import selectors
import shlex
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from tests.workbench import PATIENCE, Gitfleet, Ran, become, overlaid

CLIENT = """
import _socket, marshal, os, sys
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
server.connect({path!r})
told = marshal.dumps((sys.argv[1:], os.getcwd(), dict(os.environ)))
streams = b"".join(one.to_bytes(4, sys.byteorder) for one in range(3))
head = len(told).to_bytes(8, "big")
server.sendmsg([head], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
server.sendall(told)
code = int(server.recv(16) or b"70")
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


def run_script(script: Path, directory: Path, gitfleet: Gitfleet, programs: Path) -> Ran:
    """Run it with `sh` to its end in `directory`; `programs`, an empty folder on its PATH, gets `gitfleet` and `git-fleet`."""
    with tempfile.TemporaryDirectory(prefix="gf-") as folder:  # the path of a socket must be short
        path = f"{folder}/s"
        client = Path(folder, "client.py")
        client.write_text(CLIENT.format(path=path), encoding="utf-8")
        for name in ("gitfleet", "git-fleet"):
            lines = [
                f'[ "$1" = web ] && exec {shlex.join(gitfleet.argv())} "$@"',  # it is ended by its number
                f'exec {shlex.quote(sys.executable)} -I -S {client} "$@"',
            ]
            (programs / name).write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
            (programs / name).chmod(0o755)
        env = overlaid({**gitfleet.environment(), "PATH": f"{programs}:{os.environ['PATH']}"})
        with socket.socket(socket.AF_UNIX) as server, tempfile.TemporaryFile() as said:
            server.bind(path)
            server.listen(64)
            living, life = os.pipe()
            sys.stdout.flush()
            sys.stderr.flush()
            pid = os.fork()
            if not pid:
                _shell(script, directory, env, gitfleet, server, living, life, said.fileno())
            os.close(living)
            code = _ended(pid)
            os.close(life)  # so the server ends
            said.seek(0)
            return Ran(("sh", str(script)), code, os.fsdecode(said.read()), "")


def _ended(pid: int) -> int:
    timer = threading.Timer(PATIENCE, os.kill, (pid, signal.SIGKILL))
    timer.start()
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        timer.cancel()


def _shell(
    script: Path,
    directory: Path,
    env: Mapping[str, str],
    gitfleet: Gitfleet,
    server: socket.socket,
    living: int,
    life: int,
    said: int,
) -> NoReturn:
    """In a fork: leave a child that serves, and become the shell."""
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        if not os.fork():
            for handle in (life, said):
                os.close(handle)
            _serve(server, living, gitfleet)
        os.dup2(said, 1)
        os.dup2(said, 2)
        os.chdir(directory)
        os.execvpe("sh", ["sh", str(script)], env)
    finally:
        os._exit(70)


def _serve(server: socket.socket, living: int, gitfleet: Gitfleet) -> None:
    """Start what is asked for, and tell its end, until the shell is gone."""
    ended, ends = os.pipe()
    os.set_blocking(ends, False)
    os.set_blocking(ended, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(ends)
    asking: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as news:
        for handle in (server.fileno(), living, ended):
            news.register(handle, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in news.select()}
            if living in ready:
                return
            if server.fileno() in ready:
                caller = server.accept()[0]
                asking[_started(caller, gitfleet)] = caller
            if ended in ready:
                os.read(ended, 65536)
            _tell(asking)


def _tell(asking: dict[int, socket.socket]) -> None:
    for pid in list(asking):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            with suppress(OSError), asking.pop(pid) as caller:
                caller.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def _started(caller: socket.socket, gitfleet: Gitfleet) -> int:
    streams = array.array("i")
    head, control, _, _ = caller.recvmsg(8, socket.CMSG_SPACE(3 * streams.itemsize))
    streams.frombytes(control[0][2])
    told = b""
    while len(told) < int.from_bytes(head, "big"):
        told += caller.recv(1 << 20)
    args, folder, env = _read(told)
    pid = os.fork()
    if not pid:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        become(gitfleet.argv(*args), Path(folder), env, list(streams))
    for stream in streams:
        os.close(stream)
    return pid


def _read(told: bytes) -> tuple[list[str], str, dict[str, str]]:
    found: Any = marshal.loads(told)
    args, folder, env = found
    return args, folder, env
