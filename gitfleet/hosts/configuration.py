"""The configuration that our ssh goes by: our own few words first, then the user's and the system's.

Options on the command line do not reach the ssh to a jump host, but the file of `-F` does: without it, a jump host would ask on
the terminal, however quiet we are. Owns that file, the folder that it and our shared connections lie in, and the environment
of every ssh. Nothing of the user's is written.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress

from gitfleet.base import clock, processes, text
from gitfleet.base.private_folders import private_folder
from gitfleet.codec import Struct
from gitfleet.errors import Blocked, UsageError

FOLDER = "gf"
LONGEST_SOCKET = 90
"""Bytes of a control socket's path: ssh makes it under a name that has 17 more."""
_RUN = "run-"
_SOCKET = "socket-"
LONGEST_FOLDER = LONGEST_SOCKET - len(f"/{_RUN}12345678/{_SOCKET}12345")
SYSTEM = "/etc/ssh/ssh_config"
IDLE = 60
"""Seconds after which a connection that nobody uses ends, should we not live to end it."""
_ASKING = ("SSH_ASKPASS", "DISPLAY", "WAYLAND_DISPLAY")
_QUICK = 10.0
_OLD = 3600
"""Seconds after which a folder that has not got its lock yet will get none."""


class Patience(Struct):
    """How long ssh waits, in seconds: for TCP and the version line; for a sign of life, `misses` times `alive`.

    `shared`: for the answer of a shared connection, which is that of a process on this machine.
    """

    connect: int = 10
    alive: int = 5
    misses: int = 3
    shared: float = 3.0


class SshFiles:
    """Our configuration files of one run, in a folder of their own that goes with it. Use it as a context manager.

    With `shared` connections are shared as the user's configuration says, with `alone` none is; `behind` has a jump host shared too.
    """

    def __init__(self, environment: Mapping[str, str], patience: Patience) -> None:
        self.environment = quiet(environment)
        self._patience = patience
        self._jumps = 0
        self._home = environment.get("HOME") or os.path.expanduser("~")

    def __enter__(self) -> SshFiles:
        """Make them. Raises Blocked where there is no folder for them, UsageError for a HOME that ssh could not be told."""
        above = private_folder(FOLDER, LONGEST_FOLDER)
        if not above:
            raise Blocked(
                "There is no folder with a short name for ssh's connections that only you can enter.",
                hint=f"Take away /tmp/{FOLDER}-{os.getuid()} if it is not yours.",
            )
        newer = _version(self.environment) >= (8, 7)
        users = [_quoted(path) for path in (os.path.join(self._home, ".ssh/config"), SYSTEM)]
        _sweep(above)
        self.folder = tempfile.mkdtemp(prefix=_RUN, dir=above)
        self._lock = os.open(os.path.join(self.folder, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._base = self._text(users, newer=newer, alone=False)
        self.shared = self._write("shared", self._base)
        self.alone = self._write("alone", self._text(users, newer=newer, alone=True))
        return self

    def __exit__(self, *exc: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)

    def behind(self, host: str) -> str:
        """A configuration in which a connection to this jump host has a socket of its own, unless the user's has one for it.

        By the name as it stands there, and not by what it stands for: two names of one host, each with its own key, are two.
        """
        self._jumps += 1
        path = os.path.join(self.folder, f"{_SOCKET}{self._jumps}")
        block = [f"Host {host}", "    ControlMaster no", f'    ControlPath "{path}"', ""]
        return self._write(f"behind-{self._jumps}", self._base + "\n".join(block))

    def _write(self, name: str, content: str) -> str:
        path = os.path.join(self.folder, name)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        return path

    def _text(self, users: list[str], *, newer: bool, alone: bool) -> str:
        patience = self._patience
        ours = [
            "BatchMode yes", f"ConnectTimeout {patience.connect}", "ConnectionAttempts 1", f"ServerAliveInterval {patience.alive}",
            f"ServerAliveCountMax {patience.misses}", "LogLevel ERROR", "RequestTTY no", "RemoteCommand none", "PermitLocalCommand no",
            "ForwardAgent no", "ForwardX11 no", "ClearAllForwardings yes", "EscapeChar none", "VisualHostKey no",
            *(_FROM_8_7 if newer else ()),
            *(("ControlMaster no", "ControlPath none") if alone else ()),
        ]  # fmt: skip
        lines = ["Host *", *(f"    {one}" for one in ours)]
        for path in users:
            lines += ["Host *", f"    Include {path}"]
        return "\n".join([*lines, ""])


_FROM_8_7 = ("StdinNull no", "ForkAfterAuthentication no", "SessionType default")


def quiet(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which neither our ssh nor one that it starts has anything to ask a person with.

    Nor do they belong to our session: a shared connection, or what keeps watch over paused processes, outlives it.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name not in _ASKING and not name.startswith("GITFLEET_")
    }
    return {**kept, "SSH_ASKPASS_REQUIRE": "never"}


def _quoted(path: str) -> str:
    """A path as ssh's configuration takes it, names with spaces too. Raises UsageError for one that it would read otherwise."""
    if not path.isprintable() or any(char in path for char in "\"'\\%$*?[]{}"):
        raise UsageError(
            f"ssh cannot be told to read {text.display(path)}.",
            hint="Set HOME to a folder with a plain name.",
        )
    return f'"{path}"'


def _version(environment: Mapping[str, str]) -> tuple[int, int]:
    """The version of OpenSSH here; (0, 0) where that is not known. Raises Blocked where there is no ssh."""
    try:
        done = processes.run(["ssh", "-V"], cwd=None, env=environment, timeout=_QUICK, own_session=True)
    except FileNotFoundError:
        raise Blocked("There is no ssh here.", hint="Install OpenSSH's client.") from None
    except (OSError, processes.TimedOut):
        return (0, 0)
    numbers = done.stderr.partition(b"OpenSSH_")[2].partition(b"p")[0].partition(b",")[0].split(b".")
    return (
        (int(numbers[0]), int(numbers[1]))
        if len(numbers) == 2 and all(map(bytes.isdigit, numbers))
        else (0, 0)
    )


def _sweep(above: str) -> None:
    """Take away the folders of runs that were killed. One whose lock is not free stays, and one that has none, until it is old."""
    for name in os.listdir(above):
        path = os.path.join(above, name)
        with suppress(OSError):
            if name.startswith(_RUN) and _is_left(path):
                shutil.rmtree(path, ignore_errors=True)


def _is_left(folder: str) -> bool:
    try:
        handle = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return clock.now() - os.lstat(folder).st_mtime > _OLD
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(handle)
    return True
