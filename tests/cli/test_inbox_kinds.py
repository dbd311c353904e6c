"""Each kind of the inbox from what really happens, and its one next command, typed into a shell as it stands."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.cli.test_cost import CLIENT
from tests.cli.test_handing_back import NO_BAD, Pair, spoiled
from tests.cli.test_maintaining import cron
from tests.gatebench import Copies
from tests.jobs.shepherd.agents import PYTHON
from tests.operations import ask
from tests.workbench import ROOT, Gitfleet, Overlay, Ran, run

__all__ = ["cron"]

GONE = '[sh, -c, "echo \'{\\"type\\":\\"error\\",\\"message\\":\\"You have hit your usage limit\\"}\'; echo \'{\\"type\\":\\"turn.failed\\",\\"error\\":{\\"message\\":\\"You have hit your usage limit\\"}}\'; exit 1"]'


@pytest.fixture
def typed(tmp_path: Path) -> Callable[..., Ran]:
    """Runs a command as a person does who has copied it."""
    program = tmp_path / "path/gitfleet"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={ROOT} exec {shlex.quote(sys.executable)} -P -m gitfleet "$@"\n'
    )
    program.chmod(0o755)

    def typed(clone: Path, command: str, env: Overlay | None = None) -> Ran:
        path = f"{program.parent}:/usr/local/bin:/usr/bin:/bin"
        return run(["sh", "-c", command], clone, env={**(env or {}), "PATH": path})

    return typed


@pytest.fixture
def pair(copies: Copies, gitfleet: Gitfleet) -> Pair:
    ada, bob = (Cli(copies.clone(name), gitfleet) for name in ("ada", "bob"))
    return Pair(ada, bob, f"gate: {NO_BAD}")


def items(cli: Cli, kind: str) -> Sequence[dict[str, Any]]:
    found: Sequence[dict[str, Any]] = cli("inbox", "--kind", kind, "--json").ok().json()["data"]["items"]
    return found


def test_entry_that_failed_its_gate_is_there_and_its_command_queues_the_repair(
    pair: Pair, typed: Callable[..., Ran]
) -> None:
    pair.branch("feat/$(touch${IFS}evil)", "BAD\n", path="bad.txt")
    pair.add()
    pair.process(21)
    pair.ada("sync").ok()
    (item,) = items(pair.ada, "rejected")
    assert item["who"] == "ada-1"
    assert "gate" in item["what"]
    place = pair.ada.clone.path
    assert "gate" in typed(place, item["next"], pair.ada.clone.as_session("ada-1")).ok().stdout
    pair.commit("bad.txt", "good\n", push=True)
    (item,) = items(pair.ada, "rejected")
    typed(place, item["next"], pair.ada.clone.as_session("ada-1")).ok()
    assert not (place / "evil").exists()
    assert items(pair.ada, "rejected") == []
    assert [row["branch"] for row in pair.process(0)["landed"]] == ["feat/$(touch${IFS}evil)"]


def test_entry_that_needs_an_approval_is_there_and_its_command_gives_it(
    pair: Pair, typed: Callable[..., Ran]
) -> None:
    spoiled(pair)
    pair.add()
    pair.process(11)
    pair.ada("sync").ok()
    (item,) = items(pair.ada, "held")
    assert item["urgent"]
    with pair.ada.clone.open() as fleet:
        ask(fleet.ledger, "session.start", "eve", {"worktree": str(pair.ada.clone.path), "person": True})
    typed(pair.ada.clone.path, item["next"], pair.ada.clone.as_session("eve")).ok()
    assert items(pair.ada, "held") == []


def test_session_that_is_dead_is_there_and_its_command_ends_it(cli: Cli, typed: Callable[..., Ran]) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    cli("session", "start", "--id", "gone", "--pid", str(gone.pid)).ok()
    assert items(cli, "dead-session") == []
    gone.communicate()
    (item,) = items(cli, "dead-session")
    assert (item["who"], item["urgent"]) == ("gone", True)
    typed(cli.clone.path, item["next"]).ok()
    assert items(cli, "dead-session") == []


def test_budget_that_is_spent_is_there_and_its_command_shows_it(
    cli: Cli, typed: Callable[..., Ran], tmp_path: Path
) -> None:
    client = tmp_path / "client.py"
    client.write_text(CLIENT)
    agents(
        cli,
        "budget: {tokens: 500}\n",
        tidy=f"runtime: claude\ncommand: {json.dumps([PYTHON, '-I', '-S', str(client)])}\nprompt: Tidy\n",
    )
    cli("trigger", "tidy").ok()
    assert items(cli, "budget") == []
    cli("run", "--until-idle").ok()
    (item,) = items(cli, "budget")
    assert (item["who"], item["urgent"]) == ("all agents", False)
    assert "500 of 500 tokens" in typed(cli.clone.path, item["next"]).ok().stdout


def test_pool_that_ran_out_is_there_and_its_command_says_until_when(
    cli: Cli, typed: Callable[..., Ran]
) -> None:
    agents(cli, "", tidy=f"runtime: codex\ncommand: {GONE}\nprompt: Tidy\npool: house\n")
    cli("trigger", "tidy").ok()
    cli("run", "--until-idle").ended(0, 21)
    (item,) = items(cli, "quota")
    assert (item["who"], item["urgent"]) == ("house", False)
    assert "paused" in typed(cli.clone.path, item["next"]).ok().stdout
    cli("pool", "resume", "house").ok()
    assert items(cli, "quota") == []


def test_maintainer_that_fails_is_there_and_its_command_shows_why(
    hub_cli: Cli, cron: Overlay, typed: Callable[..., Ran]
) -> None:
    hub_cli("maintainer", "install", "--kind", "cron", env=cron).ok()
    hub = hub_cli.clone.fleets.hub
    hub.rename(hub.with_name("away"))
    ran = hub_cli("maintainer", "run", env=cron)
    assert ran.returncode in {21, 30}, ran
    (item,) = items(hub_cli, "maintainer")
    assert item["who"] == "maintainer"
    assert f"ended with {ran.returncode}" in typed(hub_cli.clone.path, item["next"], cron).ok().stdout
    hub.with_name("away").rename(hub)
    hub_cli("maintainer", "run", env=cron).ok()
    assert items(hub_cli, "maintainer") == []


def agents(cli: Cli, more: str, **files: str) -> None:
    folder = cli.clone.path / "agents"
    folder.mkdir()
    (folder / "fleet.yaml").write_text(f"defaults: {{working_directory: .., limits: {{grace: 1s}}}}\n{more}")
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
