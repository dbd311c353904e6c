"""Pausing, freezing and draining the queue, as runners in two clones see it; also while a gate runs."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.cli.test_queue_required import main, push, queued, unseen
from tests.gatebench import Copies
from tests.workbench import Gitfleet, Ran, overlaid

GATE = """import os, sys
log = sys.argv[1]
with open(log, "a") as file:
    file.write("run\\n")
if os.path.exists(log + ".started"):  # the test opens both: one to see that it runs, one to let it go on
    open(log + ".started", "w").close()
    open(log + ".go").close()
"""


@dataclass
class Two:
    """Two clones, and a gate that counts its runs."""

    ada: Cli
    bob: Cli
    log: Path

    @property
    def runs(self) -> int:
        return self.log.read_text().count("run") if self.log.exists() else 0

    def process(self, cli: Cli, code: int) -> Any:
        return process(cli).ended(code).json()["data"]

    def pause(self, *args: str) -> None:
        self.bob("queue", "pause", "--reason", "release day", *args).ok()


def process(cli: Cli) -> Ran:
    return cli("queue", "process", "--json")


def names(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["branch"] for entry in entries]


@pytest.fixture
def two(copies: Copies, gitfleet: Gitfleet, tmp_path: Path) -> Two:
    ada, bob = (Cli(copies.clone(name), gitfleet) for name in ("ada", "bob"))
    log, script = tmp_path / "runs.log", tmp_path / "gate.py"
    script.write_text(GATE)
    gate = json.dumps(["python3", str(script), str(log)])
    unseen(ada, "gitfleet.yaml", f"version: 1\nqueue: {{gate: {gate}, ceiling: 100}}\n")
    push(ada, "main").ok()
    ada("sync").ok()
    bob("sync").ok()
    return Two(ada, bob, log)


def test_paused_queue_tests_nothing_and_hotfixes_above_the_floor_still_land(two: Two) -> None:
    queued(two.ada, "feat")
    queued(two.ada, "fix")
    two.ada("queue", "bump", "fix", "85").ok()
    two.pause("--floor", "80")
    done = two.process(two.bob, 11)
    assert (names(done["landed"]), names(done["waiting"])) == (["fix"], ["feat"])
    runs, before = two.runs, main(two.ada)
    done = two.process(two.ada, 11)
    assert (done["runs"], two.runs, main(two.ada)) == (0, runs, before)
    why = two.ada("queue", "why", "feat").ok().stdout
    assert "paused below 80" in why
    assert "release day" in why
    assert "gitfleet queue resume" in why
    two.bob("queue", "resume").ok()
    assert names(two.process(two.ada, 0)["landed"]) == ["feat"]


def test_frozen_queue_tests_and_lands_after_resuming_without_another_test(two: Two) -> None:
    queued(two.ada, "feat")
    two.pause("--freeze")
    before = main(two.ada)
    done = two.process(two.ada, 11)
    assert (names(done["landed"]), two.runs, main(two.ada)) == ([], 1, before)
    assert "frozen" in done["halted"]
    two.process(two.bob, 11)
    assert two.runs == 1
    two.ada("queue", "resume").ok()
    assert names(two.process(two.bob, 0)["landed"]) == ["feat"]
    assert two.runs == 1


def test_draining_queue_lands_what_it_has_and_takes_nothing_more(two: Two) -> None:
    queued(two.ada, "feat")
    two.pause("--drain")
    two.ada("sync").ok()
    two.ada.clone.out("switch", "--quiet", "--create", "late", "origin/main")
    two.ada.clone.claim("late.txt")
    two.ada.clone.write("late.txt")
    two.ada.clone.commit().ok()
    ran = two.ada("queue", "add", "--branch", "late").ended(16)
    assert "release day" in ran.stderr
    assert names(two.process(two.bob, 0)["landed"]) == ["feat"]
    two.bob("queue", "resume").ok()
    two.ada("sync").ok()
    two.ada("queue", "add", "--branch", "late").ok()


@pytest.mark.parametrize("mode", [(), ("--freeze",)])
def test_pause_while_a_gate_runs_keeps_the_landing_back_and_its_verdict_counts_later(
    two: Two, mode: tuple[str, ...]
) -> None:
    queued(two.ada, "feat")
    started, go = Path(f"{two.log}.started"), Path(f"{two.log}.go")
    os.mkfifo(started)
    os.mkfifo(go)
    before = main(two.ada)
    variables = {**two.ada.gitfleet.environment(), **two.ada.clone.as_session(two.ada.clone.session)}
    argv = two.ada.gitfleet.argv("queue", "process", "--json")
    runner = subprocess.Popen(argv, cwd=two.ada.clone.path, env=overlaid(variables), stdout=subprocess.PIPE)
    started.read_bytes()  # the gate runs
    two.pause(*mode)
    go.write_bytes(b"")  # and goes on
    out, _ = runner.communicate()
    assert (runner.returncode, names(json.loads(out)["data"]["landed"])) == (11, [])
    assert (main(two.ada), two.runs) == (before, 1)
    started.unlink()
    go.unlink()
    two.bob("queue", "resume").ok()
    assert names(two.process(two.bob, 0)["landed"]) == ["feat"]
    assert two.runs == 1
