"""Running one command on one commit: told of while it runs, and ended from another thread."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from gitfleet.gates.runner import GateEnd, GateJob, GateRunner, Progress
from gitfleet.git.repository import discover
from tests.workbench import Git


class Bench:
    """A clone in which commands are run on its HEAD."""

    def __init__(self, repository: Path, git: Git, state: Path) -> None:
        self.runner = GateRunner(discover(str(repository)), str(state), "node")
        self._commit = git(repository, "rev-parse", "HEAD")
        self._tree = git(repository, "rev-parse", "HEAD^{tree}")
        self.logs = state / "runs/logs"

    def run(self, script: str, progress: Progress = lambda line, seconds: None, limit: int = 0) -> GateEnd:
        job = GateJob(["sh", "-c", script], self._commit, self._tree, limit, {"entries": "one two"})
        return self.runner.run(job, progress)


@pytest.fixture
def bench(repository: Path, git: Git, tmp_path: Path) -> Bench:
    (tmp_path / "state").mkdir()
    return Bench(repository, git, tmp_path / "state")


def test_run_is_told_of_with_its_last_line_made_fit_to_be_shown(bench: Bench, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    told: list[tuple[str, float]] = []

    def progress(line: str, seconds: float) -> None:
        if line and not told:
            fifo.write_text("go\n")
        if line:  # a busy machine: a second may pass before the first word
            told.append((line, seconds))

    end = bench.run(
        f"printf 'first\\n\\033[31mred\\033[0m\\n'; read word < {fifo}; echo $GITFLEET_ENTRIES", progress
    )
    assert (end.result, end.code, end.tail) == ("passed", 0, ("first", "red", "one two"))
    assert told[0][0] == "red"
    assert 0 < told[0][1] <= end.seconds


def test_run_is_ended_by_another_thread_and_none_begins_after_that(bench: Bench, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def stop() -> None:
        with fifo.open() as told:
            assert told.readline() == "started\n"
            bench.runner.stop()
            assert told.read() == ""

    stopper = threading.Thread(target=stop)
    stopper.start()
    end = bench.run(f"exec 3> {fifo}; echo started >&3; (setsid sleep 600 &); sleep 600")
    stopper.join()
    assert (end.result, end.stopped, end.code) == ("indeterminate", True, None)
    bench.runner.stop()
    assert bench.run(f"touch {tmp_path}/ran").stopped
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("script", "result", "reason"),
    [
        ("echo 'cp: No space left on device' >&2; exit 1", "indeterminate", "the disk was full"),
        ("ulimit -f 1; head -c 100000 /dev/zero > big; exit 1", "failed", ""),
        ("ulimit -f 1; exec head -c 100000 /dev/zero > big", "indeterminate", "a signal ended it (SIGXFSZ)"),
    ],
)
def test_disk_that_is_full_while_a_gate_runs_is_blamed_on_nobody(
    bench: Bench, script: str, result: str, reason: str
) -> None:
    end = bench.run(script)
    assert (end.result, end.reason) == (result, reason)


def test_logs_of_old_runs_go(bench: Bench) -> None:
    bench.logs.mkdir(parents=True)
    for number in range(120):
        (bench.logs / f"0{number:03d}.log").write_text("old\n")
    end = bench.run("echo new")
    names = sorted(path.name for path in bench.logs.iterdir())
    assert len(names) == 100
    assert names[-1] == end.log
    assert names[0] == "0021.log"
    assert Path(end.path).read_text() == "new\n"
