"""What agents can say that no capture has: odd values anywhere, letters that are none, and more than anybody should."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from gitfleet.jobs.adapters.acp import agents, permissions
from gitfleet.jobs.adapters.acp.agents import AcpAgent
from gitfleet.jobs.adapters.acp.client import AcpAdapter
from gitfleet.jobs.adapters.results import AgentExit
from tests.jobs.acp.replays import CAPTURES, adapter, spoken, steps

AT = 1_795_973_074_045
ODD: list[Any] = [
    None, True, -1, 0, 1e300, 10**30, "", "x" * 5000, "\ud800", "\x1b[31m", [], {}, [[]], {"a": None}, [None, 7, "x"], {"id": []},
]  # fmt: skip
NAMES = sorted(path.stem for path in CAPTURES.glob("*-success.jsonl"))


def mutated(value: Any, random: Random, depth: int = 0) -> Any:
    """The same with odd values in some places."""
    if depth and random.random() < 0.06:
        return random.choice(ODD)
    if isinstance(value, dict):
        found = {key: mutated(one, random, depth + 1) for key, one in value.items()}
        return found if random.random() > 0.03 else dict(list(found.items())[1:])
    if isinstance(value, list):
        return [mutated(one, random, depth + 1) for one in value]
    return value


def ended(made: AcpAdapter) -> None:
    """It can be stopped and judged whatever came before, and its answers are JSON."""
    made.farewell()
    made.farewell()
    for end in (AgentExit(0), AgentExit(None, 9, "wall")):
        assert json.loads(json.dumps(made.result(end).encode()))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(8))
def test_odd_values_anywhere_are_taken(name: str, seed: int) -> None:
    random = Random(f"{name}-{seed}")
    rule = random.choice(["allow", "reject", "ask"])
    made = adapter(permissions={"default": rule}, options={"model": "x"} if seed == 7 else {})
    for line in steps(name):
        spoken(made)
        if line.get("from") == "agent":
            events = made.feed("stdout", json.dumps(mutated(line["msg"], random)).encode(), AT)
            assert json.dumps([event.facts for event in events])
    ended(made)


@pytest.mark.parametrize("name", NAMES)
def test_lines_in_any_order_and_again_are_taken(name: str) -> None:
    made, lines = adapter(), [line["msg"] for line in steps(name) if line.get("from") == "agent"] * 2
    Random(name).shuffle(lines)
    for line in lines:
        made.feed("stdout", json.dumps(line).encode(), AT)
        made.outgoing()
    ended(made)


def session(*updates: dict[str, Any], **result: Any) -> AcpAdapter:
    """An adapter in the midst of a turn that such updates belong to; with a `result`, the turn is over."""
    made = adapter()
    for number, answer in enumerate(({"protocolVersion": 1}, {"sessionId": "s"})):
        made.feed("stdout", json.dumps({"jsonrpc": "2.0", "id": number, "result": answer}).encode(), AT)
    for update in updates:
        message = {
            "jsonrpc": "2.0",
            "method": "session/update",
            "params": {"sessionId": "s", "update": update},
        }
        made.feed("stdout", json.dumps(message).encode(), AT)
    if result:
        made.feed("stdout", json.dumps({"jsonrpc": "2.0", "id": 2, "result": result}).encode(), AT)
    return made


def test_halves_of_characters_become_readable_in_what_is_kept() -> None:
    chunk = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "a\ud800b"}}
    found = session(chunk, stopReason="end_turn", usage={"inputTokens": 1}).result(AgentExit(0))
    assert found.text.encode() == "a\ufffdb".encode()


def test_message_without_end_is_kept_to_a_bound() -> None:
    chunk = {
        "sessionUpdate": "agent_message_chunk",
        "messageId": "m",
        "content": {"type": "text", "text": "x" * 4096},
    }
    made = session(*[chunk] * 400, stopReason="end_turn", usage={"inputTokens": 1})
    assert len(made.result(AgentExit(0)).text) == 1 << 20


def test_error_in_the_midst_of_a_message_is_no_failure() -> None:
    def piece(text: str) -> dict[str, Any]:
        return {
            "sessionUpdate": "agent_message_chunk",
            "messageId": "m",
            "content": {"type": "text", "text": text},
        }

    made = session(piece("I found "), piece("Error: none"), stopReason="end_turn", usage={"inputTokens": 1})
    found = made.result(AgentExit(0))
    assert (found.outcome, found.text) == ("success", "I found Error: none")


def test_updates_of_another_session_are_no_news() -> None:
    made = session()
    message = {"method": "session/update", "params": {"sessionId": "other", "update": {
        "sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "x"}}}}  # fmt: skip
    (event,) = made.feed("stdout", json.dumps(message).encode(), AT)
    assert event.kind == "notice"


def test_many_questions_have_a_bound_and_the_rest_is_no_permission() -> None:
    made = session()
    made.outgoing()
    options = [{"optionId": "y", "kind": "allow_once"}]
    for number in range(150):
        request = {
            "id": number,
            "method": "session/request_permission",
            "params": {"sessionId": "s", "options": options},
        }
        made.feed("stdout", json.dumps(request).encode(), AT)
    answers = spoken(made)
    assert (len(made.questions), len(answers)) == (100, 50)
    assert {answer["result"]["outcome"]["outcome"] for answer in answers} == {"cancelled"}
    withdrawn = {"method": "$/cancel_request", "params": {"requestId": 0}}
    made.feed("stdout", json.dumps(withdrawn).encode(), AT)
    assert len(made.questions) == 99


def test_questions_of_one_number_are_answered_each() -> None:
    made = session()
    made.outgoing()
    for option in ("a", "b"):
        request = {"id": 7, "method": "session/request_permission", "params": {
            "options": [{"optionId": option, "kind": "allow_once"}], "toolCall": {"rawInput": {"command": ["rm", option]}}}}  # fmt: skip
        made.feed("stdout", json.dumps(request).encode(), AT)
    assert list(made.questions.values()) == ["other: rm a", "other: rm b"]
    assert all(made.answer(question, allow=True) for question in list(made.questions))
    assert [one["result"]["outcome"]["optionId"] for one in spoken(made)] == ["a", "b"]
    assert not made.waiting


def test_request_after_the_turn_is_no_permission_and_waits_for_nobody() -> None:
    made = session(stopReason="end_turn", usage={"inputTokens": 1})
    made.outgoing()
    request = {"id": 7, "method": "session/request_permission", "params": {"options": []}}
    made.feed("stdout", json.dumps(request).encode(), AT)
    assert spoken(made)[0]["result"]["outcome"] == {"outcome": "cancelled"}
    assert (made.waiting, made.finished) == (False, True)


def test_cost_and_usage_that_are_not_told_are_gaps() -> None:
    free = {"sessionUpdate": "usage_update", "cost": {"amount": 0, "currency": "USD"}}
    found = session(free, stopReason="end_turn", usage={"inputTokens": 0, "outputTokens": 0}).result(
        AgentExit(0)
    )
    assert (found.cost, found.usage.models, found.usage.gaps) == (None, {}, ("the agent told no usage",))
    euros = {"sessionUpdate": "usage_update", "cost": {"amount": 1, "currency": "EUR"}}
    assert session(euros, stopReason="end_turn", usage={"inputTokens": 1}).result(AgentExit(0)).cost is None


@pytest.mark.parametrize(
    ("kinds", "rule", "chosen"),
    [
        (["allow_always", "allow_once", "reject_once"], "allow", "allow_once"),
        (["allow_always", "reject_once"], "allow", "allow_always"),
        (["allow_once", "reject_always", "reject_once"], "reject", "reject_once"),
        (["allow_once", "reject_always"], "reject", "reject_always"),
        (["allow_once"], "reject", None),
        (["reject_once"], "allow", None),
        (["odd"], "allow", None),
        ([], "reject", None),
        (["allow_once"], "ask", None),
    ],
)  # fmt: skip
def test_answer_to_a_request_is_chosen_by_kind(kinds: list[str], rule: str, chosen: str | None) -> None:
    options = [{"optionId": f"id-{kind}", "kind": kind} for kind in kinds]
    told = permissions.outcome(options, permissions.PermissionRule(rule))["outcome"]
    assert told.get("optionId") == (chosen and f"id-{chosen}")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["gemini", "--acp"], "gemini"),
        (["/opt/x/bin/opencode", "acp"], "opencode"),
        (["npx", "-y", "@google/gemini-cli@0.61.0", "--acp"], "gemini"),
        (["npx", "--yes", "@agentclientprotocol/claude-agent-acp"], "claude"),
        (["pnpm", "dlx", "@agentclientprotocol/codex-acp@latest"], "codex"),
        (["node", "/x/copilot.js", "--acp"], "copilot"),
        (["my-agent", "--model", "gemini"], "other"),
        (["npx"], "other"),
        (["npx", "@evil/gemini"], "gemini"),
        ([], "other"),
    ],
)
def test_agent_is_known_by_its_command(command: list[str], name: str) -> None:
    assert agents.of_command(command).name == name


@pytest.mark.parametrize("agent", agents.AGENTS, ids=lambda agent: agent.name)
def test_row_of_an_agent_says_what_was_tried(agent: AcpAgent) -> None:
    assert agent.package
    assert agent.version[0].isdigit()
    assert not set(agent.gets) & set(agent.without)
    assert agents.introduced(agent.names[0].upper(), agents.OTHER) is agent
