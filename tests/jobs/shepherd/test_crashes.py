"""Shepherds that are killed, at each step: what whoever comes next finds, and that nothing goes on unnoticed or runs twice."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gitfleet.base import identity, processes
from gitfleet.jobs.shepherd import control, family, records, run
from gitfleet.jobs.shepherd.records import AttemptState
from tests.jobs.dying import DIES_IN
from tests.jobs.shepherd.agents import (
    DEAF,
    FORK,
    HIDE,
    PYTHON,
    SAY,
    SLEEP,
    ended,
    heard,
    python,
    runs,
    said,
    spec,
)
from tests.workbench import PATIENCE, ROOT, overlaid
from tests.workbench import run as run_program

STEPS = (
    DIES_IN
    + """
import sys
sys.path.insert(0, {root!r})
from gitfleet.jobs.shepherd import agent, endings, program, records
dies_in({step})
program.main([sys.argv[1]])
"""
)

BEFORE = ["endings, 'reserve'", "agent.AgentProcess, '_fork'", "agent.AgentProcess, 'go'"]
"""Where it dies before the agent runs."""
WHILE = ["agent.AgentProcess, 'go', after=True", "records, 'forget_environment'"]
AFTER = ["endings, 'judged'", "endings, 'write'"]


def killed(folder: Path, step: str, *argv: str) -> None:
    """An attempt whose shepherd dies there."""
    records.save(str(folder), records.SPEC, spec(*argv))
    script = STEPS.format(root=str(ROOT), step=step)
    done = run_program([PYTHON, "-I", "-S", "-c", script, folder], folder)
    assert done.returncode == -signal.SIGKILL, done
    assert (
        control.Shepherd(str(folder)).wait(PATIENCE) is None
    )  # a child that never ran holds the lock a moment longer


@pytest.mark.parametrize("step", BEFORE)
def test_shepherd_killed_before_the_agent_runs_leaves_nothing_running(tmp_path: Path, step: str) -> None:
    killed(tmp_path, step, "touch", str(tmp_path / "ran"))
    assert not control.alive(str(tmp_path))
    assert control.end(str(tmp_path)) is None
    assert control.clear(str(tmp_path)) == []
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("step", WHILE)
def test_shepherd_killed_while_the_agent_runs_leaves_what_clear_finds(tmp_path: Path, step: str) -> None:
    deaf = "import signal\nfor number in (1, 13, 15): signal.signal(number, signal.SIG_IGN)"
    tell = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"
    killed(tmp_path, step, *python(deaf, "import os", FORK, "if child: " + tell, SLEEP))
    assert not control.alive(str(tmp_path))
    assert control.end(str(tmp_path)) is None
    assert control.clear(str(tmp_path), grace=50) == []
    state = control.state(str(tmp_path))
    assert state is not None
    assert not runs(state.agent)


@pytest.mark.parametrize("step", AFTER)
def test_shepherd_killed_before_its_end_record_leaves_an_interrupted_attempt(
    tmp_path: Path, step: str
) -> None:
    killed(tmp_path, step, "true")
    assert not control.alive(str(tmp_path))
    assert control.end(str(tmp_path)) is None
    assert control.leftovers(str(tmp_path)) == []


def test_agent_hears_of_the_end_of_its_shepherd(tmp_path: Path) -> None:
    shepherd = control.start(str(tmp_path), spec(*python(SAY, SLEEP)))
    (words,) = heard(tmp_path, b"ready")
    handle = os.pidfd_open(int(words[1]))
    os.kill(shepherd.pid, signal.SIGKILL)
    assert shepherd.wait(PATIENCE) is None
    assert select.select([handle], [], [], PATIENCE)[0]  # SIGHUP
    os.close(handle)
    assert control.adopt(str(tmp_path)) is None


def test_what_a_killed_shepherd_left_is_ended_also_where_it_hides(tmp_path: Path) -> None:
    ignores = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); signal.signal(signal.SIGPIPE, signal.SIG_IGN)"
    shepherd = control.start(
        str(tmp_path), spec(*python(ignores, DEAF, FORK, f"if child:\n {SAY}\n {SLEEP}", HIDE, SAY, SLEEP))
    )
    pids = [int(words[1]) for words in heard(tmp_path, b"ready", 2)]
    os.kill(shepherd.pid, signal.SIGKILL)
    shepherd.wait(PATIENCE)
    assert set(control.leftovers(str(tmp_path))) >= set(pids)
    assert control.clear(str(tmp_path), grace=50) == []
    assert not any(map(runs, pids))


def test_clear_while_a_shepherd_lives_is_refused(tmp_path: Path) -> None:
    shepherd = control.start(str(tmp_path), spec(*python(SAY, SLEEP)))
    heard(tmp_path, b"ready")
    with pytest.raises(control.AttemptTaken):
        control.clear(str(tmp_path))
    shepherd.stop()
    ended(tmp_path, shepherd)


@pytest.mark.parametrize("change", ["boot", "start"])
def test_number_of_a_process_that_was_handed_out_again_is_left_alone(tmp_path: Path, change: str) -> None:
    other = subprocess.Popen(["sleep", "10000"], start_new_session=True)
    seen = family.member(other.pid)
    assert seen is not None
    boot = "another" if change == "boot" else identity.boot_id()
    known = AttemptState("running", 1, agent=other.pid, start=seen.start + (change == "start"), boot=boot)
    records.save(str(tmp_path), records.STATE, known)
    assert control.leftovers(str(tmp_path)) == []
    assert control.clear(str(tmp_path)) == []
    assert other.poll() is None
    other.kill()
    other.wait()


def test_starter_that_is_killed_leaves_the_attempt_to_whoever_adopts_it(tmp_path: Path) -> None:
    script = """
import os, signal, sys
from tests.jobs.shepherd.agents import *
control.start(sys.argv[1], spec(*python(SAY, "import sys; sys.stdin.read()", SLEEP)))
os.kill(os.getpid(), signal.SIGKILL)
"""
    argv = [sys.executable, "-P", "-c", script, str(tmp_path)]
    done = subprocess.run(argv, env=overlaid({"PYTHONPATH": str(ROOT)}))
    assert done.returncode == -signal.SIGKILL
    assert control.alive(str(tmp_path))  # without a moment between
    heard(tmp_path, b"ready")
    shepherd = control.adopt(str(tmp_path))
    assert shepherd is not None
    assert shepherd.stop()
    end = ended(tmp_path, shepherd)
    assert (end.why, end.signal) == ("cancelled", 15)


def test_request_to_stop_before_the_start_is_obeyed(tmp_path: Path) -> None:
    records.save(str(tmp_path), records.SPEC, spec("touch", str(tmp_path / "ran")))
    records.save(str(tmp_path), records.STOP, records.StopRequest())
    processes.run([PYTHON, "-I", "-S", str(run.__file__), str(tmp_path)], cwd=None, env={})
    end = control.end(str(tmp_path))
    assert end is not None
    assert (end.why, end.outcome) == ("cancelled", "cancelled")
    assert not (tmp_path / "ran").exists()


def test_sigterm_without_a_request_is_an_interruption(tmp_path: Path) -> None:
    shepherd = control.start(str(tmp_path), spec(*python(SAY, SLEEP)))
    heard(tmp_path, b"ready")
    os.kill(shepherd.pid, signal.SIGTERM)  # a machine that goes down
    end = ended(tmp_path, shepherd)
    assert (end.why, end.outcome) == ("terminated", "interrupted")


def test_stop_of_an_attempt_without_a_shepherd_says_so(tmp_path: Path) -> None:
    assert control.stop(str(tmp_path)) is False
    assert control.alive(str(tmp_path)) is False
    assert control.leftovers(str(tmp_path)) == []


def test_two_starters_of_one_attempt_start_one(tmp_path: Path) -> None:
    script = """
import sys
from tests.jobs.shepherd.agents import *
sys.stdin.read()
try:
    ended(Path(sys.argv[1]), control.start(sys.argv[1], spec("sh", "-c", "echo ran")))
except control.AttemptTaken:
    sys.exit(3)
"""
    argv = [sys.executable, "-P", "-c", script, str(tmp_path)]
    racers = [
        subprocess.Popen(argv, env=overlaid({"PYTHONPATH": str(ROOT)}), stdin=subprocess.PIPE)
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.close()
    assert sorted(racer.wait(PATIENCE) for racer in racers) == [0, 3, 3, 3]
    assert said(tmp_path, "stdout") == [b"ran"]


def test_end_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "end.json").write_bytes(b"\0\0\0")
    assert control.end(str(tmp_path)) is None
