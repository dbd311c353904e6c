"""What the real clients were heard to say, said again: each hook answers in a form that the client takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agenthooks.agentbench import Agent, Said, Starter, holders, known, new
from tests.agenthooks.test_session import eventually
from tests.gatebench import Gated
from tests.workbench import ROOT

CAPTURES = ROOT / "tests/agents/captures"
OURS = {"SessionStart": "begin", "PreToolUse": "edit", "Stop": "turn", "SessionEnd": "end"}
FIELDS = {"hookEventName", "permissionDecision", "permissionDecisionReason", "additionalContext"}
"""All that our answers may have: Codex takes no notice of a denial that has one field more than it knows."""


def lines(client: str, top: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of one run of a client, as if it had been in `top`."""
    for text in (CAPTURES / f"{client}.jsonl").read_text().splitlines():
        told = json.loads(text.replace("/repo", str(top)))
        yield told["event"], told["stdin"]


def played(agent: Agent, top: Path) -> list[tuple[str, Said]]:
    """Have an agent say all of it."""
    return [(event, agent.hook(OURS[event], json.dumps(told))) for event, told in lines(agent.name, top)]


def strict(said: Said) -> None:
    """Assert that an answer has no field that is not documented."""
    assert said.ran.returncode == 0
    assert set(said.answer) <= {"hookSpecificOutput", "systemMessage"}
    assert set(said.own) <= FIELDS


@pytest.mark.parametrize("client", ["codex", "claude"])
def test_run_of_a_real_client_has_one_session_that_claims_what_it_edits_and_ends(
    start: Starter, alone: Gated, client: str
) -> None:
    agent = start(client, "unused", alone.path)
    before = known(alone)
    answers = played(agent, alone.path)
    for _, said in answers:
        strict(said)
        assert said.denied == ""
    assert "You act for session" in answers[0][1].context
    claimed = [said.context for event, said in answers if event == "PreToolUse" and said.context]
    assert any("a.txt" in words for words in claimed)
    eventually(lambda: not new(alone))
    assert known(alone).keys() == before.keys()
    assert holders(alone) == {}


@pytest.mark.parametrize("client", ["codex", "claude"])
@pytest.mark.always
def test_edits_of_a_real_client_are_refused_where_another_holds_the_file(
    start: Starter, alone: Gated, client: str
) -> None:
    alone.claim("*.txt", "n/", "*.ipynb", session=alone.other)
    answers = played(start(client, "unused", alone.path), alone.path)
    edits = {"apply_patch", "Edit", "Write", "NotebookEdit"}
    tools = [told.get("tool_name", "") for _, told in lines(client, alone.path)]
    for tool, (_, said) in zip(tools, answers, strict=True):
        strict(said)
        assert bool(said.denied) == (tool in edits)
