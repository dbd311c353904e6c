"""An agent's hooks in a real worktree: the repository stays clean, files keep their mode and their links, and all goes again."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from gitfleet.errors import Blocked, NoRepository, UsageError
from gitfleet.git.repository import Repository, discover
from gitfleet.githooks.agents import agent_hooks, settings, uninstalling
from tests.workbench import Git

AGENTS = ["claude", "codex"]
FILES = {"claude": ".claude/settings.local.json", "codex": ".codex/hooks.json"}


@pytest.fixture
def here(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A worktree, in which the test runs."""
    monkeypatch.chdir(repository)
    return discover()


def picture(root: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder, with its mode; git's own objects aside."""
    found = [path for path in root.rglob("*") if path.is_file() and ".git/index" not in str(path)]
    return {str(path): (path.read_bytes(), path.stat().st_mode) for path in found} | {
        f"{path}/": (b"", 0) for path in root.rglob("*") if path.is_dir()
    }


@pytest.mark.parametrize("agent", AGENTS)
def test_install_changes_nothing_that_git_shows_and_uninstall_leaves_no_trace(
    repository: Path, here: Repository, git: Git, agent: str
) -> None:
    before = picture(repository)
    changes = agent_hooks.install(agent, "project", here)
    assert changes[0].what == "created"
    shown = git(repository, "status", "--porcelain", "-uall").splitlines()
    assert shown == (["?? AGENTS.md"] if agent == "codex" else [])
    assert {change.what for change in agent_hooks.install(agent, "project", here)} == {"unchanged"}
    assert agent_hooks.uninstall(agent, "project", here)
    assert picture(repository) == before
    assert agent_hooks.uninstall(agent, "project", here) == []


def test_hooks_name_the_events_that_each_agent_has(repository: Path, here: Repository) -> None:
    for agent in AGENTS:
        agent_hooks.install(agent, "project", here)
    claude = json.loads((repository / FILES["claude"]).read_text())["hooks"]
    codex = json.loads((repository / FILES["codex"]).read_text())["hooks"]
    assert list(claude) == ["PreToolUse", "SessionStart", "Stop", "SessionEnd"]
    assert claude["PreToolUse"][0]["matcher"] == "Edit|MultiEdit|Write|NotebookEdit|Bash"
    assert list(codex) == ["PreToolUse", "PostToolUse", "SessionStart", "Stop", "SessionEnd"]
    assert codex["PreToolUse"][0]["matcher"] == "apply_patch|Bash"
    assert codex["SessionEnd"][0]["hooks"][0]["timeout"] <= 3
    for groups in [*claude.values(), *codex.values()]:
        (handler,) = groups[0]["hooks"]
        assert (handler["type"], handler["timeout"] > 0) == ("command", True)


def test_file_that_is_there_keeps_its_bytes_its_mode_and_its_link(repository: Path, here: Repository) -> None:
    target = repository.parent / "dotfiles.json"
    text = '{\r\n    "model": "opus",\r\n    "hooks": {}\r\n}'
    target.write_bytes(b"\xef\xbb\xbf" + text.encode())
    target.chmod(0o640)
    path = repository / FILES["claude"]
    path.parent.mkdir()
    path.symlink_to(target)
    old = os.umask(0o077)
    try:
        agent_hooks.install("claude", "project", here)
        assert stat.S_IMODE(target.stat().st_mode) == 0o640
        assert path.is_symlink()
        assert b"gitfleet-agent" in target.read_bytes()
        agent_hooks.uninstall("claude", "project", here)
    finally:
        os.umask(old)
    assert target.read_bytes() == b"\xef\xbb\xbf" + text.encode()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert path.is_symlink()


def test_text_of_agents_md_keeps_its_bytes(repository: Path, here: Repository, git: Git) -> None:
    (repository / "AGENTS.md").write_bytes(b"# Ours \xff, no newline")
    agent_hooks.install("codex", "project", here)
    text = (repository / "AGENTS.md").read_bytes()
    assert text.startswith(b"# Ours \xff, no newline\n\n<!-- gitfleet:begin codex")
    assert b"gitfleet prime" in text
    agent_hooks.uninstall("codex", "project", here)
    assert (repository / "AGENTS.md").read_bytes() == b"# Ours \xff, no newline"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"// comment\n{}", b'{"hooks": []}', b'{"hooks": {"Stop": 1}}', b"\xff{}", b"[]"]
)
def test_settings_that_cannot_be_understood_are_left_as_they_are(
    repository: Path, here: Repository, content: bytes
) -> None:
    path = repository / FILES["claude"]
    path.parent.mkdir()
    path.write_bytes(content)
    before = picture(repository)
    with pytest.raises(Blocked, match="was left as it is"):
        agent_hooks.install("claude", "project", here)
    assert picture(repository) == before
    assert agent_hooks.uninstall("claude", "project", here) == []
    path.write_bytes(b"{ gitfleet-agent ")
    with pytest.raises(Blocked, match="was left as it is"):
        agent_hooks.uninstall("claude", "project", here)
    assert [look.state for look in agent_hooks.status(here) if look.scope == "project"] == [
        "unreadable",
        "absent",
    ]


def test_block_whose_end_is_gone_is_left_as_it_is(repository: Path, here: Repository) -> None:
    agent_hooks.install("codex", "project", here)
    path = repository / "AGENTS.md"
    path.write_bytes(path.read_bytes().replace(b"gitfleet:end", b"x"))
    with pytest.raises(Blocked, match="is missing"):
        agent_hooks.uninstall("codex", "project", here)


def test_file_that_is_a_folder_or_may_not_be_written_is_refused(repository: Path, here: Repository) -> None:
    path = repository / FILES["claude"]
    path.mkdir(parents=True)
    with pytest.raises(Blocked, match="folder"):
        agent_hooks.install("claude", "project", here)
    path.rmdir()
    path.parent.rmdir()
    path.parent.write_text("a file")
    with pytest.raises(Blocked, match="there is a file where a folder"):
        agent_hooks.install("claude", "project", here)


def test_link_that_came_with_the_repository_and_leads_out_of_it_is_not_followed(
    repository: Path, here: Repository, git: Git, tmp_path: Path
) -> None:
    target = tmp_path / "authorized"
    target.write_text("{}\n")
    (repository / "AGENTS.md").symlink_to(target)
    (repository / ".claude").symlink_to(tmp_path)
    git(repository, "add", "AGENTS.md", ".claude")
    for agent in AGENTS:
        with pytest.raises(Blocked, match="leads out of it"):
            agent_hooks.install(agent, "project", here)
    assert target.read_text() == "{}\n"
    assert not (repository / ".codex").exists()
    git(repository, "rm", "--quiet", "--force", "AGENTS.md")
    (repository / "CLAUDE.md").write_text("# x\n")
    (repository / "AGENTS.md").symlink_to("CLAUDE.md")
    git(repository, "add", "AGENTS.md", "CLAUDE.md")
    agent_hooks.install("codex", "project", here)
    assert "gitfleet prime" in (repository / "CLAUDE.md").read_text()


def test_tracked_or_ignored_file_needs_no_line_in_the_excludes(
    repository: Path, here: Repository, git: Git
) -> None:
    exclude = repository / ".git/info/exclude"
    before = exclude.read_bytes() if exclude.exists() else None
    git.commit(repository, {".gitignore": ".codex/\n", FILES["claude"]: "{}\n"})
    for agent in AGENTS:
        agent_hooks.install(agent, "project", here)
    assert (exclude.read_bytes() if exclude.exists() else None) == before


def test_excludes_stay_while_another_worktree_has_the_hooks(
    repository: Path, here: Repository, git: Git, tmp_path: Path
) -> None:
    tree = tmp_path / "linked"
    git(repository, "worktree", "add", "--quiet", "-b", "linked", tree)
    there = discover(str(tree))
    before = picture(repository)
    agent_hooks.install("claude", "project", here)
    agent_hooks.install("claude", "project", there)
    assert git(tree, "status", "--porcelain", "-uall") == ""
    agent_hooks.uninstall("claude", "project", here)
    assert git(tree, "status", "--porcelain", "-uall") == ""
    agent_hooks.install("codex", "project", here)
    assert uninstalling.uninstall_everywhere(here) == []
    assert picture(repository) == before
    assert not (tree / ".claude").exists()


def test_user_s_settings_are_where_the_agent_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: Repository
) -> None:
    home = Path.home()
    agent_hooks.install("claude", "user", None)
    assert settings.MARK in (home / ".claude/settings.json").read_text()
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "codex home"))
    agent_hooks.install("codex", "user", None)
    assert settings.MARK in (tmp_path / "codex home/hooks.json").read_text()
    states = {(look.agent, look.scope): look.state for look in agent_hooks.status(here)}
    assert states == {
        ("claude", "project"): "absent", ("claude", "user"): "in place",
        ("codex", "project"): "absent", ("codex", "user"): "in place",
    }  # fmt: skip
    agent_hooks.uninstall("claude", "user", None)
    agent_hooks.uninstall("codex", "user", None)
    assert not (home / ".claude").exists()
    assert not (tmp_path / "codex home").exists()
    assert [look.state for look in agent_hooks.status(None)] == ["absent", "absent"]


def test_hooks_of_another_installation_are_outdated_until_they_are_put_in_again(
    repository: Path, here: Repository
) -> None:
    agent_hooks.install("claude", "project", here)
    path = repository / FILES["claude"]
    path.write_text(path.read_text().replace("agenthooks/run.py", "elsewhere/run.py"))
    assert agent_hooks.status(here)[0].state == "outdated"
    agent_hooks.install("claude", "project", here)
    assert agent_hooks.status(here)[0].state == "in place"
    agent_hooks.uninstall("claude", "project", here)
    assert not path.parent.exists()


def test_unknown_agent_and_project_without_a_worktree_are_refused(here: Repository, hub: Path) -> None:
    with pytest.raises(UsageError, match="cursor"):
        agent_hooks.install("cursor", "project", here)
    with pytest.raises(NoRepository, match="worktree"):
        agent_hooks.install("claude", "project", discover(str(hub)))
