"""How clients are called: what a prompt or a value says never becomes an option, and nobody else's environment gets through."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.jobs.adapters import claude_call, codex_call
from gitfleet.jobs.adapters.flags import UnusableOption
from gitfleet.jobs.adapters.protocol import Task
from gitfleet.jobs.adapters.runtimes import for_runtime

HOSTILE = "--dangerously-skip-permissions"


@pytest.mark.parametrize(
    ("runtime", "task", "argv"),
    [
        ("codex", Task(HOSTILE), ["codex", "exec", "--json", "-"]),
        ("codex", Task("x", options={"model": HOSTILE, "sandbox": "workspace-write"}),
         ["codex", "exec", "--json", f"--model={HOSTILE}", "--sandbox=workspace-write", "-"]),
        ("codex", Task("x", options={"config": {"a.b": ["x", 1], "c": True}, "add_dirs": ["/a", "/b"]}),
         ["codex", "exec", "--json", '--config=a.b=["x", 1]', "--config=c=true", "--add-dir=/a", "--add-dir=/b", "-"]),
        ("codex", Task("x", resume="01a22838-5dab"), ["codex", "exec", "--json", "resume", "01a22838-5dab", "-"]),
        ("codex", Task("x", command=("npx", "codex")), ["npx", "codex", "exec", "--json", "-"]),
        ("claude", Task(HOSTILE), ["claude", "-p", "--output-format=stream-json", "--verbose"]),
        ("claude", Task("x", options={"allowed_tools": ["Bash(git *)", "Edit"], "max_turns": 3, "bare": True}),
         ["claude", "-p", "--output-format=stream-json", "--verbose", "--allowedTools=Bash(git *),Edit",
          "--max-turns=3", "--bare"]),
        ("claude", Task("x", resume="5b0c"), ["claude", "-p", "--output-format=stream-json", "--verbose", "--resume=5b0c"]),
        ("claude", Task("x", conversation="5b0c"),
         ["claude", "-p", "--output-format=stream-json", "--verbose", "--session-id=5b0c"]),
        ("command", Task("do it", command=("agent", "--flag")), ["agent", "--flag"]),
        ("command", Task(HOSTILE, command=("agent", "{prompt}")), ["agent", f" {HOSTILE}"]),
        ("command", Task(HOSTILE, command=("agent", "--", "{prompt}")), ["agent", "--", HOSTILE]),
        ("command", Task(HOSTILE, command=("agent", "-p={prompt}")), ["agent", f"-p={HOSTILE}"]),
        ("command", Task("a {prompt} b", command=("agent", "x{prompt}y")), ["agent", "x{prompt}y"]),
    ],
)  # fmt: skip
def test_argv_of_a_task_has_its_options_and_nothing_of_the_prompt(
    runtime: str, task: Task, argv: list[str]
) -> None:
    assert for_runtime(runtime).argv(task) == argv


@pytest.mark.parametrize(
    ("runtime", "command", "data"),
    [
        ("codex", (), b"say \xc3\xa9"),
        ("claude", (), b"say \xc3\xa9"),
        ("command", ("agent",), b"say \xc3\xa9"),
        ("command", ("agent", "{prompt}"), None),
    ],
)
def test_prompt_comes_on_standard_input(runtime: str, command: tuple[str, ...], data: bytes | None) -> None:
    assert for_runtime(runtime).stdin(Task("say é", command=command)) == data


@pytest.mark.parametrize(
    ("runtime", "options", "said"),
    [
        ("codex", {"modell": "x"}, "there is no option 'modell'"),
        ("codex", {"sandbox": "none"}, "one of read-only"),
        ("codex", {"config": {"a": {"b": 1}}}, "a text, a number"),
        ("codex", {"config": "a=1"}, "is a table"),
        ("claude", {"allowed_tools": "Bash"}, "is a list"),
        ("claude", {"bare": "yes"}, "true or false"),
        ("claude", {"model": True}, "is a text"),
        ("claude", {"model": "a\0b"}, "no argument may have"),
    ],
)
def test_option_that_the_client_has_not_is_refused(runtime: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UnusableOption, match=said):
        for_runtime(runtime).argv(Task("x", options=options))


def test_option_of_a_newer_client_is_refused_for_an_older_one() -> None:
    newer = Task("x", options={"ephemeral": True}, version="0.80.1")
    with pytest.raises(UnusableOption, match="needs version"):
        for_runtime("codex").argv(newer)
    assert "--ephemeral" in for_runtime("codex").argv(
        Task("x", options={"ephemeral": True}, version="0.171.0")
    )


@pytest.mark.parametrize("runtime", ["codex", "claude"])
@pytest.mark.parametrize("resume", ["--last", "-x", "a b", "", "../x", "x" * 200])
def test_conversation_with_an_id_that_is_none_is_refused(runtime: str, resume: str) -> None:
    if not resume:
        assert "resume" not in " ".join(for_runtime(runtime).argv(Task("x")))
        return
    with pytest.raises(UnusableOption):
        for_runtime(runtime).argv(Task("x", resume=resume))


def test_variables_of_an_agent_around_us_are_taken_out() -> None:
    assert for_runtime("claude").environment(Task())["CLAUDECODE"] is None
    assert for_runtime("codex").environment(Task())["CODEX_SESSION_ID"] is None
    assert for_runtime("command").environment(Task()) == {}


@pytest.mark.parametrize("call", [claude_call, codex_call])
def test_every_option_has_a_spelling_of_its_own(call: Any) -> None:
    assert (
        len({flag.spelled for flag in call.OPTIONS})
        == len({flag.key for flag in call.OPTIONS})
        == len(call.OPTIONS)
    )
