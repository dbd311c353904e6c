"""What is told of calls while they go on."""

from __future__ import annotations

from typing import Any

from gitfleet.mcp.calls import Call, Calls
from gitfleet.mcp.messages import McpRequest
from gitfleet.mcp.tools import TOOLS


def test_each_notice_of_progress_says_more_than_the_one_before() -> None:
    heard: list[Any] = []
    calls = Calls(heard.append)
    params = {"name": "wait", "arguments": {"paths": ["a"]}, "_meta": {"progressToken": 7}}
    asked = McpRequest(1, "tools/call", params, modern=False)
    call = Call(asked, TOOLS["wait"], ["--timeout=50s"], "", heard.append)
    for line in (b"one", b"two", b"three"):  # within one moment
        calls._progress(call, line)
    done = [message["params"]["progress"] for message in heard]
    assert done == sorted(set(done))
    assert [message["params"]["message"] for message in heard] == ["one", "two", "three"]
