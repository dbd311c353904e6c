"""What a client itself says of its hooks, and a worktree that is made ready for it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from gitfleet.clients import codex
from gitfleet.git.repository import discover
from gitfleet.githooks.agents import agent_hooks, ready
from tests.workbench import Git

# Codex's app server, as far as it is asked: it says of each hook in a file what it was told to say.
_SERVER = """#!{python}
import json, sys
if sys.argv[1:] == ["--version"]:
    print("codex-cli {version}")
    sys.exit()
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("id") == 0:
        print(json.dumps({{"id": 0, "result": {{}}}}), flush=True)
    if asked.get("method") == "hooks/list":
        print(json.dumps({{"method": "configWarning", "params": {{}}}}))
        print({answer!r}, flush=True)
"""


def program(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answer: object, version: str = codex.TRIED
) -> None:
    """Put a Codex on PATH that answers so (text as it is)."""
    text = answer if isinstance(answer, str) else json.dumps({"id": 1, "result": answer})
    folder.mkdir(exist_ok=True)
    (folder / "codex").write_text(_SERVER.format(python=sys.executable, answer=text, version=version))
    (folder / "codex").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def said(path: Path, *trusts: str) -> dict[str, object]:
    hooks = [
        {
            "sourcePath": str(path),
            "command": "sh -c x gitfleet-agent codex edit",
            "trustStatus": trust,
            "enabled": True,
        }
        for trust in trusts
    ]
    theirs = {"sourcePath": str(path), "command": "somebody else's", "trustStatus": "untrusted"}
    return {"data": [{"cwd": "/", "hooks": [*hooks, theirs]}]}


@pytest.fixture
def written(repository: Path) -> Path:
    """The file with our hooks, in a repository where Codex has them."""
    agent_hooks.install("codex", "project", discover(str(repository)))
    return repository / codex.PROJECT


@pytest.mark.parametrize(
    ("trusts", "state"),
    [
        (["trusted", "trusted"], "in place"),
        (["managed"], "in place"),
        (["trusted", "untrusted"], "untrusted"),
        (["trusted", "modified", "untrusted"], "modified"),
        (["of a later version"], "untrusted"),
        ([], "not read"),
    ],
)
def test_state_of_codex_s_hooks_is_what_codex_says(
    repository: Path,
    written: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trusts: list[str],
    state: str,
) -> None:
    program(tmp_path / "bin", monkeypatch, said(written, *trusts))
    here = discover(str(repository))
    (look,) = [one for one in ready.looks(here) if (one.agent, one.scope) == ("codex", "project")]
    assert look.state == state
    told = ready.warnings("codex", here)
    assert bool(told) == (state != "in place")
    assert all(str(written) in words for words in told)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "answer", ["", "no JSON", '{"id": 1, "error": {}}', '{"id": 1, "result": {"data": 7}}']
)
def test_codex_that_cannot_be_asked_leaves_what_is_written(
    repository: Path, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    del written
    program(tmp_path / "bin", monkeypatch, answer)
    monkeypatch.setattr("gitfleet.githooks.agents.asking.LONGEST", 1.0)
    assert "in place" in {
        look.state for look in ready.looks(discover(str(repository))) if look.agent == "codex"
    }


def test_client_without_hooks_is_said_before_it_starts(repository: Path) -> None:
    (words,) = ready.warnings("claude", discover(str(repository)))
    assert "gitfleet agent install claude" in words


def test_linked_worktree_gets_the_folder_that_codex_wants_and_keeps_nothing_of_it_after_uninstall(
    repository: Path, written: Path, git: Git, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    git(repository, "worktree", "add", "--quiet", "-b", "tree", tree)
    linked = discover(str(tree))
    assert ready.prepare("codex", linked) == []
    assert list((tree / ".codex").iterdir()) == []
    assert git(tree, "status", "--short") == ""
    before = written.read_text()
    agent_hooks.install("codex", "project", linked)
    assert written.read_text() == before
    agent_hooks.uninstall("codex", "project", linked)
    assert not written.exists()
    assert not (tree / ".codex").exists()


def test_linked_worktree_of_a_clone_without_hooks_is_left_alone(
    repository: Path, git: Git, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    git(repository, "worktree", "add", "--quiet", "-b", "tree", tree)
    for agent in ("codex", "claude"):
        assert ready.prepare(agent, discover(str(tree))) == []
    assert sorted(path.name for path in tree.iterdir()) == sorted(
        [".git", *(path.name for path in repository.iterdir() if path.name != ".git")]
    )
