"""What the adapters make of the streams that the real clients wrote: every capture, with the exit code that came with it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from gitfleet.jobs.adapters.protocol import Adapter
from gitfleet.jobs.adapters.results import AgentEvent, AgentExit, AgentResult
from gitfleet.jobs.adapters.runtimes import for_runtime

CAPTURES = Path(__file__).parent.parent / "captures"
AT = 1_795_973_074_045


class Case(NamedTuple):
    """A capture, how the process ended, and what that is."""

    name: str
    exit: AgentExit
    outcome: str
    text: str = ""
    tokens: int | None = None  # of output; None: a gap
    finished: bool = True


CASES = [
    Case("claude-success", AgentExit(0), "success", "Both are done.", 20),
    Case("claude-two-results", AgentExit(0), "success", "All done.", 20),
    Case("claude-tool-error", AgentExit(0), "success", "It failed.", 15),
    Case("claude-not-allowed", AgentExit(0), "success", "It failed.", 15),
    Case("claude-stream-cut", AgentExit(0), "success", "Half an answer", 10),
    Case("claude-max-turns", AgentExit(1), "max_turns", "", 10),
    Case("claude-http-400", AgentExit(1), "failed", "API Error: 400 fake 400"),
    Case("claude-http-401", AgentExit(1), "auth", "Failed to authenticate. API Error: 401 fake 401"),
    Case("claude-http-429", AgentExit(1), "quota", "API Error: Request rejected (429) · fake 429"),
    Case("claude-http-500", AgentExit(1), "failed"),
    Case("claude-http-529", AgentExit(1), "failed"),
    Case("claude-no-server", AgentExit(1), "failed"),
    Case("claude-late-error", AgentExit(1), "failed", "API Error: 400 fake 400", 5),
    Case("claude-sigint", AgentExit(0), "interrupted", "Running.", 5),
    Case("claude-sigint-model", AgentExit(0), "failed", finished=False),
    Case("claude-sigterm", AgentExit(143), "failed", "Running.", 5, finished=False),
    Case("claude-sighup", AgentExit(129), "failed", "Running.", 5, finished=False),
    Case("codex-success", AgentExit(0), "success", "Both are done.", 15),
    Case("codex-command-fails", AgentExit(0), "success", "It failed.", 15),
    Case("codex-refused-by-hook", AgentExit(0), "success", "All done.", 20),
    Case("codex-http-429-once", AgentExit(0), "success", "Recovered.", 5),
    Case("codex-http-400", AgentExit(1), "failed"),
    Case("codex-http-401", AgentExit(1), "auth"),
    Case("codex-http-429", AgentExit(1), "quota"),
    Case("codex-late-error", AgentExit(1), "failed", "First words."),
    Case("codex-response-failed", AgentExit(1), "failed"),
    Case("codex-stream-cut", AgentExit(1), "failed"),
    Case("codex-no-server", AgentExit(None, 15, "wall"), "failed", finished=False),
    Case("codex-sigterm", AgentExit(None, 15), "failed", finished=False),
]


def replayed(name: str) -> tuple[Adapter, list[AgentEvent]]:
    adapter = for_runtime(name.partition("-")[0], model="gpt-5.5")
    lines = (CAPTURES / f"{name}.jsonl").read_bytes().splitlines()
    return adapter, [event for line in lines for event in adapter.feed("stdout", line, AT)]


def result(name: str, ended: AgentExit) -> AgentResult:
    return replayed(name)[0].result(ended)


def output_tokens(found: AgentResult) -> int | None:
    counts = [
        count
        for kinds in found.usage.models.values()
        for kind, count in kinds.items()
        if kind in {"outputTokens", "output_tokens"}
    ]
    return int(sum(counts)) if counts else None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_capture_replayed_has_its_outcome_text_and_usage(case: Case) -> None:
    adapter, _ = replayed(case.name)
    found = adapter.result(case.exit)
    assert found.outcome == case.outcome, found
    assert case.text in found.text
    assert output_tokens(found) == case.tokens
    assert bool(found.usage.gaps) == (case.tokens is None or not case.finished)
    assert adapter.finished is case.finished
    assert found.session_id
    assert bool(found.errors) == (case.outcome != "success")


def test_every_capture_is_in_the_table() -> None:
    assert {path.stem for path in CAPTURES.glob("*.jsonl")} == {case.name for case in CASES}


@pytest.mark.parametrize("name", ["claude-success", "codex-success"])
def test_capture_replayed_twice_is_the_same(name: str) -> None:
    assert replayed(name)[1] == replayed(name)[1]
    assert result(name, AgentExit(0)) == result(name, AgentExit(0))


@pytest.mark.parametrize("name", ["claude-success", "codex-success"])
def test_result_survives_its_record(name: str) -> None:
    found = result(name, AgentExit(0))
    assert AgentResult.decode(found.encode()) == found


def test_claude_tools_within_messages_are_events_of_their_own() -> None:
    _, events = replayed("claude-success")
    kinds = [event.kind for event in events]
    assert kinds == [
        "session", "message", "tool_start", "tool_end", "tool_start", "tool_end", "tool_start", "tool_end",
        "message", "result", "usage",
    ]  # fmt: skip
    assert [event.facts["name"] for event in events if event.kind == "tool_start"] == ["Bash", "Read", "Edit"]
    assert all(event.facts["ok"] for event in events if event.kind == "tool_end")


def test_claude_message_in_several_lines_is_counted_once() -> None:
    adapter, _ = replayed("claude-sigterm")  # two lines of one message, no totals
    usage = adapter.result(AgentExit(143)).usage
    assert usage.models == {
        "claude-opus-5-5": {
            "inputTokens": 10,
            "outputTokens": 5,
            "cacheReadInputTokens": 0,
            "cacheCreationInputTokens": 0,
        }
    }
    assert "without its totals" in usage.gaps[0]


def test_claude_denials_and_cost_are_told() -> None:
    found = result("claude-not-allowed", AgentExit(0))
    assert [denial.partition(":")[0] for denial in found.denials] == ["Bash"]
    assert found.cost == pytest.approx(0.00042)
    assert result("claude-http-401", AgentExit(1)).cost is None  # nothing was told: a gap, and not 0


def test_claude_with_work_in_the_background_is_not_finished_by_a_result() -> None:
    adapter, _ = replayed("claude-two-results")
    adapter.feed(
        "stdout", b'{"type":"system","subtype":"background_tasks_changed","tasks":[{"task_id":"a"}]}'
    )
    assert adapter.finished is False


def test_codex_items_are_events_with_their_facts() -> None:
    _, events = replayed("codex-success")
    found = {event.kind: event.facts for event in events}
    assert found["tool_end"] == {
        "id": "item_1", "name": "command_execution", "input": "/bin/bash -lc 'cat a.txt'",
        "ok": True, "output": "hello\n", "exit_code": 0,
    }  # fmt: skip
    assert found["file_change"]["changes"] == [
        {"path": "/repo/a.txt", "kind": "update"},
        {"path": "/repo/b.txt", "kind": "add"},
    ]
    assert found["usage"]["models"] == {
        "gpt-5.5": {
            "input_tokens": 30,
            "cached_input_tokens": 0,
            "cache_write_input_tokens": 0,
            "output_tokens": 15,
            "reasoning_output_tokens": 0,
        }
    }


def test_codex_warning_item_and_retry_are_notices() -> None:
    _, events = replayed("codex-refused-by-hook")
    assert [event.facts["level"] for event in events if "level" in event.facts] == ["warning", "warning"]
    _, events = replayed("codex-http-429-once")
    assert "error" not in {event.kind for event in events}
