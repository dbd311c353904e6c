"""`gitfleet status` as people and programs see it: whole output, plain, as JSON, on a terminal, and while it watches."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base.names import SessionId
from gitfleet.claims import model
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.cli import status_view
from gitfleet.cli.answer import Grid
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import status
from gitfleet.git import fleetrefs
from gitfleet.ledger.model import View
from gitfleet.sessions.service import Start
from tests.fleetbench import Fleets
from tests.workbench import PATIENCE, Git, Gitfleet, Overlay, overlaid


@pytest.fixture
def agent() -> Iterator[subprocess.Popen[bytes]]:
    """A process that a session lives with."""
    process = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def alone(fleets: Fleets, agent: subprocess.Popen[bytes], git: Git, tmp_path: Path) -> Path:
    """A clone that is its own hub, with one session that says a lot and two that say nothing."""
    clone = fleets.clone("alone")
    log = tmp_path / "s1.log"
    log.write_bytes(b"first\n\x1b[31msecond\x1b[0m\n\x00th\x1b]0;evil\x07ird\n")
    (clone / "new.py").write_text("x")
    begin(clone, "s1", agent, log)
    fleets.claim("alone", "s1", "src/", "docs/")
    return clone


def begin(clone: Path, session: str, agent: subprocess.Popen[bytes], log: Path | str = "") -> None:
    with Fleet.open(str(clone)) as fleet:
        title = "Fix \x1b[2J [red]it"
        start = Start(session, pid=agent.pid, agent="codex", title=title, orchestrator="CrewAI", log=str(log))
        fleet.sessions.start(start)


def masked(text: str, clone: Path) -> str:
    """`text` without what differs from run to run."""
    text = text.replace(str(clone), "CLONE")
    text = re.sub(r"/\S*/(ada|bob|alone)(?=\W)", "ELSEWHERE", text)
    with Fleet.open(str(clone)) as fleet:
        text = text.replace(fleet.ledger.node.id, "NODE")
    return re.sub(r"\S+ ago", "AGO", re.sub(r" +", " ", text))


PLAIN = r"""node NODE, ledger at generation 3; this clone is the hub
3 sessions (1 alive, 2 unknown), 2 claims
SESSION LIVENESS AGENT PATTERN BRANCH +/- DIRTY CLAIMS ACTIVE NODE WORKTREE TITLE
alone-1 unknown tester generic - - - 0 AGO NODE ELSEWHERE
alone-2 unknown tester generic - - - 0 AGO NODE ELSEWHERE
s1 alive codex crewai main +0 -0 1 2: docs/, src/ AGO NODE CLONE Fix \x1b[2J [red]it

s1: the last 2 lines of its log
 | second
 | \x00third
"""


def test_status_in_a_pipe_is_plain_text(alone: Path, gitfleet: Gitfleet) -> None:
    ran = gitfleet(alone, "status", "--tail", "2").ok()
    assert masked(ran.stdout, alone) == PLAIN
    assert "\x1b" not in ran.stdout + ran.stderr
    assert "no worktree of this clone" in ran.stderr


def test_status_as_json_has_everything_in_the_envelope(alone: Path, gitfleet: Gitfleet) -> None:
    answer = gitfleet(alone, "status", "--json", "--tail", "2").ok().json()
    assert answer.keys() == {"schema_version", "command", "status", "data", "warnings"}
    assert (answer["command"], answer["status"]) == ("status", "ok")
    found: dict[str, Any] = next(row for row in answer["data"]["sessions"] if row["id"] == "s1")
    wanted = {
        "liveness": "alive", "quiet_for": None, "orchestration_pattern": "crewai", "branch": "main", "ahead": 0, "behind": 0,
        "dirty": 1, "claim_count": 2, "log_tail": ["second", r"\x00third"], "agent": "codex", "worktree": str(alone),
    }  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted
    assert [claim["pattern"] for claim in found["claims"]] == ["docs/", "src/"]
    ledger = answer["data"]["ledger"]
    assert (ledger["generation"], ledger["hub"], ledger["tentative"], ledger["alarm"]) == (3, None, 0, None)


def test_status_on_both_lanes_of_the_command_line_is_the_same(alone: Path, gitfleet: Gitfleet) -> None:
    quick = gitfleet(alone, "status", "--json", "--tail", "1").ok().json()
    full = gitfleet(alone, "-C", ".", "status", "--json", "--tail", "1").ok().json()
    for answer in (quick, full):
        for row in answer["data"]["sessions"]:
            row["idle"] = 0
    assert quick == full


@pytest.mark.parametrize("arguments", [["--tail", "x"], ["--tail", "-1"], ["what"], ["--tail"]])
def test_status_that_cannot_be_understood_is_a_usage_error(
    alone: Path, gitfleet: Gitfleet, arguments: list[str]
) -> None:
    gitfleet(alone, "status", *arguments).ended(2)


def test_status_outside_of_a_fleet_says_what_to_do(repository: Path, gitfleet: Gitfleet) -> None:
    ran = gitfleet(repository, "status").ended(2)
    assert "gitfleet init" in ran.stderr


def test_status_of_a_fleet_without_sessions_says_so(fleets: Fleets, gitfleet: Gitfleet) -> None:
    with fleets.open("alone") as fleet:
        for session in ("alone-1", "alone-2"):
            fleet.sessions.end(SessionId(session))
    ran = gitfleet(fleets.clone("alone"), "status").ok()
    assert ran.stdout.splitlines()[1:] == ["no sessions"]


def test_status_with_an_alarm_says_it_first_and_what_to_do(
    fleets: Fleets, git: Git, gitfleet: Gitfleet
) -> None:
    git(fleets.hub, "update-ref", "-d", fleetrefs.COORD)
    gitfleet(fleets.clone("ada"), "claim", "src/", "--session", "ada-1").ended(13)
    ran = gitfleet(fleets.clone("ada"), "status").ok()
    assert "gitfleet doctor" in ran.stdout.splitlines()[2]
    assert "ALARM" in ran.stdout.splitlines()[4]
    assert "no longer has the fleet's ledger" in ran.stderr
    assert "gitfleet doctor" in ran.stderr


def on_a_terminal(argv: tuple[str, ...], directory: Path, env: Overlay, columns: int) -> str:
    """What a program writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        argv,
        cwd=directory,
        env=overlaid({"COLUMNS": str(columns), **env}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65536):
            seen += part
    except OSError:  # all have closed their end
        pass
    os.close(ours)
    assert process.wait(PATIENCE) == 0, seen
    return seen.decode()


def test_status_on_a_terminal_is_a_coloured_table_that_fits(alone: Path, gitfleet: Gitfleet) -> None:
    environment = {**gitfleet.environment(), "TERM": "xterm-256color"}
    seen = on_a_terminal(gitfleet.argv("status", "--tail", "3"), alone, environment, 78)
    assert "\x1b[32malive" in seen
    assert "\x1b[2J" not in seen
    assert "\x1b]0;" not in seen
    plain = re.sub(r"\x1b\[[0-9;]*m", "", seen)
    row = next(line for line in plain.splitlines() if line.startswith("s1 "))
    assert len(row) <= 78
    assert "2: docs/, src/" in row
    assert "\x1b[32m" not in on_a_terminal(
        gitfleet.argv("status"), alone, {**environment, "NO_COLOR": "1"}, 200
    )


@pytest.fixture
def watching(gitfleet: Gitfleet) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a watch whose output is read as text."""
    started: list[subprocess.Popen[str]] = []
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # where it is ignored, children ignore it too

    def start(directory: Path, *arguments: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                gitfleet.argv("status", "--watch", *arguments),
                cwd=directory,
                env=overlaid(gitfleet.environment()),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    signal.signal(signal.SIGINT, before)
    for process in started:
        process.kill()
        process.communicate()


def test_watch_shows_changes_only_and_ends_well_with_ctrl_c(
    alone: Path, watching: Callable[..., subprocess.Popen[str]], fleets: Fleets
) -> None:
    watch = watching(alone, "--json")
    assert watch.stdout is not None
    first = json.loads(watch.stdout.readline())
    fleets.claim("alone", "alone-1", "README.md")
    second = json.loads(watch.stdout.readline())
    counts = [
        {row["id"]: row["claim_count"] for row in answer["data"]["sessions"]} for answer in (first, second)
    ]
    assert counts == [{"alone-1": 0, "alone-2": 0, "s1": 2}, {"alone-1": 1, "alone-2": 0, "s1": 2}]
    watch.send_signal(signal.SIGINT)
    rest, _ = watch.communicate(timeout=PATIENCE)
    assert (watch.returncode, rest) == (0, "")


def test_watch_whose_reader_is_gone_ends(
    alone: Path, watching: Callable[..., subprocess.Popen[str]], fleets: Fleets
) -> None:
    watch = watching(alone)
    assert watch.stdout is not None
    assert watch.stdout.readline().startswith("node ")
    watch.stdout.close()
    fleets.claim("alone", "alone-1", "README.md")
    assert watch.wait(PATIENCE) == 0


def test_watch_whose_reader_is_gone_ends_although_nothing_changes(
    alone: Path, watching: Callable[..., subprocess.Popen[str]]
) -> None:
    watch = watching(alone, "--json")
    assert watch.stdout is not None
    watch.stdout.readline()
    watch.stdout.close()
    assert watch.wait(PATIENCE) == 0


def test_watch_shows_the_end_of_a_process_when_it_ends(
    alone: Path, watching: Callable[..., subprocess.Popen[str]], agent: subprocess.Popen[bytes]
) -> None:
    watch = watching(alone, "--json")
    assert watch.stdout is not None
    watch.stdout.readline()
    agent.kill()
    answer = json.loads(watch.stdout.readline())["data"]
    assert [row["liveness"] for row in answer["sessions"] if row["id"] == "s1"] == ["dead"]
    assert [one["who"] for one in answer["inbox"]["items"]] == ["s1"]


def test_watch_on_a_terminal_is_drawn_anew_for_its_new_size_and_ends_with_ctrl_c(
    alone: Path, gitfleet: Gitfleet
) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    env = overlaid({**gitfleet.environment(), "TERM": "xterm", "COLUMNS": None, "LINES": None})
    argv = [sys.executable, "-c", OWNING_ITS_TERMINAL, *gitfleet.argv("status", "--watch")]
    with subprocess.Popen(
        argv, cwd=alone, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        seen = _until(ours, b"TITLE")
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 60, 0, 0))
        while b"TITLE" in seen.rpartition(b"\x1b[2J")[2] or b"BRANCH" not in seen.rpartition(b"\x1b[2J")[2]:
            seen += os.read(ours, 1 << 16)
        os.write(ours, b"\x03")
        with suppress(OSError):
            while os.read(ours, 1 << 16):
                pass
        assert process.wait(PATIENCE) == 0
    os.close(ours)


def test_watch_on_a_low_terminal_shows_what_fits_and_leaves_alone_what_has_scrolled_away(
    alone: Path, gitfleet: Gitfleet
) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 5, 200, 0, 0))
    env = overlaid({**gitfleet.environment(), "TERM": "xterm", "COLUMNS": None, "LINES": None})
    argv = [sys.executable, "-c", OWNING_ITS_TERMINAL, *gitfleet.argv("status", "--watch")]
    with subprocess.Popen(
        argv, cwd=alone, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        seen = _until(ours, b"\x1b[J")
        seen += _until(ours, b"\x1b[J")
        process.kill()
    os.close(ours)
    first, second = seen.decode().split("\x1b[J")[:2]
    assert first.startswith("\x1b[H\x1b[2J")
    assert second.startswith("\x1b[H")
    assert "\x1b[2J" not in second
    assert "\x1b[3J" not in seen.decode()
    for drawn in (first, second):
        assert re.search(r"and \d more lines than this terminal has", drawn)
        assert drawn.count("\n") == 4, drawn


OWNING_ITS_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def _until(handle: int, word: bytes) -> bytes:
    seen = b""
    while word not in seen:
        seen += os.read(handle, 1 << 16)
    return seen


def test_watch_that_meets_an_error_ends_with_its_code(
    repository: Path, watching: Callable[..., subprocess.Popen[str]]
) -> None:
    watch = watching(repository, "--json")
    out, _ = watch.communicate(timeout=PATIENCE)
    assert watch.returncode == 2
    assert json.loads(out)["status"] == "no-fleet"


def test_session_list_and_show_tell_liveness_as_status_does(
    alone: Path, gitfleet: Gitfleet, agent: subprocess.Popen[bytes]
) -> None:
    agent.kill()
    agent.wait()
    listed = gitfleet(alone, "session", "list", "--json").ok().json()["data"]["sessions"]
    shown = gitfleet(alone, "session", "show", "s1", "--json").ok().json()["data"]["session"]
    assert {row["id"]: row["liveness"] for row in listed}["s1"] == shown["liveness"] == "dead"
    assert shown["orchestration_pattern"] == "crewai"


def test_status_of_many_sessions_shows_those_in_trouble_first_and_counts_the_rest(
    alone: Path, gitfleet: Gitfleet, agent: subprocess.Popen[bytes]
) -> None:
    with Fleet.open(str(alone)) as fleet:
        for number in range(40):
            fleet.sessions.start(Start(f"many-{number:02}", pid=agent.pid, agent="codex"))
        gone = subprocess.Popen(["sleep", "600"])
        fleet.sessions.start(Start("gone", pid=gone.pid, agent="codex"))
        gone.kill()
        gone.wait()
    lines = gitfleet(alone, "status").ok().stdout.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("SESSION"))
    assert [line.split()[0] for line in lines[head + 1 : head + 4]] == ["gone", "alone-1", "alone-2"]
    shown = {line.split()[0] for line in lines[head + 1 : -1]}
    sessions = gitfleet(alone, "status", "--json").ok().json()["data"]["sessions"]
    claims = sum(row["claim_count"] for row in sessions if row["id"] not in shown)
    words = f"{claims} claim" if claims == 1 else f"{claims} claims"
    assert lines[-1] == f"and 4 sessions (4 alive), {words}: `gitfleet session list`"
    assert len(lines) == head + 42


def test_status_of_very_many_claims_reads_few_of_them_and_shows_the_same(
    alone: Path, fleets: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleets.claim("alone", "s1", "a b/", *[f"lib/{'x' * (number % 7)}{number}/" for number in range(60)])
    fleets.claim("alone", "alone-1", "tests/")
    reading: list[str] = []
    read = model.read

    def noted(view: View, where: str) -> Claim | Unreadable:
        reading.append(where)
        return read(view, where)

    def shown(*, whole: bool) -> tuple[object, object]:
        reading.clear()
        with Fleet.open(str(alone)) as fleet:
            lines = list(status_view.reply(*status_view.of(fleet, 0, whole=whole)).lines)
        (table,) = (one for one in lines if isinstance(one, Grid))
        column = table.head.index("CLAIMS")
        return [one for one in lines if isinstance(one, str)], [(row[0], row[column]) for row in table.rows]

    monkeypatch.setattr(model, "read", noted)
    everything = shown(whole=True)
    assert (len(reading), shown(whole=False)) == (64, everything)
    monkeypatch.setattr(status, "MANY_CLAIMS", 1)
    assert shown(whole=False) == everything
    assert len(reading) == status_view.NAMED + 1
    assert shown(whole=True) == everything
    assert len(reading) == 64
