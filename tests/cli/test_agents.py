"""`gitfleet agent` and `gitfleet prime` from the command line, for people and for programs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.forms import held
from tests.workbench import Gitfleet


def answer(cli: Cli, *args: str, command: str = "", code: int = 0) -> dict[str, object]:
    """The data of a command's JSON, held against its schema."""
    found = cli(*args, "--json").ended(code).json()
    assert found["command"] == (command or " ".join(args[:2]))
    return dict(held(found, code))


def test_agent_is_installed_shown_and_uninstalled(cli: Cli) -> None:
    path = cli.clone.path / ".claude/settings.local.json"
    said = cli("agent", "install", "claude").ok().stdout
    assert f"created: {path}" in said
    assert "restart it" in said
    assert cli("agent", "install", "claude").ok().stdout == "the hooks of claude are in place\n"
    rows = [line.split() for line in cli("agent").ok().stdout.splitlines()]
    assert rows[1] == ["claude", "project", "hooks", "in", "place", str(path)]
    assert [row[2:5] for row in rows[2:4]] == [["tools", "in", "place"], ["skill", "in", "place"]]
    assert f"removed: {path}" in cli("agent", "uninstall", "claude").ok().stdout
    assert "no hooks of ours" in cli("agent", "uninstall", "claude").ok().stdout
    assert not path.parent.exists()


def test_agent_json_is_as_its_schema_says(cli: Cli) -> None:
    for agent in ("claude", "codex"):
        done = answer(cli, "agent", "install", agent)
        assert (done["agent"], done["scope"]) == (agent, "project")
        assert answer(cli, "agent", "install", agent, "--user")["scope"] == "user"
    assert answer(cli, "agent", command="agent status")["agents"]
    assert answer(cli, "agent", "status")["agents"]
    assert answer(cli, "agent", "uninstall", "codex")["files"]
    assert "cursor" in str(answer(cli, "agent", "install", "cursor", code=2)["error"])
    cli("agent", "install", "claude", "--user", "--project").ended(2)
    path = cli.clone.path / ".claude/settings.local.json"
    path.write_text("{")
    assert "left as it is" in str(answer(cli, "agent", "install", "claude", code=20)["error"])
    assert path.read_text() == "{"


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_user_who_uninstalls_an_agent_has_no_trace_of_it_at_home(cli: Cli, agent: str) -> None:
    home = Path.home()
    before = sorted(home.rglob("*"))
    cli("agent", "install", agent, "--user").ok()
    assert sorted(home.rglob("*")) != before
    cli("agent", "uninstall", agent, "--user").ok()
    assert sorted(home.rglob("*")) == before


def test_agent_is_installed_before_the_fleet_is_there_with_a_word_about_it(
    gitfleet: Gitfleet, repository: Path
) -> None:
    assert "gitfleet init" in gitfleet(repository, "agent", "install", "claude").ok().stderr


def test_leaving_the_fleet_takes_the_agents_hooks_along(cli: Cli) -> None:
    cli("agent", "install", "claude").ok()
    cli("agent", "install", "codex").ok()
    (cli.clone.path / ".codex/hooks.json").write_text("{ gitfleet-agent ")
    ran = cli("uninstall", "--force", env=cli.nobody).ok()
    assert not (cli.clone.path / ".claude").exists()
    assert "left as it is" in ran.stderr
    assert (cli.clone.path / ".codex/hooks.json").exists()


def test_prime_tells_an_agent_where_it_stands(cli: Cli) -> None:
    cli("claim", "src/a.py", "docs/").ok()
    cli("claim", "src/b.py", "--reason", "the other half", env=cli.other).ok()
    cli("tell", "alone-1", "mind the gap", env=cli.other).ok()
    said = cli("prime").ok().stdout
    assert "You act for session alone-1" in said
    assert 'You hold: "docs/", "src/a.py".' in said
    assert '- "src/b.py": session alone-2, with the reason "the other half"' in said
    assert "mind the gap" in said
    assert "mind the gap" not in cli("prime").ok().stdout
    told = answer(cli, "prime", command="prime")
    assert told["holds"] == ["docs/", "src/a.py"]
    assert [one["session"] for one in json.loads(json.dumps(told["others"]))] == ["alone-2"]


def test_prime_without_a_session_says_how_to_start_one(cli: Cli, gitfleet: Gitfleet, tmp_path: Path) -> None:
    said = cli("prime", env=cli.nobody).ok().stdout
    assert "gitfleet session start --agent NAME" in said
    assert answer(cli, "prime", "--session", "alone-1", command="prime")["session"] == "alone-1"
    gitfleet(tmp_path, "prime").ended(2)


def test_agent_that_is_too_old_is_told_at_install_in_status_and_by_doctor(cli: Cli, tmp_path: Path) -> None:
    program = tmp_path / "bin/codex"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho codex-cli 0.100.0\n")
    program.chmod(0o755)
    env = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    words = "codex 0.100.0 is too old for all of gitfleet's hooks"
    assert words in cli("agent", "install", "codex", env=env).ok().stderr
    shown = cli("agent", "--json", env=env).ok().json()
    assert any(words in one for one in shown["warnings"])
    (version,) = shown["data"]["versions"]
    assert (version["agent"], version["version"], version["known"]) == ("codex", "0.100.0", False)
    servers = {(one["agent"], one["scope"]): one["state"] for one in shown["data"]["servers"]}
    assert servers["codex", "project"] == "in place"
    assert words in cli("doctor", env=env).ended(20).stdout
