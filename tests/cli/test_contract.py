"""What every command keeps to: exit codes, stdout for the answer alone, the envelope, closed pipes, Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

import gitfleet
from gitfleet.base.locks import NodeLock
from gitfleet.errors import EXIT_CODES, FleetError
from gitfleet.fleet.views import schema
from gitfleet.fleet.views.envelope import FailureAnswer
from tests.cli.conftest import Cli
from tests.workbench import PATIENCE, Git, Gitfleet, overlaid

ENVELOPE = {"schema_version", "command", "status", "data", "warnings"}
DEVICE = Path("/dev/full")


def kinds(kind: type[FleetError]) -> list[type[FleetError]]:
    return [kind, *[one for sub in kind.__subclasses__() for one in kinds(sub)]]


def start(cli: Cli, *args: str, stdout: int | IO[bytes] = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """The command line as a process that a test can do things to."""
    env = overlaid({**cli.gitfleet.environment(), **cli.clone.as_session(cli.clone.session)})
    argv = cli.gitfleet.argv(*args)
    return subprocess.Popen(argv, cwd=cli.clone.path, env=env, stdout=stdout, stderr=subprocess.PIPE)


def test_every_error_has_an_exit_code_of_the_one_table() -> None:
    assert {kind.exit_code for kind in kinds(FleetError)} <= set(EXIT_CODES)
    assert all(words for pair in EXIT_CODES.values() for words in pair)


@pytest.mark.parametrize(
    ("args", "code", "status"),
    [
        (["claim", "src/"], 0, "ok"),
        (["claim"], 2, "usage-error"),
        (["claim", "--frobnicate"], 2, "usage-error"),
        (["-C", "/nowhere", "claims"], 2, "usage-error"),
        (["claim", "../x"], 2, "bad-path"),
        (["release", "x", "--all"], 2, "usage-error"),
        (["session", "show", "nobody-1"], 2, "no-session"),
        (["session", "start", "--pid", "-5"], 2, "usage-error"),
        (["uninstall", "--frobnicate"], 2, "usage-error"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_json_is_one_envelope_also_for_what_could_not_be_understood(
    cli: Cli, args: list[str], code: int, status: str
) -> None:
    ran = cli(*args, "--json").ended(code)
    answer = ran.json()
    assert set(answer) == ENVELOPE
    assert answer["status"] == status
    assert ran.stdout.isascii()
    if code:
        schema.validate(FailureAnswer, answer["data"], more=True)


def test_json_after_the_end_of_options_is_a_path(cli: Cli) -> None:
    ran = cli("claim", "--frobnicate", "--", "--json").ended(2)
    assert ran.stdout == ""


@pytest.mark.parametrize(
    "args", [["claim", "x"], ["claims"], ["status"], ["log"], ["session", "list"], ["uninstall"]]
)
def test_outside_of_a_repository_and_of_a_fleet_every_command_ends_with_2(
    gitfleet: Gitfleet, tmp_path: Path, repository: Path, args: list[str]
) -> None:
    outside = gitfleet(tmp_path, *args).ended(2)
    assert "not in a git repository" in outside.stderr
    assert outside.stdout == ""
    unjoined = gitfleet(repository, *args).ended(2)
    assert "not part of a fleet" in unjoined.stderr
    assert gitfleet(repository, *args, "--json").ended(2).json()["status"] == "no-fleet"


def test_help_and_version_answer_on_stdout(gitfleet: Gitfleet, tmp_path: Path) -> None:
    assert gitfleet(tmp_path, "--version").ok().stdout == f"gitfleet {gitfleet_version()}\n"
    for args in (["--help"], ["claim", "--help"], ["session", "start", "--help"]):
        ran = gitfleet(
            tmp_path, *args, env={"NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "xterm-256color"}
        ).ok()
        assert "usage: gitfleet" in ran.stdout
        assert "\x1b" not in ran.stdout
    assert "usage: gitfleet" in gitfleet(tmp_path).ok().stdout


def gitfleet_version() -> str:
    return gitfleet.__version__


def test_pipe_that_nobody_reads_changes_no_exit_code(cli: Cli) -> None:
    cli("claim", "src/", env=cli.other).ok()
    for args, code in [
        (["check", "src/x"], 10),
        (["claims"], 0),
        (["claims", "--json"], 0),
        (["claim", "src/x"], 10),
    ]:
        read, write = os.pipe()
        os.close(read)
        process = start(cli, *args, stdout=write)
        os.close(write)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, err
        assert b"Traceback" not in err
        assert b"BrokenPipe" not in err


@pytest.mark.skipif(not DEVICE.exists(), reason="needs /dev/full")
def test_answer_that_cannot_be_written_is_said_and_what_was_done_stays(cli: Cli) -> None:
    for args in (["claim", "src/"], ["claims", "--json"], ["status"]):
        with DEVICE.open("wb") as full:
            process = start(cli, *args, stdout=full)
            _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 20
        assert b"could not be written: No space left on device" in err
        assert b"Traceback" not in err
    cli("check", "src/x").ok()


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_closed_output_is_nobody_to_tell(cli: Cli, closed: str) -> None:
    words = " ".join([*cli.gitfleet.argv("claim"), '"$1"', closed])
    env = overlaid({**cli.gitfleet.environment(), **cli.clone.as_session(cli.clone.session)})
    done = subprocess.run(["sh", "-c", words, "sh", "src/"], cwd=cli.clone.path, env=env, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    cli("check", "src/x").ok()


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "args", [["claim", "src/"], ["claim", "src/", "--json"], ["sync"], ["claim", "--ttl", "1h", "x"]]
)
def test_interrupt_ends_with_130_and_leaves_nothing_half_done(cli: Cli, args: list[str]) -> None:
    lock = NodeLock(str(cli.clone.fleets.state("alone") / "lock"))
    with lock.held(10.0):
        process = start(cli, *args)
        assert process.stderr is not None
        waiting = process.stderr.readline()  # it says so after two seconds
        assert b"waiting for the fleet lock" in waiting
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert b"interrupted" in err
    assert b"Traceback" not in err
    assert (b'"status": "interrupted"' in out) == ("--json" in args)
    cli("sync").ok()


INTERRUPTED = """
import signal, sys
class AtImport:
    def find_spec(self, name, *rest):
        if name == "gitfleet.cli.app":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, AtImport())
from gitfleet.cli.main import main
sys.exit(main())
"""


def test_interrupt_before_the_command_has_begun_ends_with_130(cli: Cli) -> None:
    argv = [sys.executable, "-c", INTERRUPTED, "worktree"]
    done = subprocess.run(argv, capture_output=True, env=overlaid(cli.gitfleet.environment()))
    assert (done.returncode, done.stderr) == (130, b"")


def test_file_of_ours_that_may_not_be_read_is_no_bug(cli: Cli) -> None:
    code = "import sys\nfrom gitfleet.cli import boundary\n"
    code += "def look():\n    raise PermissionError(13, 'Permission denied', '/there/node.json')\n"
    code += "sys.exit(boundary.run('x', look, as_json='--json' in sys.argv))"
    for args in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *args], capture_output=True, env=overlaid(cli.gitfleet.environment())
        )
        assert done.returncode == 20
        assert b"no permission for /there/node.json" in done.stdout + done.stderr
        assert (b'"local-storage"' in done.stdout) == bool(args)


def test_bug_of_ours_is_one_line_and_exit_code_70(cli: Cli) -> None:
    broken = cli.clone.fleets.state("alone") / "sessions"
    broken.mkdir(exist_ok=True)
    code = "import sys\nfrom gitfleet.cli import boundary\n"
    code += "sys.exit(boundary.run('x', lambda: 1 / 0, as_json='--json' in sys.argv))"
    for args in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *args], capture_output=True, env=overlaid(cli.gitfleet.environment())
        )
        assert done.returncode == 70
        assert b"internal error, please report it: ZeroDivisionError" in done.stderr
        assert b"Traceback" not in done.stderr
        assert (b"internal-error" in done.stdout) == bool(args)


def test_commands_run_where_they_are_told_to(cli: Cli, gitfleet: Gitfleet, tmp_path: Path, git: Git) -> None:
    env = cli.clone.as_session(cli.clone.session)
    gitfleet(tmp_path, "-C", str(cli.clone.path / "src"), "claim", "src", env=env).ok()
    linked = tmp_path / "linked tree"
    git(cli.clone.path, "worktree", "add", "--quiet", "-b", "linked", linked)
    assert gitfleet(linked, "check", "src/x", env=env).ok().stdout == "mine    src/x\n"


def test_session_noun_with_json_lists_as_its_verb_does(cli: Cli) -> None:
    assert cli("session", "--json").ok().json()["command"] == "session list"
