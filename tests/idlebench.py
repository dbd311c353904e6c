"""All that goes on by itself in one clone while nothing happens, for the row of `scripts/bench` that measures it: `python -m tests.idlebench PLACE SECONDS` prints JSON.

The web server with the page open in a browser, `status --watch` on a terminal, a manager, and the maintainer, whose rounds come as its
schedule has them, once in five minutes: that the others look again after a round is counted. Each Python of ours notes the
processes that it starts; what the browser does is counted as CPU alone. What comes less often than the time that is measured is
not seen: once an hour a watch asks git for hooks and a round for settings, twice each, and twice an hour a round asks for the worktree.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests import jobbench, pagebench
from tests.browser import CHROMIUM, browser
from tests.workbench import UNSEEN

SETTLED = 90
"""Seconds until what a page and a terminal show counts minutes: before that they tick each second, where it is seen."""
WRITTEN = 3
"""Seconds until files are old enough for notes of them."""
ROUND = 300
"""Seconds from one round of the maintainer to the next; the first comes in the middle of such a time."""
_NOTED = "GITFLEET_BENCH_STARTED"
_SITE = f"""
import os, sys
def noted(event, arguments, path=os.environ.get({_NOTED!r})):
    if path and event in {jobbench.STARTS!r}:
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{{event}} {{arguments[:2]!r:.300}}\\n")
sys.addaudithook(noted)
"""


def measured(place: str, sessions: int, seconds: int) -> Any:
    """What a process of its own finds: by part, processes started and seconds of CPU, and by its name `minutes` how long."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with tempfile.TemporaryDirectory() as site:
        Path(site, "sitecustomize.py").write_text(_SITE, encoding="utf-8")
        env = {**os.environ, "PYTHONPATH": f"{site}:{root}"}
        argv = [sys.executable, "-P", "-m", "tests.idlebench", place, str(sessions), str(seconds)]
        done = subprocess.run(argv, cwd=place, env=env, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


class IdlePart:
    """One of those that go on: its process and what that has started, and how much of both there was when it began to count."""

    def __init__(self, pid: int, notes: str) -> None:
        self._process, self._notes = psutil.Process(pid), notes
        self._cpu = self._started = 0.0

    def begin(self) -> None:
        """Count from now on."""
        self._cpu, self._started = self._used(), _lines(self._notes)

    def told(self) -> dict[str, float]:
        """What there was since."""
        return {"started": _lines(self._notes) - self._started, "cpu": self._used() - self._cpu}

    def _used(self) -> float:
        total = 0.0
        for one in (self._process, *self._process.children(recursive=True)):
            with suppress(psutil.Error):
                total += sum(one.cpu_times()[:4])  # with those of children that have ended
        return total


def _lines(path: str) -> int:
    with suppress(FileNotFoundError):
        return Path(path).read_bytes().count(b"\n")
    return 0


@contextmanager
def _noting(place: str, name: str) -> Iterator[str]:
    """Have what is started meanwhile note in a file which processes it starts."""
    path = f"{place}.{name}"
    os.environ[_NOTED] = path
    try:
        yield path
    finally:
        del os.environ[_NOTED]


@contextmanager
def _watch(place: str) -> Iterator[int]:
    """`status --watch` on a terminal that somebody reads; its process."""
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "gitfleet", "status", "--watch"]
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "160", "LINES": "50"}
    with subprocess.Popen(argv, cwd=place, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        threading.Thread(target=_drain, args=(ours,), daemon=True).start()
        try:
            yield process.pid
        finally:
            process.terminate()


def _drain(handle: int) -> None:
    with suppress(OSError):
        while os.read(handle, 1 << 16):
            pass


def _maintained(place: str) -> dict[str, float]:
    """What one round of the maintainer takes, itself included."""
    with _noting(place, "maintainer") as notes:
        before = _lines(notes)
        process = subprocess.Popen(
            [sys.executable, "-m", "gitfleet", "maintainer", "run"], cwd=place, stdout=subprocess.DEVNULL
        )
    _, code, used = os.wait4(process.pid, 0)
    process.returncode = code
    return {"started": 1 + _lines(notes) - before, "cpu": used.ru_utime + used.ru_stime}


def main(place: str, sessions: int, seconds: int) -> Any:
    """Measure it."""
    jobbench.agent_file(place, "plain", "true")
    for argv in (
        ["add", "gitfleet.yaml"],
        [*UNSEEN, "commit", "-q", "-m", "rules"],
    ):  # as every fleet has them
        subprocess.run(["git", *argv], cwd=place, check=True)
    if subprocess.run(["git", "remote"], cwd=place, stdout=subprocess.PIPE, check=True).stdout:
        subprocess.run(["git", "push", "-q", "--no-verify", "origin", "HEAD:main"], cwd=place, check=True)
    pagebench.with_sessions(place, sessions)
    for _ in range(2):  # the first has more to do, and notes what the later ones need not ask
        time.sleep(WRITTEN)
        _maintained(place)
    with ExitStack() as stack:
        parts = {}
        with _noting(place, "web") as notes:
            url, token, pid = stack.enter_context(pagebench.served(place))
            parts["web"] = IdlePart(pid, notes)
        with _noting(place, "watch") as notes:
            parts["watch"] = IdlePart(stack.enter_context(_watch(place)), notes)
        with _noting(place, "manager") as notes:
            parts["manager"] = IdlePart(stack.enter_context(jobbench.daemon(place)), notes)
        if CHROMIUM:
            known = {one.pid for one in psutil.Process().children()}
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            page = stack.enter_context(browser(Path(folder)))
            page.open(f"{url}/#token={token}", width=1440, height=900)
            page.until("document.querySelector('#view h1')")
            page.open(f"{url}/sessions", width=1440, height=900)
            page.until(f"document.querySelectorAll('#view .lr').length >= {min(sessions, 40)}")
            (new,) = [one.pid for one in psutil.Process().children() if one.pid not in known]
            parts["browser"] = IdlePart(new, os.devnull)
        time.sleep(SETTLED)
        for one in parts.values():
            one.begin()
        rounds = _with_rounds(place, seconds)
        told = {name: one.told() for name, one in parts.items()}
    maintained = {name: sum(one[name] for one in rounds) for name in ("started", "cpu")}
    return {**told, "maintainer": maintained, "minutes": seconds / 60}


def _with_rounds(place: str, seconds: int) -> list[dict[str, float]]:
    """So many seconds in which the maintainer comes as its schedule has it; what each round took."""
    begun = time.monotonic()
    rounds = []
    for at in range(ROUND // 2, seconds, ROUND):
        time.sleep(max(0.0, begun + at - time.monotonic()))
        rounds.append(_maintained(place))
    time.sleep(max(0.0, begun + seconds - time.monotonic()))
    return rounds


def told(found: dict[str, Any]) -> tuple[float, float, str]:
    """Processes a minute, percent of a core, and both by part in words."""
    minutes = found.pop("minutes")
    rows = {name: (one["started"] / minutes, 100 * one["cpu"] / minutes / 60) for name, one in found.items()}
    words = ", ".join(f"{name} {started:.2f} and {cpu:.2f} %" for name, (started, cpu) in rows.items())
    return sum(row[0] for row in rows.values()), sum(row[1] for row in rows.values()), words


def _arguments(given: Sequence[str]) -> tuple[str, int, int]:
    place, sessions, seconds = given
    return place, int(sessions), int(seconds)


if __name__ == "__main__":
    json.dump(main(*_arguments(sys.argv[1:])), sys.stdout)
