"""After a shell command that an agent's sandbox stopped at git's folder: what is the matter, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.agenthooks.agentbench import Agent, Said, Starter
from tests.gatebench import Gated

STOPPED = "fatal: Unable to create '/r/.git/index.lock': Read-only file system\n"


@pytest.fixture
def codex(start: Starter, alone: Gated) -> Agent:
    return start("codex", "own-1", alone.path)


def after(agent: Agent, response: object, cwd: Path | None = None) -> Said:
    told = {"hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_input": {"command": "git commit"}}
    return agent.hook("after", {**told, "tool_response": response}, cwd=cwd)


@pytest.mark.parametrize(
    "response",
    [
        STOPPED,
        "working\n" + STOPPED + "more\n",
        "error: cannot open '.git/FETCH_HEAD': Read-only file system",
        "fatal: cannot lock ref 'refs/heads/x': Unable to create '/r/.git/refs/heads/x.lock': Read-only file system",
    ],
)
def test_command_of_git_that_was_stopped_is_explained_in_one_line(codex: Agent, response: str) -> None:
    said = after(codex, response)
    assert set(said.own) == {"hookEventName", "additionalContext"}
    assert said.context.startswith("gitfleet: The sandbox of codex keeps the folder of git read-only.")
    assert "your user commits them" in said.context
    assert "\n" not in said.context


def test_work_that_is_committed_at_the_end_is_said(codex: Agent, alone: Gated) -> None:
    words = codex.begin().context
    session = words.split("You act for session ")[1].split(",")[0]
    folder = alone.path / ".git/gitfleet/commits"
    folder.mkdir()
    (folder / f"{session}.json").write_text('{"before":[]}\n')
    assert "they are committed for you when your session ends" in after(codex, STOPPED).context


@pytest.mark.parametrize(
    "response",
    ["", "done\n", "touch: cannot touch '/x': Read-only file system\n", 7, None, {"x": [STOPPED[:9]]}],
)
def test_anything_else_is_met_with_silence(codex: Agent, response: object) -> None:
    assert after(codex, response).silent


def test_elsewhere_and_of_what_cannot_be_read_nothing_is_said(codex: Agent, tmp_path: Path) -> None:
    assert after(codex, STOPPED, cwd=tmp_path).silent
    assert codex.hook("after", f"{{{STOPPED}").silent
    assert codex.hook("after", json.dumps([STOPPED])).silent
