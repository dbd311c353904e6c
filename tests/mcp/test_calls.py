"""Whom calls come from, and what is told of them while they go on."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from gitfleet.base.names import SessionId
from gitfleet.clients import codex
from gitfleet.clients.notes import Note, Notes
from gitfleet.mcp import messages
from gitfleet.mcp.calls import Call, Calls
from gitfleet.mcp.messages import McpRequest
from gitfleet.mcp.tools import TOOLS
from tests.cli.conftest import Cli
from tests.mcp.conftest import RawClient


def test_each_notice_of_progress_says_more_than_the_one_before() -> None:
    heard: list[Any] = []
    calls = Calls(heard.append)
    params = {"name": "wait", "arguments": {"paths": ["a"]}, "_meta": {"progressToken": 7}}
    asked = McpRequest(1, "tools/call", params, modern=False)
    call = Call(asked, TOOLS["wait"], ["--timeout=50s"], {}, heard.append)
    for line in (b"one", b"two", b"three"):  # within one moment
        calls._progress(call, line)
    done = [message["params"]["progress"] for message in heard]
    assert done == sorted(set(done))
    assert [message["params"]["message"] for message in heard] == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"session_id": "01a2-b", "thread_id": "01a2-c"}, ("01a2-b", "01a2-c")),
        ({"session_id": "", "thread_id": "01a2-c"}, ("01a2-c",)),
        ({"session_id": 7, "thread_id": "a\0b"}, ()),
        ({"session_id": "x" * 501, "thread_id": "é"}, ()),
        (["session_id"], ()),
        (None, ()),
    ],
    ids=range(6),
)
def test_session_of_the_client_is_what_it_says_with_the_request(told: Any, found: tuple[str, ...]) -> None:
    params = {"_meta": {"x-codex-turn-metadata": told, "threadId": "z"}}
    variables = messages.caller(McpRequest(1, "tools/call", params, modern=False))
    assert tuple(variables.values()) == found
    assert set(variables) <= set(codex.VARIABLES)


def test_two_sessions_of_codex_in_one_worktree_are_told_apart_by_what_they_say_with_each_call(
    serve: Callable[..., RawClient], cli: Cli
) -> None:
    client = serve(env={"GITFLEET_SESSION": None})
    notes = Notes(str(cli.clone.fleets.state(cli.clone.name)))
    for name in ("one", "two"):
        cli("session", "start", "--id", name, "--pid", str(os.getpid())).ok()
        notes.keep("codex", f"own-{name}", Note(SessionId(name)))
    for number, name in enumerate(("one", "two")):
        meta = {"x-codex-turn-metadata": {"session_id": f"own-{name}", "thread_id": "t"}}
        arguments = {"paths": [f"src/{name}.py"]}
        params = {"name": "claim", "arguments": arguments, "_meta": meta}
        done = client.ask(number, "tools/call", params)["result"]["structuredContent"]
        assert [one["session"] for one in done["data"]["granted"]] == [name]
