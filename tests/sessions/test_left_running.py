"""What a session has left running is found and told; nobody else's is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitfleet.base import advice, ids
from gitfleet.sessions.left_running import SHOWN, LeftRunning, left_running, told
from tests.onhost.starting import LEAK, Programs, programs, table_when

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="reads /proc")

SERVER = """
import socket, time
s = socket.create_server(("127.0.0.1", 0))
print("ready", s.getsockname()[1], flush=True)
time.sleep(600)
"""
SLEEP = "import time; print('ready', flush=True); time.sleep(600)"


@pytest.fixture
def start() -> Iterator[Programs]:
    with programs() as found:
        yield found


@pytest.fixture
def session() -> str:
    """A session that is nobody else's: what is asked for is looked for on the whole machine, and tests run side by side."""
    return ids.named("codex")


def marked(session: str, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "GITFLEET_SESSION": session, **more}


def test_server_of_a_session_is_found_with_its_port_and_without_its_secrets(
    start: Programs, session: str
) -> None:
    left = start.python(SERVER, "--token=ghp_9aBcD3eFgH1iJkLmN0pQrStUvWxYz2468AcE", env=marked(session))
    port = int(start.said)
    other = ids.named("codex")
    assert left_running({other: ""}) == {other: ()}
    (found,) = left_running({session: "", other: ""})[session]
    assert (found.pid, found.processes, found.ports, found.by) == (left.pid, 1, (port,), "marker")
    assert found.memory > 0
    assert "ghp_9aBc" not in found.command
    assert str(port) in found.words()


def test_group_whose_starter_has_ended_is_told_once(start: Programs, session: str) -> None:
    starter = start.python(LEAK, "sleep", "600", env=marked(session))
    table_when(starter.pid, "Z")  # it says so while it has still to end
    (found,) = left_running({session: ""})[session]
    assert (str(found.pid), found.by) == (start.said, "marker")


def test_mark_that_another_clone_may_have_chosen_too_is_told_only_in_folders_of_this_one(
    start: Programs, tmp_path: Path
) -> None:
    session = f"s-{os.getpid()}"
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    mine = start.python(SLEEP, env=marked(session), cwd=here)
    start.python(SLEEP, env=marked(session), cwd=there)
    for found in (left_running({session: str(here)}), left_running({session: ""}, [None, str(here)])):
        assert [one.pid for one in found[session]] == [mine.pid]


def test_who_asks_and_what_is_above_it_are_not_left(start: Programs, session: str) -> None:
    script = (
        "import subprocess, sys; from gitfleet.sessions.left_running import left_running;"
        f"print('ready', left_running({{'{session}': ''}}), flush=True); sys.stdin.read()"
    )
    where = str(Path(__file__).parents[2])
    start.ready(
        ["/bin/sh", "-c", '"$0" -c "$1"; :', sys.executable, script], env=marked(session, PYTHONPATH=where)
    )
    assert start.said == f"{{'{session}': ()}}"


def test_shell_that_somebody_has_in_the_worktree_is_not_the_sessions(
    start: Programs, session: str, tmp_path: Path
) -> None:
    start.python(SLEEP, env={"PATH": os.environ["PATH"]}, cwd=tmp_path)
    assert left_running({session: str(tmp_path)}) == {session: ()}


def test_nothing_is_asked_for_and_nothing_looked_at() -> None:
    assert left_running({}) == {}


def test_lines_for_people_are_few_and_end_with_what_can_be_done() -> None:
    one = LeftRunning(7, 2, "npm run dev", (5173,), 10 << 20, 61.0, "marker")
    assert told("s-1", []) == []
    lines = told("s-1", [one] * (SHOWN + 2))
    assert lines[0] == "still running: 7 npm run dev (10.0 MiB, 2 processes, port 5173, since 1m)"
    assert lines[SHOWN] == "still running: 2 more groups of processes"
    assert lines[-1].startswith(advice.FLEET_PLAN_LEFT.of("s-1"))
