"""Programs: run to their end, within their time, with exactly the environment that they are given."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from gitfleet.base.processes import Conversation, TimedOut, detach, run


def test_run_answers_what_the_program_did(tmp_path: Path) -> None:
    done = run(
        ["sh", "-c", "cat; pwd; echo no >&2; exit 3"],
        cwd=str(tmp_path),
        env={"PATH": os.environ["PATH"]},
        data=b"in\n",
    )
    assert (done.code, done.stdout, done.stderr) == (3, f"in\n{tmp_path}\n".encode(), b"no\n")


def test_run_gives_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    done = run(["env"], cwd=None, env={"PATH": os.environ["PATH"], "ONLY": "this"})
    assert b"SECRET" not in done.stdout
    assert b"ONLY=this" in done.stdout


def test_run_beyond_its_time_raises_also_when_a_child_keeps_the_pipes_open() -> None:
    with pytest.raises(TimedOut, match="sh took longer"):
        run(["sh", "-c", "sleep 3; :"], cwd=None, env={"PATH": os.environ["PATH"]}, timeout=0.2)


def test_run_in_a_session_of_its_own_takes_all_that_it_started_along_when_its_time_is_over(
    tmp_path: Path,
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    script = f"sleep 1000 >'{pipe}' 2>&1 & sleep 1000"
    with pytest.raises(TimedOut):
        run(["sh", "-c", script], cwd=None, env={"PATH": os.environ["PATH"]}, timeout=0.5, own_session=True)
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""  # its end: nobody holds it open any more
    os.close(reader)


def test_run_of_a_program_that_is_killed_answers_the_signal() -> None:
    assert run(["sh", "-c", "kill -9 $$"], cwd=None, env={"PATH": os.environ["PATH"]}).code == -signal.SIGKILL


def test_run_in_a_session_of_its_own_is_out_of_reach_of_our_group() -> None:
    done = run(["sh", "-c", "ps -o sid= -p $$"], cwd=None, env={"PATH": os.environ["PATH"]}, own_session=True)
    assert int(done.stdout) != os.getsid(0)


def test_run_of_a_program_that_does_not_exist_raises() -> None:
    with pytest.raises(FileNotFoundError):
        run(["/no/such/program"], cwd=None, env={})


def test_conversation_with_a_program_that_died_closes_quietly() -> None:
    cat = Conversation(["cat"], cwd=None, env={"PATH": os.environ["PATH"]})
    cat.input.write(b"one\n")
    cat.input.flush()
    assert cat.output.readline() == b"one\n"
    os.kill(cat.pid, signal.SIGKILL)
    os.waitid(os.P_PID, cat.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(BrokenPipeError):  # noqa: PT012 - whichever of the two meets the closed pipe
        cat.input.write(b"x" * 100_000)
        cat.input.flush()
    cat.close()


def test_run_of_what_ends_after_its_output_waits_without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[float] = []
    monkeypatch.setattr(time, "sleep", paused.append)
    done = run(["sh", "-c", "exec >&- 2>&-; exec sleep 0.1"], cwd=None, env={"PATH": os.environ["PATH"]})
    assert (done.code, paused) == (0, [])


def test_detached_program_holds_nothing_open_that_we_were_given(tmp_path: Path) -> None:
    theirs, ours = os.pipe()
    os.set_inheritable(ours, True)  # as a script's lock, or the pipe of whoever reads its output
    listening, speaks = os.pipe()
    argv = ["/bin/sh", "-c", "echo up >&7; exec sleep 1000"]
    pid = detach(argv, env={"PATH": os.environ["PATH"]}, handles={7: speaks}, log=str(tmp_path / "log"))
    try:
        os.close(speaks)
        assert os.read(listening, 3) == b"up\n"
        os.close(ours)
        assert os.read(theirs, 1) == b""
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(theirs)
        os.close(listening)
