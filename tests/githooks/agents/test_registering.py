"""Our server in the clients' lists: put in and taken out without a trace, beside whatever else stands there."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import pytest

from gitfleet.errors import Blocked
from gitfleet.git.repository import Repository, discover
from gitfleet.githooks.agents import registering, uninstalling
from gitfleet.githooks.agents.wanted import Scope
from tests.workbench import Git


@pytest.fixture
def here(repository: Path) -> Repository:
    return discover(str(repository))


@pytest.fixture
def claude_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a user of Claude Code, which is not there yet."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    return tmp_path / ".claude.json"


@pytest.fixture
def codex_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODEX_HOME", str(tmp_path))
    return tmp_path / "config.toml"


JSONS = [
    None, "{}", "{}\n", '{"projects": {}}', '{\n  "a": 1,\n  "projects": {\n    "/x": {"mcpServers": {}}\n  }\n}\n',
    '{"mcpServers": {"other": {"command": "x"}}, "b": [1, 2]}', '{"projects":{"HERE":{"allowedTools":[],"mcpServers":{}}}}',
    '{"projects":{"HERE":{"mcpServers":{"other":{"command":"x"}}}}}\r\n',
]  # fmt: skip


@pytest.mark.parametrize("scope", ["user", "project"])
@pytest.mark.parametrize("before", JSONS)
def test_in_claudes_file_it_is_put_in_once_and_taken_out_to_the_byte(
    here: Repository, claude_file: Path, before: str | None, scope: Scope
) -> None:
    top = str(here.worktree)
    data = None if before is None else before.replace("HERE", top).encode()
    if data is not None:
        claude_file.write_bytes(data)
    registering.register("claude", scope, here)
    told = json.loads(claude_file.read_bytes())
    servers = told["mcpServers"] if scope == "user" else told["projects"][top]["mcpServers"]
    assert servers["gitfleet"]["command"] == sys.executable
    assert Path(servers["gitfleet"]["args"][2]).is_file()
    assert [one.what for one in registering.register("claude", scope, here)[0]] == ["unchanged"]
    assert registering.unregister("claude", scope, here)
    assert (claude_file.read_bytes() if claude_file.exists() else None) == data
    assert registering.unregister("claude", scope, here) == []


def test_what_claude_wrote_beside_it_stays_when_it_is_taken_out(here: Repository, claude_file: Path) -> None:
    registering.register("claude", "project", here)
    told = json.loads(claude_file.read_bytes())
    told["projects"][str(here.worktree)]["allowedTools"] = ["x"]
    claude_file.write_text(json.dumps(told))
    registering.unregister("claude", "project", here)
    assert json.loads(claude_file.read_bytes()) == {"projects": {str(here.worktree): {"allowedTools": ["x"]}}}


def test_an_entry_of_another_installation_is_renewed(here: Repository, claude_file: Path) -> None:
    registering.register("claude", "user", None)
    now = claude_file.read_text()
    claude_file.write_text(now.replace(sys.executable, "/old/python"))
    assert [one.what for one in registering.register("claude", "user", None)[0]] == ["changed"]
    assert claude_file.read_text() == now


@pytest.mark.parametrize(
    "text", ['{"mcpServers": {"gitfleet": {"command": "mine"}}}', '{"mcpServers":{"gitfleet":{"args":[]}}}']
)
def test_a_server_of_that_name_that_is_not_ours_stays(here: Repository, claude_file: Path, text: str) -> None:
    claude_file.write_text(text)
    registering.register("claude", "user", here)
    registering.unregister("claude", "user", here)
    assert claude_file.read_text() == text


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mcpServers": 5}', "\xff"])
def test_a_file_that_is_not_what_it_should_be_is_left_as_it_is(claude_file: Path, text: str) -> None:
    claude_file.write_text(text, encoding="latin-1")
    with pytest.raises(Blocked, match="left as it is"):
        registering.register("claude", "user", None)
    assert claude_file.read_text(encoding="latin-1") == text


TOMLS = [
    None,
    "",
    "a = 1",
    "a = 1\n",
    '[mcp_servers.other]\ncommand = "x"\n',
    "[t]\r\na = 1\r\n",
    "# gitfleet-mcp\n",
]


@pytest.mark.parametrize(
    "before", [one for one in TOMLS if one is None or "mcp" not in one or "other" in one]
)
def test_in_codexs_file_it_is_put_in_once_and_taken_out_to_the_byte(
    codex_file: Path, before: str | None
) -> None:
    if before is not None:
        codex_file.write_bytes(before.encode())
    registering.register("codex", "user", None)
    told = tomllib.loads(codex_file.read_text())["mcp_servers"]["gitfleet"]
    assert told["command"] == sys.executable
    assert "GITFLEET_SESSION" in told["env_vars"]
    assert [one.what for one in registering.register("codex", "user", None)[0]] == ["unchanged"]
    registering.unregister("codex", "user", None)
    assert (codex_file.read_bytes() if codex_file.exists() else None) == (
        None if before is None else before.encode()
    )


def test_what_codex_wrote_behind_it_stays_when_it_is_taken_out(codex_file: Path) -> None:
    registering.register("codex", "user", None)
    trust = '\n[projects."/x"]\ntrust_level = "trusted"\n'
    codex_file.write_text(codex_file.read_text() + trust)
    registering.unregister("codex", "user", None)
    assert codex_file.read_text() == trust


def test_a_table_that_somebody_has_added_to_is_not_taken_out_by_half(codex_file: Path) -> None:
    registering.register("codex", "user", None)
    text = codex_file.read_text() + "tool_timeout_sec = 5\n"
    codex_file.write_text(text)
    with pytest.raises(Blocked, match="changed by hand"):
        registering.unregister("codex", "user", None)
    assert codex_file.read_text() == text


def test_codexs_file_of_a_worktree_is_hidden_from_git_and_one_that_is_committed_is_left_alone(
    here: Repository, git: Git
) -> None:
    top = Path(str(here.worktree))
    registering.register("codex", "project", here)
    assert git(top, "status", "--porcelain", "--untracked-files=all").strip() == ""
    registering.unregister("codex", "project", here)
    assert not (top / ".codex/config.toml").exists()
    (top / ".codex").mkdir(exist_ok=True)
    (top / ".codex/config.toml").write_text("a = 1\n")
    git(top, "add", ".codex")
    changes, words = registering.register("codex", "project", here)
    assert changes == []
    assert "is committed" in words[0]
    assert (top / ".codex/config.toml").read_text() == "a = 1\n"


def test_a_new_worktree_follows_the_main_checkout(here: Repository, git: Git, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(Path(str(here.worktree)), "worktree", "add", "--quiet", linked)
    there = discover(str(linked))
    registering.follow(there)
    assert not (linked / ".codex/config.toml").exists()
    registering.register("codex", "project", here)
    registering.follow(there)
    assert "gitfleet" in tomllib.loads((linked / ".codex/config.toml").read_text())["mcp_servers"]
    assert uninstalling.uninstall_everywhere(here) == []
    assert not (linked / ".codex/config.toml").exists()
    assert not (Path(str(here.worktree)) / ".codex/config.toml").exists()
