"""Rules of the adapters that no capture shows: odd lines, several turns, what a quota text tells, what is gone on with."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gitfleet.jobs.adapters import refusals
from gitfleet.jobs.adapters.protocol import Adapter
from gitfleet.jobs.adapters.results import SHOWN, AgentExit, Usage
from gitfleet.jobs.adapters.runtimes import RUNTIMES, for_runtime

AT = int(datetime(2026, 11, 30, 12, 0, tzinfo=UTC).timestamp() * 1000)
HOUR = 3_600_000


def fed(runtime: str, *lines: Any) -> Adapter:
    adapter = for_runtime(runtime)
    for line in lines:
        adapter.feed("stdout", line if isinstance(line, bytes) else json.dumps(line).encode(), AT)
    return adapter


def test_codex_counts_of_several_turns_are_not_summed() -> None:
    turns = [
        [{"type": "turn.started"}, {"type": "item.completed", "item": {"type": "agent_message", "text": "x"}},
         {"type": "turn.completed", "usage": {"output_tokens": total}}]
        for total in (5, 12)
    ]  # fmt: skip
    usage = fed("codex", *turns[0], *turns[1]).result(AgentExit(0)).usage
    assert usage == Usage({"": {"output_tokens": 12}}, conversation=True)


def test_codex_turn_failed_with_exit_code_0_is_a_failure() -> None:
    found = fed("codex", {"type": "turn.failed", "error": {"message": "usage limit reached"}}).result(
        AgentExit(0)
    )
    assert found.outcome == "quota"


def test_codex_turn_that_fails_after_one_that_did_not_leaves_a_gap() -> None:
    adapter = fed(
        "codex",
        {"type": "turn.completed", "usage": {"output_tokens": 5}},
        {"type": "turn.started"},
        {"type": "turn.failed", "error": {"message": "boom"}},
    )
    usage = adapter.result(AgentExit(1)).usage
    assert usage.models == {"": {"output_tokens": 5}}
    assert usage.gaps == ("a failed turn told no usage",)


def test_codex_turn_completed_without_a_word_and_tokens_is_no_success() -> None:
    assert (
        fed("codex", {"type": "turn.completed", "usage": {"output_tokens": 0}}).result(AgentExit(0)).outcome
        == "failed"
    )


def test_codex_turn_completed_with_a_bad_exit_code_is_no_success() -> None:
    adapter = fed(
        "codex",
        {"type": "item.completed", "item": {"type": "agent_message", "text": "x"}},
        {"type": "turn.completed", "usage": {"output_tokens": 5}},
    )
    assert adapter.result(AgentExit(101)).outcome == "failed"


def test_codex_that_is_not_signed_in_says_so_on_stderr() -> None:
    adapter = for_runtime("codex")
    adapter.feed("stderr", b"Error: Not logged in. Run codex login.")
    assert adapter.result(AgentExit(1)).outcome == "auth"


@pytest.mark.parametrize(
    "line",
    [
        {"type": "result", "subtype": "error_during_execution", "is_error": True,
         "errors": ["No conversation found with session ID: 5b0c"]},
        {"type": "system", "subtype": "init", "session_id": "new"},
    ],
)  # fmt: skip
def test_claude_conversation_that_is_gone_is_told(line: dict[str, Any]) -> None:
    adapter = fed("claude", line)
    adapter.feed("stderr", b"No conversation found with session ID: 5b0c")
    found = adapter.result(AgentExit(1))
    assert (found.outcome, found.lost) == ("failed", True)


@pytest.mark.parametrize("trace", [[], ["Stack backtrace:", *(f"   {n}: <unknown>" for n in range(9))]])
def test_codex_conversation_that_is_gone_is_told_with_a_trace_or_without(trace: list[str]) -> None:
    adapter = fed("codex")
    gone = "Error: thread/resume: thread/resume failed: no rollout found for thread id 1111 (code -32600)"
    for line in (gone, "", *trace):
        adapter.feed("stderr", line.encode())
    found = adapter.result(AgentExit(1))
    assert (found.outcome, found.lost) == ("failed", True)


def test_claude_rejected_by_a_rate_limit_tells_when_it_is_over() -> None:
    adapter = fed(
        "claude",
        {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1796000000}},
        {
            "type": "result",
            "subtype": "success",
            "is_error": True,
            "api_error_status": 429,
            "result": "limit",
        },
    )
    found = adapter.result(AgentExit(1))
    assert (found.outcome, found.resets_at) == ("quota", 1796000000000)


def test_claude_that_is_warned_of_a_limit_only_is_no_quota() -> None:
    adapter = fed(
        "claude",
        {
            "type": "rate_limit_event",
            "rate_limit_info": {"status": "allowed_warning", "resetsAt": 1796000000},
        },
        {"type": "result", "subtype": "success", "is_error": False, "result": "done"},
    )
    assert adapter.result(AgentExit(0)).resets_at is None


def test_claude_result_after_which_more_comes_is_not_the_end() -> None:
    adapter = fed("claude", {"type": "result", "subtype": "success", "is_error": False, "result": "done"})
    assert adapter.finished
    adapter.feed("stdout", b'{"type":"system","subtype":"init","session_id":"s"}')
    assert not adapter.finished


def test_claude_that_used_up_its_money_ends_by_its_budget() -> None:
    line = {"type": "result", "subtype": "error_max_budget_usd", "is_error": True}
    assert fed("claude", line).result(AgentExit(1)).outcome == "budget"


ODD: list[bytes] = [
    b"", b"{", b"{}", b"[]", b"null", b'"x"', b"\xff\xfe{", b'{"type":null}', b'{"type":[]}', b"{" * 5000, b"[" * 100_000,
    b'{"type":"assistant"}', b'{"type":"assistant","message":7}', b'{"type":"assistant","message":{"content":[7,{"type":[]}]}}',
    b'{"type":"user","message":{"content":{"a":1}}}', b'{"type":"result"}', b'{"type":"result","modelUsage":[1],"errors":7}',
    b'{"type":"result","modelUsage":{"m":7},"permission_denials":[7],"total_cost_usd":"x","num_turns":"y"}',
    b'{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1e400}}',
    b'{"type":"system"}', b'{"type":"system","subtype":"background_tasks_changed","tasks":7}',
    b'{"type":"item.completed","item":7}', b'{"type":"item.completed","item":{"type":"file_change","changes":7}}',
    b'{"type":"turn.completed","usage":7}', b'{"type":"turn.completed","usage":{"a":"b","c":-1,"d":true}}',
    b'{"type":"turn.failed","error":7}', b'{"type":"error","message":{"a":1}}', b'{"type":"thread.started","thread_id":7}',
    b'{"type":"something.new","with":{"a":[1,2,3]}}',
]  # fmt: skip


@pytest.mark.parametrize("runtime", sorted(RUNTIMES))
@pytest.mark.parametrize("line", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("code", [0, 1])
def test_odd_line_is_taken_and_a_result_is_told_all_the_same(runtime: str, line: bytes, code: int) -> None:
    adapter = for_runtime(runtime)
    adapter.feed("stdout", line, AT)
    adapter.feed("stderr", line, AT)
    found = adapter.result(AgentExit(code))
    assert json.loads(json.dumps(found.encode()))


def test_long_text_is_shortened_beside_its_raw_line() -> None:
    line = json.dumps({"type": "item.completed", "item": {"type": "agent_message", "text": "x" * 10 * SHOWN}})
    (event,) = for_runtime("codex").feed("stdout", line.encode())
    assert len(str(event.facts["text"])) == SHOWN + 1


def test_usage_of_a_conversation_is_that_since_the_attempt_before() -> None:
    earlier = Usage({"m": {"input_tokens": 10, "output_tokens": 9}}, conversation=True)
    now = Usage({"m": {"input_tokens": 25, "output_tokens": 3}}, conversation=True)
    assert now.since(earlier) == Usage({"m": {"input_tokens": 15}}, ("output_tokens went back from 9 to 3",))
    assert now.since(None).models == {}
    assert now.since(None).gaps
    assert Usage({"m": {"a": 1}}).since(earlier) == Usage({"m": {"a": 1}})


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("You've hit your usage limit. Upgrade to Pro", "quota"),
        ("Claude AI usage limit reached|1796000000", "quota"),
        ("You've hit your limit · resets 3pm (Europe/Berlin)", "quota"),
        ("Credit balance is too low", "quota"),
        ("stream error: 429 Too Many Requests", "quota"),
        ("unexpected status 401 Unauthorized", "auth"),
        ("Invalid API key · Please run /login", "auth"),
        ("OAuth token has expired", "auth"),
        ("API Error: 500", "failed"),
        ("line 4290 is wrong", "failed"),
    ],
)
def test_refusal_is_told_by_its_text(text: str, outcome: str) -> None:
    assert refusals.refused(text) == outcome


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("Claude AI usage limit reached|1796000000", 1796000000000),
        ("Try again in 2 hours 30 minutes.", AT + 2 * HOUR + HOUR // 2),
        ("try again in 1 day, 3 hours and 5 minutes", AT + 27 * HOUR + HOUR // 12),
        ("Rate limited: retry after 20s", AT + 20_000),
        ("please try again in 857ms", AT + 857),
        ("resets 3pm (Europe/Berlin)", AT + 2 * HOUR),
        ("resets 11am (UTC)", AT + 23 * HOUR),
        ("resets at 12:30 PM (UTC)", AT + HOUR // 2),
        ("resets Dec 2, 1am (UTC)", AT + 37 * HOUR),
        ("try again at 2026-11-30T15:00:00Z", AT + 3 * HOUR),
        ("resets 3pm (Nowhere/Else)", None),
        ("resets Feb 31, 1am (UTC)", None),
        ("no time is told", None),
    ],
)
def test_time_of_the_reset_is_read_from_the_text(text: str, then: int | None) -> None:
    assert refusals.resets(text, AT) == then


def test_time_of_day_without_a_zone_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    found = refusals.resets("You've hit your usage limit. Try again at Dec 2nd, 2026 3:04 PM.", AT)
    assert found is not None
    assert datetime.fromtimestamp(found / 1000).strftime("%F %R") == "2026-12-02 15:04"
