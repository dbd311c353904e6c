"""What of a launched agent's work goes on after its command, and what the launcher says of an interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gitfleet.base.ids import named
from gitfleet.githooks.agents import wanted
from tests.agenthooks.agentbench import Starter
from tests.agenthooks.test_session import eventually
from tests.gatebench import Gated
from tests.workbench import PATIENCE, Gitfleet, overlaid

# A client's window: it has a daemon (a process that says so) run its hooks, and goes away.
_WINDOW = """
import json, os, subprocess, sys
command, told, wait = sys.argv[1:4]
daemon = subprocess.Popen([sys.executable, "-c", sys.argv[4], "app-server", command, told, wait],
                          stdout=subprocess.PIPE, start_new_session=True)
daemon.stdout.readline()
"""
_DAEMON = """
import subprocess, sys
_, command, told, wait = sys.argv[1:5]
subprocess.run(command, shell=True, input=told.encode(), stdout=subprocess.DEVNULL)
print(1, flush=True)
open(wait).read()
"""

# What `claude --bg` does: the work goes on elsewhere, under the client's name, and the command ends at once.
_LEAVES = """
import os, subprocess, sys
there = subprocess.Popen(["claude", "900"], executable="/bin/sleep", start_new_session=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
with open(os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "pid"), "w") as note:
    note.write(str(there.pid))
"""


@pytest.fixture
def launched() -> str:
    """A session that is nobody else's: its processes are looked for on the whole machine, and tests run side by side."""
    return named("launched")


def command(client: str, event: str) -> str:
    return next(one.command for one in wanted.handlers(client) if one.command.endswith(f" {event}"))


def sessions(clone: Gated, gitfleet: Gitfleet) -> dict[str, int]:
    """The sessions that are known, with their processes."""
    told = gitfleet(clone.path, "session", "list", "--json").ok().json()["data"]["sessions"]
    return {one["id"]: one["pid"] for one in told}


def test_session_whose_client_works_on_in_a_daemon_stays_until_its_hooks_end_it(
    alone: Gated, gitfleet: Gitfleet, tmp_path: Path, launched: str
) -> None:
    fifo = tmp_path / "wait"
    subprocess.run(["mkfifo", str(fifo)], check=True)
    told = json.dumps({"session_id": "own-1", "cwd": str(alone.path), "source": "startup"})
    window = [sys.executable, "-c", _WINDOW, command("codex", "begin"), told, str(fifo), _DAEMON]
    ran = gitfleet(
        alone.path, "session", "start", "--here", "--id", launched, "--agent", "codex", "--", *window
    )
    try:
        assert "goes on" in ran.ok().stderr
        assert launched in sessions(alone, gitfleet)
        ended = subprocess.run(
            command("codex", "end"),
            shell=True,
            input=told,
            text=True,
            cwd=alone.path,
            env=overlaid({}),
            check=True,
        )
        assert ended.returncode == 0
        eventually(lambda: launched not in sessions(alone, gitfleet))
    finally:
        fifo.open("w").close()


def test_process_that_outlives_its_command_is_named(
    alone: Gated, gitfleet: Gitfleet, tmp_path: Path, launched: str
) -> None:
    fifo, started, word = tmp_path / "wait", tmp_path / "started", tmp_path / "word"
    subprocess.run(["mkfifo", str(fifo), str(started)], check=True)
    word.write_text("cat is running\n")
    script = f"cat {word} {fifo} >{started} 2>/dev/null & read line <{started}"
    ran = gitfleet(alone.path, "session", "start", "--here", "--id", launched, "--", "sh", "-c", script)
    try:
        assert "still running: " in ran.ok().stderr
        assert " cat" in ran.stderr
        assert launched not in sessions(alone, gitfleet)
    finally:
        fifo.open("w").close()


def test_interruption_of_which_the_client_says_nothing_is_said_by_the_launcher(
    alone: Gated, tmp_path: Path
) -> None:
    for name, code in (("claude", 130), ("another", 0)):
        client = tmp_path / name
        client.write_text("#!/bin/sh\ntrap 'exit 0' INT\necho ready\nwhile :; do read line || :; done\n")
        client.chmod(0o755)
        argv = [
            str(Path(sys.executable).with_name("gitfleet")),
            "session",
            "start",
            "--here",
            "--id",
            name,
            "--",
            str(client),
        ]
        with subprocess.Popen(
            argv, cwd=alone.path, env=overlaid({}), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, err
        assert ("was interrupted" in err) == (code != 0)


def test_session_of_a_client_that_goes_to_the_background_before_its_first_word_waits_for_it(
    start: Starter, alone: Gated, gitfleet: Gitfleet, tmp_path: Path, launched: str
) -> None:
    program = tmp_path / "claude"
    program.write_text(f"#!{sys.executable}\n{_LEAVES}")
    program.chmod(0o755)
    where = ("--here", "--no-maintain", "--id", launched, "--agent", "claude")
    try:
        ran = gitfleet(alone.path, "session", "start", *where, "--", str(program), "--bg", "work")
        assert f"session {launched} goes on" in ran.ok().stderr
        agent = start("claude", "own-1", alone.path).named(launched)
        assert f"You act for session {launched}" in agent.begin().context
        agent.hook("end", {"hook_event_name": "SessionEnd", "reason": "other"})
        eventually(lambda: launched not in sessions(alone, gitfleet))
    finally:
        for line in (tmp_path / "pid").read_text().split():
            os.kill(int(line), signal.SIGKILL)


def test_session_of_a_client_that_leaves_nothing_behind_ends_with_its_command(
    alone: Gated, gitfleet: Gitfleet, tmp_path: Path, launched: str
) -> None:
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    where = ("--here", "--no-maintain", "--id", launched, "--agent", "claude")
    gitfleet(alone.path, "session", "start", *where, "--", str(program), "--bg", "work").ok()
    assert launched not in sessions(alone, gitfleet)
