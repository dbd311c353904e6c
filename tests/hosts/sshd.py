"""Hosts for tests: real sshd's on this machine, each with keys, a HOME, a login shell and namespaces of its own.

`Hosts.start` brings one up in some 30 ms: a process that holds its namespaces (processes, network, mounts), and a thread that hands each
connection to a new `sshd -i` in them. Whatever was started there ends with it. What a host does wrong is an argument.
ssh finds them by `~/.ssh/config` of the test, which `Hosts` writes.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.workbench import ROOT

SHELLS = ("bash", "zsh", "fish", "tcsh", "dash")


def _has_namespaces() -> bool:
    probe = ("unshare", "--mount", "--pid", "--fork", "--net", "true")
    return subprocess.run(probe, capture_output=True).returncode == 0


def _has_sshd() -> bool:
    return all(map(shutil.which, ("ssh", "ssh-keygen", "unshare", "nsenter"))) and os.path.exists(
        "/usr/sbin/sshd"
    )


needs_hosts = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not _has_sshd() or not _has_namespaces(),
    reason="needs an OpenSSH server and root on Linux, for hosts with namespaces of their own",
)


needs_shells = pytest.mark.skipif(
    not all(map(shutil.which, SHELLS)), reason=f"needs the login shells {', '.join(SHELLS)}"
)


TOOL = f'exec "{sys.executable}" -m gitfleet "$@"\n'
"""The host's own gitfleet: ours."""
ANCIENT = "echo \"gitfleet: no such command 'on-host'\" >&2; exit 2\n"
"""A gitfleet from before there was anything to ask it."""


_OURS = "# made for a test"


class Host(NamedTuple):
    """A host that runs: its name for ssh, its port here, and its HOME."""

    name: str
    port: int
    home: Path
    stop: Callable[[], None]
    """Take it down, with everything that runs there. What was connected sees the connection break."""
    run: Callable[..., subprocess.CompletedProcess[str]]
    """`run("sh", "-c", …)`: run a program there, not by ssh."""
    host_key: Path
    """The public part of its key."""
    logins: Callable[[], int]
    """How many connections it has taken, dropped ones too."""


class Hosts:
    """The hosts of a test, and ssh's configuration for them: in `home`, else in the HOME of the test."""

    def __init__(self, folder: Path, home: Path | None = None) -> None:
        self._folder = folder
        self._home = home
        self._stops: list[Callable[[], None]] = []
        self._entries: list[str] = []
        self.names: list[str] = []
        """All hosts that ssh was told of."""
        self._key = folder / "key"
        _make_key(self._key)

    def start(
        self,
        name: str,
        *,
        shell: str = "bash",
        tool: str | None = TOOL,
        login: str = "",
        banner: str = "",
        accepts: bool = True,
        daemon: Sequence[str] = (),
        config: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> Host:
        """Bring a host up.

        `tool`: the script that is `gitfleet` there (None: there is none). `login`: what every login file holds. `accepts`: whether it
        knows our key. `daemon`: options of one sshd that takes all connections, such as `MaxStartups 2:100:2`, instead of one
        for each. `config`, `options`: further lines of sshd's configuration, and of ours for the host.
        """
        folder = self._folder / name
        home = folder / "home"
        _furnish(home, tool=tool, login=login)
        if accepts:
            (home / ".ssh").mkdir()
            shutil.copy(f"{self._key}.pub", home / ".ssh/authorized_keys")
        _make_key(folder / "host_key")
        lines = [
            f"HostKey {folder}/host_key", "StrictModes no", "UsePAM no", "PermitRootLogin yes", "PasswordAuthentication no",
            "KbdInteractiveAuthentication no", "PidFile none", "LogLevel VERBOSE", "AcceptEnv LANG LC_*", *config, *daemon,
        ]  # fmt: skip
        if banner:
            (folder / "banner").write_text(banner)
            lines.append(f"Banner {folder}/banner")
        (folder / "sshd_config").write_text("\n".join(lines) + "\n")
        _write_passwd(folder / "passwd", home, shutil.which(shell) or "/bin/sh")
        machine = _Machine(folder, one_for_all=bool(daemon))
        self._stops.append(machine.stop)
        self.know(name, machine.port, *options, host_key=folder / "host_key.pub")
        return Host(
            name, machine.port, home, machine.stop, machine.run, folder / "host_key.pub", machine.logins
        )

    def know(self, name: str, port: int, *options: str, host_key: Path | None = None) -> None:
        """Tell ssh of a host at a port of this machine. What is told for `*` last holds for all."""
        self.names.append(name)
        known = self._folder / f"{name}.known"
        if host_key is not None:
            key = " ".join(host_key.read_text().split()[:2])
            known.write_text(f"[127.0.0.1]:{port} {key}\n")
        self._entries.append(
            "\n    ".join(
                [
                    f"Host {name}",
                    *options,
                    "HostName 127.0.0.1",
                    f"Port {port}",
                    f"UserKnownHostsFile {known}",
                ]
            )
        )
        self.write()

    def forget(self, name: str) -> None:
        """Have ssh not know the key of a host."""
        (self._folder / f"{name}.known").unlink()

    def say(self, lines: str) -> None:
        """Further lines of ssh's configuration, before all others."""
        self._entries.insert(0, lines)
        self.write()

    def write(self) -> None:
        """Write ~/.ssh/config for the test that runs now."""
        folder = (self._home or Path(os.environ["HOME"])) / ".ssh"
        folder.mkdir(mode=0o700, exist_ok=True)
        config = folder / "config"
        assert not config.exists() or config.read_text().startswith(_OURS), (
            "this is somebody's own configuration"
        )
        rest = f"Host *\n    User root\n    IdentityFile {self._key}\n    IdentitiesOnly yes\n    IdentityAgent none\n    GlobalKnownHostsFile none\n"
        config.write_text("\n".join([_OURS, *self._entries, rest]))
        config.chmod(0o600)

    def silent(self, name: str, said: bytes = b"") -> threading.Event:
        """A host that takes connections, writes `said`, and nothing more; set when there has been one."""
        listener = socket.create_server(("127.0.0.1", 0))
        taken: list[socket.socket] = []
        first = threading.Event()

        def greet(connection: socket.socket) -> None:
            taken.append(connection)
            connection.sendall(said)
            first.set()

        def stop() -> None:
            for one in taken:
                one.close()

        self._stops += [_accepting(listener, greet), stop]
        self.know(name, listener.getsockname()[1])
        return first

    def closing(self, name: str) -> Callable[[], int]:
        """A host that closes every connection at once; how many there were."""
        listener = socket.create_server(("127.0.0.1", 0))
        taken: list[int] = []

        def close(connection: socket.socket) -> None:
            taken.append(1)
            connection.close()

        self._stops.append(_accepting(listener, close))
        self.know(name, listener.getsockname()[1])
        return lambda: len(taken)

    def down(self, name: str) -> None:
        """A host at whose port nothing listens."""
        nobodys = socket.socket()
        nobodys.bind(("127.0.0.1", 0))  # and nobody else's as long as we have it
        self._stops.append(nobodys.close)
        self.know(name, nobodys.getsockname()[1])

    def end(self) -> None:
        """Take all down."""
        for stop in reversed(self._stops):
            stop()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """Brings hosts up; see `Hosts`. All of them are down again after the test. Take it into a conftest by its name."""
    (tmp_path / "hosts").mkdir()
    made = Hosts(tmp_path / "hosts")
    try:
        yield made
    finally:
        made.end()


class _Machine:
    """The namespaces of a host, and the way in."""

    def __init__(self, folder: Path, *, one_for_all: bool) -> None:
        self._folder = folder
        self._count = 0
        sshd = f"/usr/sbin/sshd -f {folder}/sshd_config -E {folder}/log"
        hold = (
            "mount --make-rprivate / && mount -t proc proc /proc && mount -t tmpfs none /run && mkdir /run/sshd && "
            f"mount --bind {folder}/passwd /etc/passwd && trap '' CHLD && echo ready && exec cat"
        )
        apart = [
            "--pid",
            "--fork",
            "--kill-child",
            "--mount",
            "--uts",
            "--ipc",
            *(() if one_for_all else ("--net",)),
        ]
        self._holder = subprocess.Popen(
            ["unshare", *apart, "sh", "-c", hold],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n", "the namespaces of a host could not be made"
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()
        self._enter = ["nsenter", "--target", children[0], "--all"]
        if one_for_all:
            self.port = self._daemon(sshd)
            self._stop_taking: Callable[[], None] = lambda: None
        else:
            listener = socket.create_server(("127.0.0.1", 0), backlog=64)
            self.port = listener.getsockname()[1]
            self._serving: list[subprocess.Popen[bytes]] = []
            self._command = [*self._enter, *sshd.split(), "-i"]
            self._stop_taking = _accepting(listener, self._serve)

    def _daemon(self, sshd: str) -> int:
        """Have one daemon listen; where, which is elsewhere if somebody else was faster."""
        log = self._folder / "log"
        while True:
            before, port = len(log.read_text()) if log.exists() else 0, _free_port()
            address = f"ListenAddress 127.0.0.1:{port}"
            subprocess.run([*self._enter, *sshd.split(), "-o", address], check=True, cwd="/")
            told = ""
            while not any(words in told for words in ("Server listening", "Cannot bind any address")):
                os.sched_yield()  # it comes back before it listens
                told = log.read_text()[before:]
            if "Server listening" in told:
                return port

    def _serve(self, connection: socket.socket) -> None:
        self._count += 1
        with connection, suppress(OSError):
            self._serving.append(
                subprocess.Popen(
                    self._command, stdin=connection.fileno(), stdout=connection.fileno(), stderr=subprocess.DEVNULL, cwd="/",
                    env={"PATH": os.environ["PATH"]}, start_new_session=True,
                )
            )  # fmt: skip

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self._enter, *argv], capture_output=True, text=True, check=False)

    def logins(self) -> int:
        """How many connections the daemon wrote down, or were handed over."""
        log = self._folder / "log"
        text = log.read_text()
        return self._count or text.count("Connection from ") + text.count("drop connection #")

    def stop(self) -> None:
        """End it: with the first process of its namespace, all others are killed by the system."""
        if self._holder.returncode is not None:
            return
        self._stop_taking()
        os.killpg(self._holder.pid, signal.SIGKILL)
        self._holder.wait()
        for pipe in (self._holder.stdin, self._holder.stdout):
            if pipe is not None:
                pipe.close()
        for served in getattr(self, "_serving", []):
            served.kill()
            served.wait()


def _accepting(listener: socket.socket, take: Callable[[socket.socket], None]) -> Callable[[], None]:
    """Hand each connection to `take`, in a thread; what ends that."""

    def accept() -> None:
        with listener, suppress(OSError):
            while True:
                one = listener.accept()[0]
                with suppress(OSError):  # it has gone again
                    take(one)

    thread = threading.Thread(target=accept)
    thread.start()

    def stop() -> None:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()

    return stop


def _furnish(home: Path, *, tool: str | None, login: str) -> None:
    (home / ".local/bin").mkdir(parents=True)
    for name in (".bashrc", ".zshenv", ".tcshrc", ".config/fish/config.fish"):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(login)
    if tool is not None:
        program = home / ".local/bin/gitfleet"
        program.write_text(f'#!/bin/sh\nexport PYTHONPATH="{ROOT}"\n{tool}')
        program.chmod(0o755)


def _write_passwd(path: Path, home: Path, shell: str) -> None:
    rows = [line.split(":") for line in Path("/etc/passwd").read_text().splitlines()]
    mine = [[*row[:5], str(home), shell] if row[2:3] == [str(os.getuid())] else row for row in rows]
    path.write_text("".join(":".join(row) + "\n" for row in mine))


def _make_key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
