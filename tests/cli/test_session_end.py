"""Whom `session end` ends: who is named, or the session that the command runs in; nobody else."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from gitfleet.base.ids import named
from tests.cli.conftest import Cli
from tests.gatebench import Gated
from tests.workbench import Gitfleet, Ran, run, shown

US = f"{shlex.quote(sys.executable)} -P -m gitfleet"


@pytest.fixture
def elsewhere() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is none of ours, as another agent's."""
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


@pytest.fixture
def orphan(cli: Cli) -> Iterator[Callable[[], int]]:
    """Starts a process in the worktree whose starter has ended."""
    pids: list[int] = []

    def start() -> int:
        program = ["sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!"]
        done = subprocess.run(
            program, cwd=cli.clone.path, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
            check=True, start_new_session=True,
        )  # fmt: skip
        pids.append(int(done.stdout))
        return pids[-1]

    yield start
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def ids(cli: Cli) -> set[str]:
    return {row["id"] for row in cli("session", "list", "--json").ok().json()["data"]["sessions"]}


def shell(cli: Cli, script: str) -> Ran:
    """What a script does whose process stands for an agent; `:` keeps its shell from becoming the last command."""
    file = cli.clone.fleets.root / "agent.sh"
    file.write_text(f"{script}\n:\n")
    return run(["sh", str(file)], cli.clone.path, env={**cli.gitfleet.environment(), **cli.nobody})


def test_session_end_without_an_id_ends_the_session_that_it_runs_in(cli: Cli) -> None:
    ran = shell(cli, f"{US} session start --id mine-1\nsh -c '{US} session end; :'")
    assert "session mine-1 ended" in ran.stdout
    assert "mine-1" not in ids(cli)


def test_session_end_without_an_id_ends_no_other_session_of_the_worktree(
    cli: Cli, elsewhere: subprocess.Popen[bytes]
) -> None:
    cli("session", "start", "--id", "other-1", "--pid", str(elsewhere.pid)).ok()
    before = ids(cli)
    ran = cli("session", "end", env=cli.nobody).ended(2)
    assert "other-1 (at work)" in ran.stderr
    assert "gitfleet session end" in ran.stderr
    assert (
        "session mine-1 ended"
        in shell(cli, f"{US} session start --id mine-1\n{US} session end\n{US} session end").stdout
    )
    assert ids(cli) == before
    elsewhere.kill()
    elsewhere.wait()
    assert "other-1 (its process is gone)" in cli("session", "end", env=cli.nobody).ended(2).stderr
    cli("session", "end", "other-1", env=cli.nobody).ok()


def test_session_end_without_an_id_leaves_a_person_s_session(cli: Cli) -> None:
    cli("init", env=cli.nobody).ok()
    before = ids(cli)
    ran = cli("session", "end", env=cli.nobody).ended(2)
    assert "(a person)" in ran.stderr
    assert ids(cli) == before


def test_session_end_tells_what_is_left_running_and_offers_a_plan_of_it(cli: Cli) -> None:
    session = named("codex")  # nobody else's: it is looked for on the whole machine
    cli("session", "start", "--id", session).ok()
    left = subprocess.Popen(
        ["sleep", "600"], env={"PATH": "/usr/bin:/bin", "GITFLEET_SESSION": session}, start_new_session=True
    )
    try:
        shown(left)
        ran = cli("session", "end", session).ok()
    finally:
        left.kill()
        left.wait()
    assert f"still running: {left.pid} sleep 600 (" in ran.stdout
    assert f"gitfleet fleet plan --hosts localhost --left-by {session}" in ran.stdout


def test_session_end_has_what_is_left_running_as_rows(cli: Cli) -> None:
    session = named("codex")  # nobody else's: it is looked for on the whole machine
    cli("session", "start", "--id", session).ok()
    left = subprocess.Popen(
        ["sleep", "600"], env={"PATH": "/usr/bin:/bin", "GITFLEET_SESSION": session}, start_new_session=True
    )
    try:
        shown(left)
        (row,) = cli("session", "end", session, "--json").ok().json()["data"]["running"]
    finally:
        left.kill()
        left.wait()
    assert (row["pid"], row["by"], row["ports"]) == (left.pid, "marker", [])


def test_process_of_another_session_of_the_worktree_is_not_told_as_left_by_the_one_that_ends(
    cli: Cli, orphan: Callable[[], int]
) -> None:
    other, mine, stray = orphan(), orphan(), orphan()
    cli("session", "start", "--id", "other", "--pid", str(other)).ok()
    cli("session", "start", "--id", "mine", "--pid", str(mine)).ok()
    said = cli("session", "end", "mine", env=cli.nobody).ok().stdout
    assert f"still running: {stray} " in said
    assert f"still running: {other} " not in said


def test_session_end_of_a_lost_machine_lets_go_of_what_it_held(
    ada: Gated, bob: Gated, gitfleet: Gitfleet
) -> None:
    here, there = Cli(ada, gitfleet), Cli(bob, gitfleet)
    there("session", "start", "--id", "gone").ok()
    there("claim", "src/", env=bob.as_session("gone")).ok()
    here("sync").ok()
    lost = ("session", "end", "gone", "--lost", "--reason", "its disk is broken")
    assert "Only a person" in here(*lost).ended(16).stderr
    here("init", env=here.nobody).ok()  # a person gets a session
    assert "needs the session's ID" in here("session", "end", "--lost", env=here.nobody).ended(2).stderr
    assert "needs a reason" in here(*lost[:4], env=here.nobody).ended(2).stderr
    ran = here(*lost, env=here.nobody).ok()
    assert "session gone of node" in ran.stdout
    assert "released: src/" in ran.stdout
    assert "its disk is broken" in here("log", "--limit", "1").ok().stdout
    here("claim", "src/").ok()
