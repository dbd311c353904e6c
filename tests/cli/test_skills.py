"""The skill that tells an agent when to ask gitfleet: written, kept up to date, merged with what people add, taken out."""

from __future__ import annotations

from pathlib import Path

import pytest

import gitfleet
from gitfleet.cli import schemas
from gitfleet.clients.acting import CLIENTS
from gitfleet.fleet.views import schema
from gitfleet.githooks.agents import skills
from tests.cli.conftest import Cli
from tests.workbench import Overlay

AGENTS = tuple(CLIENTS)
NOTES = b"\nMy own notes.\n"


@pytest.fixture
def home(tmp_path: Path) -> Overlay:
    """An own home folder: nothing of the user's is touched."""
    home = tmp_path / "home"
    home.mkdir()
    return {"HOME": str(home), "CLAUDE_CONFIG_DIR": str(home / ".claude"), "CODEX_HOME": str(home / ".codex")}


def found(cli: Cli, home: Overlay, agent: str, scope: str = "project") -> tuple[str, str]:
    data = cli("agent", "status", "--json", env=home).ok().json()["data"]
    schema.validate(schemas.COMMANDS["agent status"].data, data)
    (row,) = [one for one in data["skills"] if (one["agent"], one["scope"]) == (agent, scope)]
    return row["state"], row["version"]


@pytest.mark.parametrize("agent", AGENTS)
def test_skill_is_written_ignored_by_git_and_taken_out(cli: Cli, home: Overlay, agent: str) -> None:
    top = cli.clone.path
    excluded = (top / ".git/info/exclude").read_bytes()
    before = {path.name for path in top.iterdir()}
    assert found(cli, home, agent) == ("absent", "")
    cli("agent", "install", agent, env=home).ok()
    file = top / CLIENTS[agent].SKILL
    assert b"gitfleet help --json" in file.read_bytes()
    assert CLIENTS[agent].SKILL not in cli.clone.git("status", "--porcelain", "-uall").stdout
    assert found(cli, home, agent) == ("in place", gitfleet.__version__)
    written = file.stat()
    cli("agent", "install", agent, env=home).ok()
    assert file.stat().st_mtime_ns == written.st_mtime_ns
    cli("agent", "uninstall", agent, env=home).ok()
    assert {path.name for path in top.iterdir()} == before
    assert (top / ".git/info/exclude").read_bytes() == excluded


def test_skill_of_an_older_version_is_told_and_replaced_and_notes_below_it_stay(
    cli: Cli, home: Overlay
) -> None:
    cli("agent", "install", "claude", env=home).ok()
    file = cli.clone.path / CLIENTS["claude"].SKILL
    file.write_bytes(
        file.read_bytes().replace(f"skill {gitfleet.__version__}".encode(), b"skill 0.0.1") + NOTES
    )
    assert found(cli, home, "claude") == ("outdated", "0.0.1")
    assert "was written by gitfleet 0.0.1" in cli("agent", "status", env=home).ok().stderr
    cli("agent", "install", "claude", env=home).ok()
    assert file.read_bytes() == skills.text() + NOTES
    cli("agent", "uninstall", "claude", env=home).ok()
    assert file.read_bytes() == NOTES


def test_skill_of_that_name_that_is_not_ours_is_left_alone(cli: Cli, home: Overlay) -> None:
    file = cli.clone.path / CLIENTS["codex"].SKILL
    file.parent.mkdir(parents=True)
    file.write_text("---\nname: gitfleet\ndescription: theirs\n---\nOwn text.\n")
    theirs = file.read_bytes()
    cli("agent", "install", "codex", env=home).ok()
    assert found(cli, home, "codex") == ("not ours", "")
    cli("agent", "uninstall", "codex", env=home).ok()
    assert file.read_bytes() == theirs


@pytest.mark.parametrize(("agent", "place"), [("claude", ".claude"), ("codex", ".agents")])
def test_skill_for_all_repositories_is_in_the_home_folder(
    cli: Cli, home: Overlay, agent: str, place: str
) -> None:
    cli("agent", "install", agent, "--user", env=home).ok()
    file = Path(str(home["HOME"])) / place / "skills/gitfleet/SKILL.md"
    assert file.read_bytes() == skills.text()
    cli("agent", "uninstall", agent, "--user", env=home).ok()
    assert not file.exists()


def test_uninstalling_gitfleet_takes_the_skills_out(cli: Cli, home: Overlay) -> None:
    for agent in AGENTS:
        cli("agent", "install", agent, env=home).ok()
    cli("uninstall", "--force", env={**home, **cli.nobody}).ok()
    assert not any((cli.clone.path / CLIENTS[agent].SKILL).exists() for agent in AGENTS)


@pytest.mark.parametrize(
    "data", [None, skills.text(), skills.text() + NOTES, b"", b"---\nname: x\n---\n", NOTES]
)
def test_taking_out_what_was_put_in_leaves_what_was_there(data: bytes | None) -> None:
    put = skills.put(data)
    assert skills.put(put) == put
    ours = data is None or data.startswith(skills.text())
    rest = (data or b"").removeprefix(skills.text())
    assert skills.without(put) == ((rest or None) if ours else data)
