"""Whose command this is: told by the client's own variables, the innermost client's first."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.clients import acting
from gitfleet.clients.notes import Note, Notes

ONE = SessionId("one")

_WAITS = [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"]


@pytest.mark.parametrize(
    ("environment", "callers"),
    [
        ({}, []),
        ({"CODEX_SESSION_ID": "", "CLAUDE_CODE_SESSION_ID": ""}, []),
        ({"CODEX_SESSION_ID": "root", "CODEX_THREAD_ID": "sub"}, [("codex", "root")]),
        ({"CODEX_SESSION_ID": "", "CODEX_THREAD_ID": "sub"}, [("codex", "sub")]),
        ({"CLAUDE_CODE_SESSION_ID": "c"}, [("claude", "c")]),
        ({"CLAUDE_CODE_SESSION_ID": "c", "CODEX_THREAD_ID": "x"}, [("codex", "x"), ("claude", "c")]),
        ({"CLAUDE_CODE_SESSION_ID": "c", "CODEX_THREAD_ID": "x", "CLAUDE_PID": "none"}, [("codex", "x"), ("claude", "c")]),
    ],
)  # fmt: skip
def test_callers_are_the_clients_whose_variables_are_set_and_not_empty(
    environment: Mapping[str, str], callers: list[tuple[str, str]]
) -> None:
    assert acting.callers(environment) == callers


@pytest.mark.parametrize("given", ["x", "another", ""])
def test_claude_started_by_a_command_of_codex_is_the_inner_one(given: str) -> None:
    env = {**os.environ, "CODEX_SESSION_ID": given}
    with subprocess.Popen(_WAITS, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        told = {"CODEX_SESSION_ID": "x", "CLAUDE_CODE_SESSION_ID": "c", "CLAUDE_PID": str(process.pid)}
        found = [client for client, _ in acting.callers(told)]
        process.communicate()
    assert found == (["claude", "codex"] if given == "x" else ["codex", "claude"])


@pytest.mark.parametrize("own", ["../../etc/x", "a/b", "x" * 500, "ü", "a\nb", ".", "\udc80"])
def test_note_about_an_odd_id_stays_in_its_folder_and_is_found_again(tmp_path: Path, own: str) -> None:
    notes = Notes(str(tmp_path))
    notes.keep("codex", own, Note(ONE, ours=True))
    notes.keep("codex", f"{own}x", Note(SessionId("two"), ours=True))
    assert len(list((tmp_path / "agents").iterdir())) == 2
    assert list(tmp_path.rglob("*")) == [tmp_path / "agents", *(tmp_path / "agents").iterdir()]
    assert acting.session_of(str(tmp_path), "codex", own) == "one"
    notes.forget("codex", own)
    assert acting.session_of(str(tmp_path), "codex", own) is None
    assert notes.taken() == {"two"}


def test_note_that_was_left_is_free_for_the_one_that_goes_on(tmp_path: Path) -> None:
    notes = Notes(str(tmp_path))
    notes.keep("claude", "a", Note(ONE, ours=True))
    assert (notes.taken(), notes.left()) == ({"one"}, set())
    notes.leave("claude", "a")
    assert (notes.taken(), notes.left()) == (set(), {"one"})
    notes.keep("claude", "b", Note(ONE, ours=True))
    assert (notes.taken(), notes.left()) == ({"one"}, set())
    assert notes.get("claude", "a") is None
