"""What the adapter makes of what five real agents said: every capture, with the exit code that came with it."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from gitfleet.jobs.adapters.results import AgentExit
from tests.jobs.acp.replays import CAPTURES, replayed

DONE, TERM = AgentExit(0), AgentExit(None, 15)


class Case(NamedTuple):
    """A capture, and what came of it. `tokens` of output; None: a gap. `why`: a part of the error."""

    name: str
    outcome: str = "success"
    text: str = "All done."
    tokens: int | None = None
    why: str = ""
    exit: AgentExit = DONE
    lost: bool = False


QUIET = "within its turn"
CASES = [
    Case("claude-success", tokens=25),
    Case("claude-rejected", tokens=30),
    Case("claude-load", text="Answer after load.", tokens=5),
    Case("claude-cancel", "failed", "Running.", 15, "was stopped", AgentExit(0, stopped="cancelled")),
    Case("claude-sigterm", "failed", "Running.", None, "cancelled"),
    Case("claude-eof", "failed", "Running.", None, QUIET),
    Case("claude-http-429", "quota", "", None, "Request rejected (429)"),
    Case("claude-http-500", "failed", "", None, "server-side issue"),
    Case("claude-not-signed-in", "auth", "", None, "Authentication required"),
    Case("codex-success", tokens=15),
    Case("codex-refused-by-sandbox", tokens=25),
    Case("codex-rejected", "failed", "Editing.", 5, "it was not allowed: Edit files"),
    Case("codex-cancel", "failed", "Running.", 5, "was stopped", AgentExit(0, stopped="cancelled")),
    Case("codex-sigterm", "failed", "Running.", None, QUIET, TERM),
    Case("codex-eof", "failed", "Running.", None, QUIET),
    Case("codex-http-429", "quota", "exceeded retry limit", None, "429 Too Many Requests"),
    Case("codex-http-500", "failed", "We’re currently", None, "Reconnecting... 5/5"),
    Case("codex-not-signed-in", "auth", "", None, "Authentication required"),
    Case("copilot-success", tokens=20),
    Case("copilot-rejected", text="Editing.", tokens=10),
    Case("copilot-cancel", "failed", "Running.", 5, "was stopped", AgentExit(0, stopped="cancelled")),
    Case("copilot-sigterm", tokens=15),  # the signal ended its wrapper only
    Case("copilot-eof", "failed", "Running.", None, QUIET),
    Case("copilot-http-429", "quota", "", None, "Error: Failed to get response"),
    Case("copilot-http-500", "failed", "", None, "Error: Failed to get response"),
    Case("copilot-not-signed-in", "auth", "", None, "Authentication required"),
    Case("gemini-success", tokens=20),
    Case("gemini-rejected", tokens=20),
    Case("gemini-load", "failed", "", None, "cannot go on", lost=True),
    Case("gemini-cancel", "failed", "Running.", None, "was stopped", AgentExit(0, stopped="cancelled")),
    Case("gemini-sigterm", tokens=15),  # it does not heed it
    Case("gemini-eof", tokens=15),  # nor the end of its input
    Case("gemini-http-429", "quota", "", None, "fake 429 (429)"),
    Case("gemini-http-500", "failed", "", None, "fake 500"),
    Case("gemini-not-signed-in", "auth", "", None, "API key is missing"),
    Case("opencode-success", tokens=5),
    Case("opencode-rejected", text="Editing.", tokens=5),
    Case("opencode-cancel", "failed", "Running.", None, "was stopped", AgentExit(0, stopped="cancelled")),
    Case("opencode-sigterm", "failed", "Running.", None, QUIET, TERM),
    Case("opencode-eof", "failed", "Running.", None, QUIET),
    Case("opencode-http-429", "quota", "", None, "fake 429"),
    Case("opencode-http-500", "failed", "", None, "fake 500"),
    Case("opencode-not-signed-in", "failed", "", None, QUIET),  # it is silent, and a limit ends it
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_capture_replayed_has_its_outcome_text_and_usage(case: Case) -> None:
    found = replayed(case.name).adapter.result(case.exit)
    assert (found.outcome, found.lost) == (case.outcome, case.lost), found
    assert found.text.startswith(case.text) if case.text else found.text == ""
    assert case.why in "; ".join(found.errors)
    assert bool(found.errors) == (case.outcome != "success")
    counts = [
        count
        for kinds in found.usage.models.values()
        for kind, count in kinds.items()
        if kind in {"outputTokens", "output_tokens"}
    ]
    assert (sum(counts) if counts else None) == case.tokens
    assert bool(found.usage.gaps) == (case.tokens is None or case.name.startswith("opencode"))
    assert json.loads(json.dumps(found.encode()))


def test_every_capture_is_in_the_table() -> None:
    assert {path.stem for path in CAPTURES.glob("*.jsonl")} == {case.name for case in CASES}


@pytest.mark.parametrize(
    "name", ["claude-rejected", "copilot-rejected", "gemini-rejected", "opencode-rejected"]
)
def test_turn_after_a_rejection_is_a_success_only_with_a_change(name: str) -> None:
    found = replayed(name).adapter.result(DONE)
    assert found.denials
    assert found.doubts == tuple(f"it was not allowed: {one}" for one in found.denials)


@pytest.mark.parametrize(
    "name", ["claude-success", "codex-success", "copilot-success", "gemini-success", "opencode-success"]
)
def test_success_is_asked_for_step_by_step_and_then_the_input_ends(name: str) -> None:
    replay = replayed(name)
    methods = [one["method"] for one in replay.said if "method" in one]
    assert [one for one in methods if one not in {"session/set_mode", "session/close"}] == [
        "initialize", "session/new", "session/prompt",
    ]  # fmt: skip
    answers = [one["result"]["outcome"] for one in replay.said if "result" in one]
    assert [one["outcome"] for one in answers] == ["selected", "selected"]
    refused = [one["error"]["code"] for one in replay.said if "error" in one]
    assert set(refused) <= {-32601}  # opencode writes files by us, offered or not
    assert (replay.adapter.finished, replay.adapter.hangs_up) == (True, True)


@pytest.mark.parametrize(
    "name", ["claude-success", "codex-success", "copilot-success", "gemini-success", "opencode-success"]
)
def test_tools_that_an_agent_used_are_events_with_their_kinds(name: str) -> None:
    events = replayed(name).events
    ended = [event.facts["name"] for event in events if event.kind == "tool_end"]
    assert ended[-2:] == ["edit", "execute"]
    assert all(event.facts["ok"] for event in events if event.kind == "tool_end")
    assert [event.facts["answer"] for event in events if event.facts.get("what") == "permission"] == [
        "allow",
        "allow",
    ]


def test_old_messages_of_a_conversation_are_no_news() -> None:
    replay = replayed("claude-load")
    assert [event.facts["text"] for event in replay.events if event.kind == "message"] == [
        "Answer after load."
    ]
    assert replay.said[1]["method"] == "session/resume"


@pytest.mark.parametrize("name", [case.name for case in CASES if case.name.endswith("-cancel")])
def test_agent_that_is_stopped_is_told_so_and_has_no_result(name: str) -> None:
    replay = replayed(name)
    assert "session/cancel" in [one.get("method") for one in replay.said]
    assert (replay.adapter.finished, replay.adapter.hangs_up) == (False, True)
    assert replay.adapter.result(AgentExit(0, stopped="cancelled")).session_id
