"""What `--json` really prints is what the rows in `gitfleet/fleet/views/` say, field by field, in good times and in bad."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.forms import held
from tests.workbench import Git, Gitfleet

Ask = Callable[..., Any]


@pytest.fixture
def ask(gitfleet: Gitfleet) -> Ask:
    """`ask(directory, "claim", "x", code=10)`: runs it with `--json`, and holds the answer against its schema."""

    def run(directory: Path, *args: str, command: str = "", code: int = 0) -> Any:
        return held(gitfleet(directory, *args, "--json").ended(code).json(), code, command or args[0])

    return run


@pytest.fixture
def agent_in() -> Iterator[Callable[[Path], str]]:
    """Starts a process that works in a directory, and answers its pid."""
    running: list[subprocess.Popen[bytes]] = []

    def start(directory: Path) -> str:
        running.append(subprocess.Popen(["sleep", "600"], cwd=directory))
        return str(running[-1].pid)

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.mark.always
def test_json_of_every_command_in_a_fleet_of_two_is_as_its_schema_says(
    ask: Ask, agent_in: Callable[[Path], str], clone: Callable[[str], Path], git: Git
) -> None:
    ada, ben = clone("ada"), clone("ben")
    ask(ada, "init")
    person = ask(ben, "init")["session"]
    ask(ada, "session", "start", "--id", "ada-1", "--title", "x", command="session start")
    ask(ben, "session", "adopt", "--id", "ben-1", "--pid", agent_in(ben), command="session adopt")
    ask(ada, "claim", "docs/", "*.md", "--reason", "y")
    ask(ada, "claim", "docs/readme.md")
    ask(ada, "claim", "**", code=16)
    ask(ben, "claim", "docs/", "--session", "ben-1", code=10)
    assert ask(ben, "claim", "docs/x", "lib/", "--partial", "--session", "ben-1", code=21)["refused"]
    assert ask(ben, "claims")["claims"]
    assert [
        path["state"]
        for path in ask(ben, "check", "docs/x", "lib/x", "new", "--session", "ben-1", code=10)["paths"]
    ]
    ask(ben, "check", "new")
    ask(ben, "release", "lib/", "nothing", "--session", "ben-1")
    ask(ben, "release", "docs/", "--session", "ben-1", code=10)
    ask(
        ben,
        "claim",
        "docs/",
        "--wait",
        "--timeout",
        "0s",
        "--session",
        "ben-1",
        command="claim --wait",
        code=11,
    )
    assert ask(ben, "waiting")["tickets"][0]["blocked_by"]
    ask(ada, "release", "docs/")
    assert ask(ben, "claim", "docs/", "--wait", "--session", "ben-1", command="claim --wait")["granted"]
    ask(ben, "waiting", "--leave", "--session", "ben-1")
    ask(ben, "tell", "ada-1", "hello", "--session", "ben-1")
    ask(ben, "offer", "--to", "ada-1", "docs/", "--session", "ben-1")
    assert ask(ada, "accept")["taken"]
    ask(ada, "accept", code=10)
    ask(ada, "break", "docs/", "--reason", "z", code=16)
    assert ask(ben, "break", "docs/", "--reason", "z", "--session", person)["broken"]
    ask(ada, "session", "list", command="session list")
    ask(ada, "session", command="session list")
    ask(ada, "session", "show", "ada-1", command="session show")
    ask(ada, "session", "show", "nobody", command="session show", code=2)
    ask(ada, "sync")
    status = ask(ada, "status", "--tail", "3")
    assert {session["id"] for session in status["sessions"]} >= {"ada-1", "ben-1"}
    assert ask(ada, "log")["operations"]
    ask(ada, "fsck")
    ask(ada, "doctor")
    ask(ada, "session", "end", command="session end")
    git(ada, "add", "gitfleet.yaml")
    assert ask(ada, "uninstall", "--force")["kept"]


def test_json_of_commands_without_the_hub_and_after_a_loss_is_as_its_schema_says(
    ask: Ask, clone: Callable[[str], Path], hub: Path
) -> None:
    ada, ben = clone("ada"), clone("ben")
    ask(ada, "init")
    ask(ben, "init")
    away = hub.rename(hub.with_name("away.git"))
    claimed = ask(ada, "claim", "lib/")
    assert (claimed["outcome"], claimed["generation"]) == ("tentative", -1)
    assert ask(ada, "claims", "lib/")["claims"][0]["tentative"] is True
    ask(ada, "release", "nothing")
    ask(ada, "sync", code=30)
    ask(ada, "doctor", code=20)
    ask(ada, "status")
    away.rename(hub)
    ask(ben, "claim", "lib/")
    assert ask(ada, "sync", code=12)["lost"]


def test_json_of_commands_with_an_alarm_is_as_its_schema_says(
    ask: Ask, clone: Callable[[str], Path], hub: Path, git: Git
) -> None:
    ada = clone("ada")
    ask(ada, "init")
    git(hub, "update-ref", "-d", "refs/fleet/coord")
    ask(ada, "claim", "lib/", code=13)
    assert ask(ada, "status")["ledger"]["alarm"]
    ask(ada, "doctor", code=20)
    assert ask(ada, "doctor", "--repair")["repaired"]


@pytest.mark.parametrize("arguments", [["claims"], ["session", "start"], ["fsck"]], ids=" ".join)
def test_json_outside_of_a_fleet_is_an_error_with_a_hint(
    ask: Ask, repository: Path, arguments: list[str]
) -> None:
    error = ask(repository, *arguments, command=" ".join(arguments), code=2)["error"]
    assert error["hint"]
