"""Codex's sandbox, opened in one worktree and closed again: the roots that git needs, and every byte of others kept."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from gitfleet.errors import Blocked
from gitfleet.git.repository import Repository, discover
from gitfleet.githooks.agents import agent_hooks, opening, ready
from tests.githooks.agents.test_agent_hooks import picture
from tests.workbench import Git

CONFIG = ".codex/config.toml"


@pytest.fixture
def here(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A worktree, in which the test runs."""
    monkeypatch.chdir(repository)
    return discover()


def sandbox(top: Path) -> dict[str, object]:
    found: dict[str, object] = tomllib.loads((top / CONFIG).read_text())["sandbox_workspace_write"]
    return found


def linked(repository: Path, git: Git) -> Path:
    git(repository, "worktree", "add", "-q", "--detach", "../side")
    return repository.parent / "side"


@pytest.mark.parametrize(
    "before", [None, b"", b'model = "x"', b'# ours\r\n[tools]\r\nweb = true\r\n', '[a."é\\u007f"]\n'.encode()]
)  # fmt: skip
def test_open_adds_git_and_the_network_and_uninstall_leaves_every_byte(
    repository: Path, here: Repository, git: Git, before: bytes | None
) -> None:
    if before is not None:
        (repository / ".codex").mkdir()
        (repository / CONFIG).write_bytes(before)
    state, shown = picture(repository), git(repository, "status", "--porcelain")
    agent_hooks.install("codex", "project", here)
    agent_hooks.open_sandbox(here)
    assert {change.what for change in agent_hooks.open_sandbox(here)} == {"unchanged"}
    assert sandbox(repository) == {"network_access": True, "writable_roots": opening.roots(here)}
    assert opening.roots(here)[0] == str((repository / ".git").resolve())
    assert CONFIG not in git(repository, "status", "--porcelain", "-uall") or before is not None
    agent_hooks.uninstall("codex", "project", here)
    assert picture(repository) == state
    assert git(repository, "status", "--porcelain") == shown


def test_linked_worktree_gets_its_own_folder_of_git_and_the_hub_by_path(
    clone: object, repository: Path, git: Git, hub: Path
) -> None:
    git(repository, "remote", "add", "origin", str(hub))
    side = linked(repository, git)
    common = (repository / ".git").resolve()
    assert opening.roots(discover(str(side))) == [
        str(common), str(common / "worktrees/side"), str(hub.resolve())
    ]  # fmt: skip


def test_worktree_that_is_made_ready_is_open_as_the_main_checkout_is_and_closes_with_it(
    repository: Path, here: Repository, git: Git
) -> None:
    side = linked(repository, git)
    before = picture(side)
    agent_hooks.install("codex", "project", here)
    assert ready.prepare("codex", discover(str(side))) == []
    assert not opening.is_open(str(side))
    agent_hooks.open_sandbox(here)
    assert ready.prepare("codex", discover(str(side))) == []
    assert str((repository / ".git/worktrees/side").resolve()) in str(sandbox(side)["writable_roots"])
    agent_hooks.uninstall("codex", "project", here)
    assert not opening.is_open(str(repository))
    assert picture(side) == before


@pytest.mark.parametrize(
    "text", ["[sandbox_workspace_write]\nnetwork_access = false\n", "sandbox_workspace_write.x = 1\n", "no toml", "[x\n"]
)  # fmt: skip
def test_file_that_says_something_of_the_sandbox_or_is_no_toml_is_left(
    repository: Path, here: Repository, text: str
) -> None:
    (repository / ".codex").mkdir()
    (repository / CONFIG).write_text(text)
    with pytest.raises(Blocked, match="left as it is"):
        agent_hooks.open_sandbox(here)
    assert (repository / CONFIG).read_text() == text


def test_file_that_is_committed_is_left(repository: Path, here: Repository, git: Git) -> None:
    (repository / ".codex").mkdir()
    (repository / CONFIG).write_text('model = "x"\n')
    git(repository, "add", CONFIG)
    with pytest.raises(Blocked, match="it is committed"):
        agent_hooks.open_sandbox(here)
    assert (repository / CONFIG).read_text() == 'model = "x"\n'
