"""The page with many sessions in a real browser, for the row of `scripts/bench` that measures it: `python -m tests.pagebench PLACE SESSIONS ROUNDS` prints JSON.

Chromium's own sums of script, style and layout are read before and after each change, so that what is measured is all that a change costs
a browser, its reading of the stream included.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gitfleet.base import identity, ids
from gitfleet.base.names import NodeId, SessionId
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger.model import SESSION, Actor, Operation
from gitfleet.sessions.local import Here, LocalSessions
from tests.browser import Browser, browser

CHANGED = 50
_TOLD = (
    "window.told = new Promise(done => new MutationObserver((_, watch) => { watch.disconnect(); "
    "requestAnimationFrame(() => setTimeout(done)) }).observe(document.body, { attributeFilter: ['data-seen'] })), 0"
)
"""Tells when the next change has been painted, and costs nothing until then."""
_PARTS = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")


def measured(place: str, sessions: int, rounds: int) -> Any:
    """What a process of its own finds."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    argv = [sys.executable, "-P", "-m", "tests.pagebench", place, str(sessions), str(rounds)]
    done = subprocess.run(
        argv, cwd=place, env={**os.environ, "PYTHONPATH": root}, stdout=subprocess.PIPE, check=True, text=True
    )
    return json.loads(done.stdout)


def with_sessions(place: str, count: int) -> list[str]:
    """Have so many sessions at work in a clone, each with a log; answers the logs."""
    process = identity.identify(os.getpid())
    assert process is not None
    logs = os.path.join(place, ".git", "logs-of-sessions")
    os.makedirs(logs, exist_ok=True)
    with Fleet.open(place) as fleet:
        local, operations, found = LocalSessions(fleet.ledger.state), [], []
        for number in range(count):
            name, log = SessionId(f"s-{number:04x}"), os.path.join(logs, f"{number}.log")
            Path(log).write_text(f"● Read src/module{number}.py\n● Bash uv run pytest -q\n", encoding="utf-8")
            body = {
                "worktree": place, "branch": f"fleet/codex/work-{number}", "agent": ("codex", "claude", "gemini")[number % 3],
                "title": f"Have part {number} of the service log what it does", "log": log, **process.as_record(),
            }  # fmt: skip
            actor = Actor(SESSION, name)
            operations.append(
                Operation("session.start", ids.ulid(), NodeId(fleet.ledger.node.id), actor, int(time.time()), body, ids.ulid())
            )  # fmt: skip
            local.remember(Here(name, place, False, process, log))
            found.append(log)
        for start in range(0, count, 100):
            results = fleet.ledger.submit(operations[start : start + 100], timeout=600)
            assert all(result.ok for result in results), results
    return found


@contextmanager
def served(place: str) -> Iterator[tuple[str, str, int]]:
    """`gitfleet web` in a clone: its address, its token, and its process."""
    argv = [sys.executable, "-m", "gitfleet", "web", "--port", "0", "--json"]
    env = {**os.environ, "GITFLEET_SESSION": ""}
    with subprocess.Popen(
        argv, cwd=place, env=env, stdout=subprocess.PIPE, text=True, stderr=None
    ) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())["data"]
            yield told["url"], Path(told["token_file"]).read_text(encoding="ascii").strip(), process.pid
        finally:
            process.terminate()
            process.wait(30)


def sums(page: Browser) -> Mapping[str, float]:
    """What the page has cost so far, by part, in seconds."""
    told = page.call("Performance.getMetrics")["metrics"]
    return {one["name"]: one["value"] for one in told}


def changes(page: Browser, logs: Sequence[str], rounds: int) -> list[float]:
    """Milliseconds that each change of 50 rows took."""
    found = []
    for turn in range(rounds):
        page.value(_TOLD)
        before = sums(page)
        for log in random.Random(turn).sample(logs, CHANGED):
            with open(log, "a", encoding="utf-8") as file:
                file.write(f"  run {turn}: 212 passed in 18.3s\n")
        page.call("Runtime.evaluate", expression="window.told", awaitPromise=True)
        after = sums(page)
        found.append(1000 * sum(after[part] - before[part] for part in _PARTS))
    return found


def main(place: str, sessions: int, rounds: int) -> Any:
    """Measure it."""
    logs = with_sessions(place, sessions)
    with (
        served(place) as (url, token, _),
        tempfile.TemporaryDirectory() as folder,
        browser(Path(folder)) as page,
    ):
        page.open(f"{url}/#token={token}", width=1440, height=900)
        page.until("document.querySelector('#view h1')")
        page.call("Performance.enable", timeDomain="threadTicks")
        first = []
        for _turn in range(max(5, rounds // 8)):
            page.open(f"{url}/sessions", width=1440, height=900)
            page.until(f"document.querySelectorAll('#view .lr').length >= {sessions}")
            first.append(page.until("performance.getEntriesByName('first paint')[0]?.duration"))
        took = sorted(changes(page, logs, rounds))
        return {
            "first": statistics.median(first),
            "median": statistics.median(took),
            "p95": took[int(len(took) * 0.95)],
            "most": took[-1],
            "rows": sessions,
        }


if __name__ == "__main__":
    json.dump(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])), sys.stdout)
