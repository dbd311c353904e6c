"""Connections over ssh are shared for a minute, where the user's own ssh shares none, and only through a socket of this user alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gitfleet.base import ids, private_folders
from gitfleet.base.names import SessionId
from gitfleet.fleet import doctor
from gitfleet.git import ssh_sharing
from gitfleet.git.program import Git as Program
from gitfleet.ledger.model import Status
from gitfleet.sessions.left_running import left_running
from tests.fleetbench import Fleets
from tests.places import file_system, make_read_only, needs_sshd, ssh_command
from tests.workbench import Git


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("host:path/to.git", ["host"]),
        ("me@host:/path", ["me@host"]),
        ("ssh://host/path", ["host"]),
        ("ssh://me@host:2222/path", ["-p", "2222", "me@host"]),
        ("ssh://host:/path", ["host"]),
        ("git+ssh://me@[::1]:22/path", ["-p", "22", "me@::1"]),
        ("ssh://-oProxyCommand=x/path", None),
        ("-oProxyCommand=x:path", None),
        ("/path/with:colon", None),
        ("./a:b", None),
        ("../hub.git", None),
        ("https://host/path", None),
        ("https://me:secret@host:443/path", None),
        ("ext::sh -c x", None),
        ("file:///path", None),
        ("", None),
    ],
)
def test_target_is_what_git_tells_ssh_and_nothing_for_other_places(
    place: str, told: list[str] | None
) -> None:
    assert ssh_sharing.target(place) == told


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short XDG_RUNTIME_DIR; the masters that were left there are ended."""
    with tempfile.TemporaryDirectory(prefix="gf", dir="/tmp") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)
        for socket in sockets(Path(folder)):
            subprocess.run(
                ["/usr/bin/ssh", "-F", "none", "-S", socket, "-O", "exit", "x"], capture_output=True
            )


def variables(git: Program, place: str) -> Mapping[str, str | None]:
    found = ssh_sharing.connection(git, place)
    return found.variables() if found else {}


def sockets(runtime: Path) -> list[Path]:
    folder = runtime / "gitfleet-ssh"
    return sorted(folder.iterdir()) if folder.exists() else []


def master(socket: Path) -> int:
    """The process that keeps a connection open."""
    argv = ["/usr/bin/ssh", "-F", "none", "-S", str(socket), "-O", "check", "x"]
    told = subprocess.run(argv, capture_output=True, text=True, check=True)
    return int(told.stderr.partition("pid=")[2].partition(")")[0])


class Server:
    """An ssh server whose client is plain `ssh` on PATH."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        made = Path(ssh_command(folder))
        text = made.read_text().replace("exec ssh ", f"exec {shutil.which('ssh')} ")
        text = text.replace("exec /usr/sbin/sshd", f"echo .\\$\\$ >>{self._log}; exec /usr/sbin/sshd")
        self.program = folder / "bin/ssh"
        self.program.parent.mkdir()
        self.program.write_text(text)
        self.program.chmod(0o755)
        made.unlink()

    def configure(self, option: str) -> None:
        """Have the user's configuration say this."""
        self.program.write_text(self.program.read_text().replace("-F none", f'-F none -o "{option}"'))

    def pids(self) -> list[int]:
        """The servers of the connections since the last time, also those that have ended."""
        return [int(line.strip(".")) for line in self._log.read_text().split()]

    def take(self) -> int:
        """How many connections there were since the last time."""
        count = self._log.read_text().count(".") if self._log.exists() else 0
        self._log.unlink(missing_ok=True)
        return count


@pytest.fixture
def server(
    fleets: Fleets, git: Git, runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Server:
    """The hub of ada, behind ssh."""
    keys = tmp_path / "keys"
    keys.mkdir()
    server = Server(keys)
    monkeypatch.setenv("PATH", f"{server.program.parent}{os.pathsep}{os.environ['PATH']}")
    with fleets.open() as fleet:
        fleet.ledger.sync()
    git(fleets.clone("ada"), "remote", "set-url", "origin", f"root@loop:{fleets.hub}")
    return server


def work(fleets: Fleets) -> None:
    """Three exchanges."""
    assert fleets.claim("ada", "ada-1", "src/a.py").status is Status.CONFIRMED
    with fleets.open() as fleet:
        assert fleet.claims.release(SessionId("ada-1"), ["src/a.py"]).status is Status.CONFIRMED
        fleet.ledger.sync()


@needs_sshd
def test_commands_of_a_minute_share_one_connection_through_a_socket_of_the_user_alone(
    fleets: Fleets, server: Server, runtime: Path
) -> None:
    work(fleets)
    assert server.take() == 1
    assert (runtime / "gitfleet-ssh").stat().st_mode & 0o777 == 0o700
    assert len(sockets(runtime)) == 1
    with fleets.open() as fleet:
        (told,) = [one for one in doctor.examine(fleet) if one.what == "ssh"]
    assert told.ok
    assert "fleet.ssh-share" in told.words


@pytest.mark.sample(2)
@needs_sshd
@pytest.mark.parametrize("how", ["off", "sshCommand", "variable", "ControlPath", "open folder", "a link"])
def test_connections_are_each_their_own_where_that_is_the_user_s_wish_or_sharing_is_not_safe(
    fleets: Fleets, git: Git, server: Server, runtime: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    ada = fleets.clone("ada")
    if how == "off":
        git(ada, "config", "fleet.ssh-share", "false")
    elif how == "sshCommand":
        git(ada, "config", "core.sshCommand", "ssh")
    elif how == "variable":
        monkeypatch.setenv("GIT_SSH", "ssh")
    elif how == "ControlPath":
        server.configure(f"ControlPath={runtime}/own")
    else:
        monkeypatch.setattr(private_folders, "_TEMPORARY", "")
        (runtime / "there").mkdir(mode=0o700)
        (runtime / "gitfleet-ssh").symlink_to("there") if how == "a link" else (
            runtime / "gitfleet-ssh"
        ).mkdir()
        if how == "open folder":
            (runtime / "gitfleet-ssh").chmod(0o770)
    work(fleets)
    assert server.take() == 3
    assert sockets(runtime) == []
    with fleets.open() as fleet:
        assert [one for one in doctor.examine(fleet) if one.what == "ssh"] == []


@needs_sshd
def test_socket_whose_connection_has_died_is_no_obstacle(
    fleets: Fleets, server: Server, runtime: Path
) -> None:
    work(fleets)
    (socket,) = sockets(runtime)
    os.kill(master(socket), signal.SIGKILL)
    server.take()
    work(fleets)
    assert server.take() == 1


@needs_sshd
def test_connection_that_stays_open_is_of_no_session(
    fleets: Fleets, server: Server, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = ids.named("codex")
    monkeypatch.setenv("GITFLEET_SESSION", session)
    work(fleets)
    (socket,) = sockets(runtime)
    pid = master(socket)
    assert session.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
    for place in ("", str(fleets.clone("ada"))):
        assert pid not in [one.pid for one in left_running({session: place})[session]]


@needs_sshd
def test_connection_whose_server_is_silent_is_given_up_and_the_next_is_another(
    fleets: Fleets, server: Server, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = {"serveraliveinterval 0": ("ServerAliveInterval=1", "ServerAliveCountMax=1")}
    monkeypatch.setattr(ssh_sharing, "_WHERE_UNSAID", soon)
    work(fleets)
    (pid,) = server.pids()
    os.kill(pid, signal.SIGSTOP)
    try:
        work(fleets)
    finally:
        os.kill(pid, signal.SIGKILL)
    assert server.take() == 2


@needs_sshd
def test_shared_connection_keeps_to_what_the_user_says_of_silence_and_leaves_his_ports(
    fleets: Fleets, server: Server
) -> None:
    git = Program(str(fleets.clone("ada") / ".git"))
    said = str(variables(git, "loop:x"))
    assert "ServerAliveInterval=" in said
    assert "ConnectTimeout=" in said
    assert "ClearAllForwardings=yes" in said
    server.configure("ServerAliveInterval=77")
    server.configure("ConnectTimeout=88")
    said = str(variables(git, "loop:x"))
    assert "ServerAlive" not in said
    assert "ConnectTimeout" not in said


@needs_sshd
def test_folder_of_the_socket_may_be_taken_away_while_a_process_goes_on(
    fleets: Fleets, server: Server, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_folders, "_TEMPORARY", str(runtime))
    gone = runtime / "r"
    gone.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(gone))
    with fleets.open() as fleet:
        fleet.ledger.sync()
        (socket,) = sockets(gone)
        os.kill(master(socket), signal.SIGKILL)
        shutil.rmtree(gone)
        fleet.ledger.sync()
    assert server.take() == 2
    (left,) = (runtime / f"gitfleet-ssh-{os.getuid()}").iterdir()
    os.kill(master(left), signal.SIGKILL)


@needs_sshd
def test_folder_in_which_no_socket_can_be_made_keeps_nobody_from_the_hub(
    fleets: Fleets, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="gf", dir="/tmp") as above,
        file_system(Path(above) / "r", size="1m") as place,
    ):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
        (place / "gitfleet-ssh").mkdir(mode=0o700)
        make_read_only(place)
        work(fleets)
        assert sockets(place) == []


@needs_sshd
def test_hosts_that_ssh_reaches_otherwise_share_nothing(fleets: Fleets, server: Server) -> None:
    git = Program(str(fleets.clone("ada") / ".git"))
    said = {place: variables(git, f"{place}:x")["GIT_SSH_COMMAND"] for place in ("loop", "root@loop", "two")}
    assert len(set(said.values())) == len(said)
    server.configure("IdentityFile=/another")
    assert variables(git, "loop:x")["GIT_SSH_COMMAND"] != said["loop"]


def test_place_that_is_not_reached_by_ssh_costs_no_process(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = Program(str(repository / ".git"))
    monkeypatch.setenv("PATH", "")
    assert variables(git, "../hub.git") == {}


def test_ssh_that_is_not_openssh_shares_nothing(
    repository: Path, tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del runtime
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "ssh").write_text("#!/bin/sh\nexit 0\n")
    (tools / "ssh").chmod(0o755)
    (tools / "git").symlink_to(shutil.which("git") or "git")
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    assert variables(Program(str(repository / ".git")), "host:x") == {}
