"""`session start -- COMMAND`, and requests to stop at moments when no command is there to hear of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from gitfleet.base.locks import NodeLock
from gitfleet.sessions.session_records import Session, everyone
from tests.cli.conftest import Cli
from tests.workbench import PATIENCE, overlaid

Process = subprocess.Popen[bytes]
Launched = Callable[..., Process]

IGNORING = "import os, signal, sys; signal.signal(int(sys.argv[1]), signal.SIG_IGN); os.execv(sys.argv[2], sys.argv[2:])"


@pytest.fixture
def launched(cli: Cli) -> Iterator[Launched]:
    """`launched(SCRIPT)` starts a launcher of a shell script; `ignoring`: a signal that it is started with ignored."""
    started: list[Process] = []

    def start(script: str, *, ignoring: int = 0) -> Process:
        argv = cli.gitfleet.argv(
            "session", "start", "--here", "--no-maintain", "--id", "told", "--claim", "src/"
        )
        before = (sys.executable, "-c", IGNORING, str(ignoring)) if ignoring else ()
        started.append(
            subprocess.Popen(
                [*before, *argv, "--", "sh", "-c", script], cwd=cli.clone.path, bufsize=0, process_group=0,
                env=overlaid({**cli.gitfleet.environment(), **cli.nobody}),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        )  # fmt: skip
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def sessions(cli: Cli) -> set[str]:
    with cli.clone.open() as fleet:
        return {one.id for one in everyone(fleet.current().view) if isinstance(one, Session)}


def hold(cli: Cli) -> NodeLock:
    return NodeLock(str(cli.clone.fleets.state("alone") / "lock"))


def said(process: Process, words: bytes) -> None:
    """Read what it says until this comes."""
    assert process.stderr is not None
    while words not in (line := process.stderr.readline()):
        assert line, "it has ended"


@pytest.mark.sample(1)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_request_before_the_command_runs_leaves_nothing(
    cli: Cli, launched: Launched, number: signal.Signals
) -> None:
    with hold(cli).held(10.0):
        process = launched("echo never")
        said(process, b"waiting for the fleet lock")
        process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (128 + number, b"")
    assert b"Traceback" not in err
    cli("sync").ok()
    assert "told" not in sessions(cli)
    cli("check", "src/").ok()


def test_requests_while_the_session_is_ended_keep_it_from_nothing(cli: Cli, launched: Launched) -> None:
    process = launched("echo up; read -r _; exit 3")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    with hold(cli).held(10.0):
        process.stdin.write(b"\n")
        said(process, b"waiting for the fleet lock")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3
    assert b"session told ended, exit code 3; released: src/" in err
    assert "told" not in sessions(cli)


def test_command_that_is_told_to_end_as_at_a_shutdown_can_be_taken_up_again_afterwards(
    cli: Cli, launched: Launched
) -> None:
    process = launched("echo up; exec sleep 1000")
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM
    assert "told" not in sessions(cli)
    (row,) = cli("restore", "--json").ok().json()["data"]["sessions"]
    assert (row["session"], row["worktree"]) == ("told", str(cli.clone.path))
    again = launched("echo up; read -r _")
    assert again.stdin is not None
    assert again.stdout is not None
    assert again.stdout.readline() == b"up\n"
    assert cli("restore").ok().stdout == "nothing was interrupted\n"
    again.stdin.write(b"\n")
    assert again.wait(PATIENCE) == 0
    assert cli("restore").ok().stdout == "nothing was interrupted\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_signal_that_is_ignored_by_whoever_started_the_launcher_reaches_nobody(
    cli: Cli, launched: Launched, number: signal.Signals
) -> None:
    process = launched(f"echo up; read -r _; kill -{number.name[3:]} $$; exit 6", ignoring=number)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.send_signal(number)
    process.stdin.write(b"\n")
    assert process.wait(PATIENCE) == 6
    assert "told" not in sessions(cli)


def test_parent_that_ignores_the_end_of_its_children_hides_no_exit_code(cli: Cli, launched: Launched) -> None:
    cli("claim", "src/", env=cli.other).ok()
    process = launched("echo never", ignoring=signal.SIGCHLD)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 10, err
    cli("release", "src/", env=cli.other).ok()
    assert launched("exit 5", ignoring=signal.SIGCHLD).wait(PATIENCE) == 5
