"""What the owner of a host protects, from whomever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gitfleet.onhost.protection import UNREADABLE, files, protected, reason
from gitfleet.onhost.records import KEEP, ProcessGroup, ScanRequest
from gitfleet.onhost.scanning import candidates
from tests.onhost.tables import host, judged, of_session, process


@pytest.mark.parametrize(
    ("pattern", "command", "holds"),
    [
        ("node server.js*", "node server.js --port 1", True),
        ("*server.js", "node /home/ada/server.js", True),
        ("npm run dev", "npm run dev", True),
        ("vite", "node /w/node_modules/.bin/vite --port 3000", True),
        ("server.js", "node server.js", False),
        ("NODE *", "node server.js", False),
        ("[", "node server.js", False),
    ],
)
def test_pattern_holds_for_the_command_line_or_what_scans_call_it(
    pattern: str, command: str, *, holds: bool
) -> None:
    assert bool(reason([process(command)], [pattern])) is holds


def test_title_with_empty_words_behind_it_matches_without_them() -> None:
    one = replace(process("npm"), command=("npm run dev", "", ""))

    assert reason([one], ["npm run dev"])


def test_file_of_the_host_is_read_line_by_line_after_what_was_asked(tmp_path: Path) -> None:
    file = tmp_path / "protect"
    file.write_text("# ours\n\n  vite  \nnode keep.js*\n")

    assert protected(["x"], [str(tmp_path / "none"), str(file)]) == ("x", "vite", "node keep.js*")


def test_file_that_another_system_has_marked_as_text_is_read_from_its_first_line(tmp_path: Path) -> None:
    file = tmp_path / "protect"
    file.write_bytes(b"\xef\xbb\xbfnpm run demo\r\nvite\r\n")

    assert protected([], [str(file)]) == ("npm run demo", "vite")


def test_users_file_counts_with_and_without_the_variable_that_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for where in ("", "relative", str(tmp_path / "elsewhere")):
        monkeypatch.setenv("XDG_CONFIG_HOME", where)
        assert str(tmp_path / ".config/gitfleet/protect") in files()
    assert str(tmp_path / "elsewhere/gitfleet/protect") in files()


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"x" * 70_000, None], ids=["no text", "too long", "a folder"]
)
def test_file_that_cannot_be_read_protects_everything(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "protect"
    file.mkdir() if content is None else file.write_bytes(content)

    patterns = protected([], [str(file)])

    assert UNREADABLE in patterns
    found = judged(of_session(), process("node server.js"), protect=patterns)
    assert (found.action, found.protected) == (KEEP, "what this host protects cannot be read")


def test_scan_keeps_what_the_user_of_the_host_protects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    Path(files()[-1]).parent.mkdir()
    Path(files()[-1]).write_text("node server.js\n")
    one = process("node server.js", 2**22 + 7)
    table, group = host(one), ProcessGroup(one, (one,), one.pgid)

    found, asked_about = candidates(table, [group], {one.identity.pid: of_session()}, ScanRequest())

    assert [each.judgement.protected for each in found] == ["protected by a pattern"]
    assert asked_about == 0
