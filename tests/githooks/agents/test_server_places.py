"""How it stands with our server of tools in clients' lists: whatever is there is told, and nothing is touched."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gitfleet.git.repository import Repository, discover
from gitfleet.githooks.agents import registering, server_places
from gitfleet.githooks.agents.wanted import Scope


@pytest.fixture
def here(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Repository:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "claude"))
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "codex"))
    for name in ("claude", "codex"):
        (tmp_path / name).mkdir()
    return discover(str(repository))


THEIRS = {
    "claude": json.dumps({"mcpServers": {"gitfleet": {"command": "theirs", "args": []}}}),
    "codex": '[mcp_servers.gitfleet]\ncommand = "theirs"\n',
}


@pytest.mark.parametrize("scope", ["project", "user"])
@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_server_is_absent_then_in_place_then_outdated_and_absent_again(
    here: Repository, agent: str, scope: Scope
) -> None:
    def state() -> str:
        return server_places.look(agent, scope, here).state

    assert state() == "absent"
    registering.register(agent, scope, here)
    assert state() == "in place"
    path = Path(server_places.look(agent, scope, here).path)
    text = path.read_text()
    path.write_text(re.sub(r'("?command"?\s*[:=]\s*)"[^"]*"', r'\1"/gone/python"', text))
    before = path.read_bytes()
    assert state() == "outdated"
    assert path.read_bytes() == before
    registering.register(agent, scope, here)
    assert state() == "in place"
    registering.unregister(agent, scope, here)
    assert state() == "absent"


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_server_of_that_name_that_is_not_ours_is_told(here: Repository, agent: str) -> None:
    path = Path(server_places.look(agent, "user", here).path)
    path.write_text(THEIRS[agent])
    assert server_places.look(agent, "user", here).state == "not ours"


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[", b"a = = 1", b"[]"])
@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_list_that_cannot_be_read_is_told_with_why(here: Repository, agent: str, data: bytes) -> None:
    path = Path(server_places.look(agent, "user", here).path)
    path.write_bytes(data)
    found = server_places.look(agent, "user", here)
    assert (found.state in {"unreadable", "absent"}, bool(found.problem)) == (
        True,
        found.state == "unreadable",
    )
    assert path.read_bytes() == data


def test_places_of_a_worktree_are_four_and_outside_of_one_two(here: Repository) -> None:
    assert [(one.agent, one.scope) for one in server_places.places(here)] == [
        ("claude", "project"), ("claude", "user"), ("codex", "project"), ("codex", "user"),
    ]  # fmt: skip
    assert [one.scope for one in server_places.places(None)] == ["user", "user"]
