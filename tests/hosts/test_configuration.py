from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from gitfleet.base import private_folders
from gitfleet.errors import Blocked, UsageError
from gitfleet.hosts import configuration
from gitfleet.hosts.configuration import Patience, SshFiles, quiet


def files(environment: dict[str, str] | None = None) -> SshFiles:
    return SshFiles({**os.environ, **(environment or {})}, Patience(connect=7))


def told(path: str, host: str = "x") -> dict[str, str]:
    """What ssh makes of a configuration for a host."""
    done = subprocess.run(
        ["ssh", "-F", path, "-G", host], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    return dict(line.partition(" ")[::2] for line in done.stdout.splitlines())


def write_users(content: str) -> None:
    folder = Path(os.environ["HOME"]) / ".ssh"
    folder.mkdir(mode=0o700)
    (folder / "config").write_text(content)


def test_our_words_come_before_the_users_and_theirs_before_our_last(tmp_path: Path) -> None:
    write_users(
        "Host x\n  HostName 10.0.0.1\n  Port 2222\n  BatchMode no\n  ConnectTimeout 99\n  LogLevel DEBUG3\n  RequestTTY force\n"
        "  RemoteCommand top\n  ForwardAgent yes\n  LocalForward 1234 localhost:80\n  StdinNull yes\n  ProxyJump a\n"
        "Host y\n  ControlPath /tmp/theirs\n  ControlMaster auto\n"
    )
    with files() as made:
        x, y, alone = told(made.shared), told(made.shared, "y"), told(made.alone, "y")
        for path in (made.shared, made.alone, made.folder):
            assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0
    expected = {
        "hostname": "10.0.0.1", "port": "2222", "proxyjump": "a", "batchmode": "yes", "connecttimeout": "7", "loglevel": "ERROR",
        "requesttty": "false", "forwardagent": "no", "stdinnull": "no", "controlmaster": "false", "clearallforwardings": "yes",
    }  # fmt: skip
    assert {name: x[name] for name in expected} == expected
    assert "remotecommand" not in x
    assert "controlpath" not in x
    assert (y["controlpath"], y["controlmaster"]) == ("/tmp/theirs", "auto")
    assert (alone.get("controlpath", "none"), alone["controlmaster"]) == ("none", "false")
    assert not os.path.exists(made.folder)


def test_jump_host_has_a_socket_by_its_name_alone_unless_the_user_gave_it_one() -> None:
    write_users("Host a b\n  HostName 10.0.0.1\nHost theirs\n  ControlPath /tmp/theirs\n")
    with files() as made:
        first, second, theirs = made.behind("a"), made.behind("b"), made.behind("theirs")
        a, b = told(first, "a")["controlpath"], told(second, "b")["controlpath"]
        assert {os.path.dirname(path) for path in (a, b)} == {made.folder}
        assert a != b
        assert max(map(len, (a, b))) <= configuration.LONGEST_SOCKET
        assert "controlpath" not in told(first, "b")
        assert told(theirs, "theirs")["controlpath"] == "/tmp/theirs"


def test_nothing_that_asks_a_person_is_left_in_the_environment() -> None:
    found = quiet({"DISPLAY": ":0", "SSH_ASKPASS": "/x", "WAYLAND_DISPLAY": "w", "SSH_AUTH_SOCK": "/agent"})
    assert found == {"SSH_AUTH_SOCK": "/agent", "SSH_ASKPASS_REQUIRE": "never"}


@pytest.mark.parametrize("home", ["/home/a*b", "/home/a%h", '/home/a"b', "/home/${X}", "/home/a\nb"])
def test_home_that_ssh_would_read_otherwise_is_refused(home: str) -> None:
    with pytest.raises(UsageError, match="cannot be told to read"), files({"HOME": home}):
        pass


def test_home_with_spaces_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "a home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    write_users("Host x\n  Port 77\n")
    with files() as made:
        assert told(made.shared)["port"] == "77"


def test_ssh_that_is_not_there_is_told() -> None:
    with pytest.raises(Blocked, match="no ssh here"), files({"PATH": "/nowhere"}):
        pass


def test_folder_of_a_run_that_was_killed_is_swept_and_of_one_that_runs_is_kept() -> None:
    with files() as running:
        killed = Path(running.folder).parent / "run-killed0"
        unfinished = Path(running.folder).parent / "run-starting"
        never_begun = Path(running.folder).parent / "run-neverbeg"
        for folder in (killed, unfinished, never_begun):
            folder.mkdir(mode=0o700)
        (killed / "lock").touch()
        os.utime(never_begun, (0, 0))
        with files() as second:
            assert os.path.exists(running.folder)
            assert os.path.exists(second.folder)
            assert not killed.exists()
            assert not never_begun.exists()
            assert unfinished.exists()
        unfinished.rmdir()


def test_folder_that_others_could_enter_is_not_used(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_folders, "_TEMPORARY", "")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    (short / "gf").mkdir()
    (short / "gf").chmod(0o755)
    with pytest.raises(Blocked, match="no folder with a short name"), files():
        pass
    (short / "gf").chmod(0o700)
    with files() as made:
        assert made.folder.startswith(str(short))
