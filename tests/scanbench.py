"""What a scan costs beside psutil, for a row of `scripts/bench`: `python -m tests.scanbench COUNT RUNS` prints JSON.

In a process of its own, with so many programs of several kinds beside it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from gitfleet.onhost import scanning, snapshot
from gitfleet.onhost.records import ScanRequest

ATTRIBUTES = [
    "pid", "ppid", "name", "cmdline", "exe", "cwd", "environ", "status", "uids", "terminal", "create_time", "cpu_times",
    "io_counters", "memory_info", "num_threads", "nice",
]  # fmt: skip
"""Of what a scan reads of each process, what psutil has too; namespaces, groups and control groups are not among it."""

LISTENER = (
    "import os, socket, time; s = socket.create_server(('127.0.0.1', 0)); os.close(1); time.sleep(1000)"
)


def measured(count: int, runs: int) -> dict[str, list[float]]:
    """Seconds of each run: of psutil, of both samples of a scan, and of a scan with all that is made of it."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    argv = [sys.executable, "-P", "-m", "tests.scanbench", str(count), str(runs)]
    env = {**os.environ, "PYTHONPATH": root}
    found: dict[str, list[float]] = json.loads(subprocess.check_output(argv, env=env))
    return found


@contextmanager
def beside(count: int) -> Iterator[None]:
    """So many programs: most of them sleep, every tenth is a Python that listens. They say that they run by closing a pipe."""
    started: list[subprocess.Popen[bytes]] = []
    python = [os.path.realpath(sys.executable), "-I", "-S", "-c", LISTENER]
    try:
        for number in range(count):
            argv = python if number % 10 == 0 else ["sh", "-c", "exec >&-; sleep 1000; true"]
            started.append(subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True))
        for one in started:
            assert one.stdout is not None
            one.stdout.read()
        yield
    finally:
        for one in started:
            os.killpg(one.pid, signal.SIGKILL)
            one.wait()


def of_psutil() -> None:
    """The same by psutil."""
    for one in psutil.process_iter(ATTRIBUTES):
        one.info  # noqa: B018 - it has been read
    psutil.net_connections()


def samples() -> None:
    """Both samples, without the time between them."""
    snapshot.take(1.0, wait=lambda _: None)


def whole() -> None:
    """With origins, groups and judgements."""
    scanning.look(ScanRequest(seconds=0))


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(count: int, runs: int) -> None:
    """Measure in turn."""
    taken: dict[str, list[float]] = {"psutil": [], "samples": [], "whole": []}
    with beside(count):
        for turn in range(runs + 1):
            for name, work in (("psutil", of_psutil), ("samples", samples), ("whole", whole)):
                seconds = _timed(work)
                if turn:
                    taken[name].append(seconds)
    sys.stdout.write(json.dumps(taken))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
