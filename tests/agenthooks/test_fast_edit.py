"""The quick yes really is one, in this process and with nothing loaded; and what agents say is read right."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gitfleet.agenthooks import fast_edit, hook_input, place
from gitfleet.base.names import SessionId
from gitfleet.clients import codex
from gitfleet.clients.notes import Note, Notes
from tests.agenthooks.agentbench import Starter
from tests.gatebench import Gated


def certain(clone: Gated, path: str, own: str = "own") -> bool:
    """What the quick check says of one path in a clone."""
    edit = hook_input.WantedEdit(own, str(clone.path), [path])
    return all(fast_edit.certain("claude", edit, one) for one in place.find(edit.paths, edit.folder))


@pytest.fixture
def noted(alone: Gated, monkeypatch: pytest.MonkeyPatch) -> Gated:
    """A clone where the agent's session `own` acts for `alone-1`."""
    monkeypatch.delenv("GITFLEET_SESSION", raising=False)
    Notes(str(alone.fleets.state("alone"))).keep("claude", "own", Note(SessionId("alone-1"), ours=True))
    return alone


def test_quick_yes_for_what_is_the_session_s_and_only_that(noted: Gated) -> None:
    noted.claim("src/", "README.md")
    noted.claim("docs/", session=noted.other)
    assert certain(noted, "src/a.py")
    assert certain(noted, "README.md")
    assert not certain(noted, "docs/a.md")
    assert not certain(noted, "free")
    assert not certain(noted, "src/a.py", "somebody")
    assert not certain(noted, "src/a.py", "")
    assert not certain(noted, "src/a.py", "../../x")


def test_quick_yes_follows_what_the_hook_says_and_the_environment_only_where_it_says_nothing(
    noted: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted.claim("src/")
    monkeypatch.setenv("GITFLEET_SESSION", noted.other)
    assert certain(noted, "src/a.py")
    assert not certain(noted, "src/a.py", "")
    monkeypatch.setenv("GITFLEET_SESSION", noted.session)
    assert certain(noted, "src/a.py", "")
    monkeypatch.setenv("GITFLEET_SESSION", "")  # as good as none
    assert certain(noted, "src/a.py")
    assert not certain(noted, "src/a.py", "somebody")


def test_quick_yes_is_none_while_a_message_waits_and_for_all_when_edits_are_off(noted: Gated) -> None:
    noted.claim("src/")
    with noted.open() as fleet:
        fleet.claims.tell(noted.other, noted.session, "hello")
    assert not certain(noted, "src/a.py")
    noted.policy(edits="off")
    assert certain(noted, "docs/a.md")


def test_quick_yes_starts_no_second_interpreter(start: Starter, alone: Gated, tmp_path: Path) -> None:
    alone.claim("src/")
    claude = start(
        "claude", "own", alone.path, {"GITFLEET_SESSION": alone.session, "PATH": _git_only(tmp_path)}
    )
    claude.edit(alone.path / "src/a.py")
    (tmp_path / "calls").unlink()
    assert claude.edit(alone.path / "src/a.py").silent
    seen = (tmp_path / "calls").read_text().splitlines()
    assert len(seen) == 1
    assert "cat-file --batch" in seen[0]


def _git_only(folder: Path) -> str:
    """A PATH whose git writes down how it was called."""
    real = next(Path(one) / "git" for one in os.environ["PATH"].split(":") if (Path(one) / "git").exists())
    (folder / "bin").mkdir()
    script = f'#!/bin/sh\necho "$*" >>{folder}/calls\nexec {real} "$@"\n'
    (folder / "bin/git").write_text(script)
    (folder / "bin/git").chmod(0o755)
    return f"{folder / 'bin'}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("patch", "paths"),
    [
        ("", []),
        ("*** Begin Patch\n*** Add File: a b.txt\n+x\n*** End Patch", ["a b.txt"]),
        ("*** Update File: a\r\n*** Move to: b\r\n", ["a", "b"]),
        ("*** Delete File: a\n*** Add File: a\n", ["a"]),
        ("*** Update File: u\n+*** Add File: a\n *** Add File: b\n-*** Add File: c\n*** Add File: \n", ["u"]),
        ("  *** Delete File: a\n\t*** Add File: b\n+ *** Add File: c\n", ["a", "b"]),
    ],
)  # fmt: skip
def test_patch_names_its_files_once(patch: str, paths: list[str]) -> None:
    assert codex.patched(patch) == paths


def test_object_is_read_as_json_does() -> None:
    values: list[dict[str, Any]] = [{}, {"a": [1, 2.5, None, True, "ü\n\ud800"]}, {"a": {"b": {}}}]
    for value in values:
        for text in (json.dumps(value), json.dumps(value, indent=1), f"\n{json.dumps(value)}\n "):
            assert hook_input.parse(text.encode()) == value


@pytest.mark.parametrize("text", ["", " ", "[]", "{} {}", "{", '{"a"', "7", "nul"])
def test_what_is_no_object_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        hook_input.parse(text.encode())


def test_places_are_found_by_where_a_file_really_is(alone: Gated, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(alone.path / "src")
    found = place.find(["way/deep/new.py", str(alone.path / "x"), str(tmp_path / "y")], str(tmp_path))
    assert [(one.top, one.paths) for one in found] == [(str(alone.path), ["src/deep/new.py", "x"])]
    assert place.find([".git/config", "src/.git/x", ".git"], str(alone.path)) == []
    alone.git("worktree", "add", "--quiet", "-b", "inner", ".git/inner").ok()
    (found_there,) = place.find([".git/inner/x"], str(alone.path))
    assert (found_there.top, found_there.paths) == (str(alone.path / ".git/inner"), ["x"])
    assert place.find([".git/inner/.git"], str(alone.path)) == []
