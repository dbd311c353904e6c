"""The end of a log: what is read of it, and how it is shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitfleet.nodes import log_tails


def tail(path: Path, lines: int = 3, limit: int = log_tails.MAX_BYTES) -> list[str]:
    return log_tails.shown(log_tails.read(str(path), lines, limit=limit) or "", lines)


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"one\n", ["one"]),
        (b"one", ["one"]),
        (b"a\nb\nc\nd\n", ["b", "c", "d"]),
        (b"a\n\n\n", ["a", "", ""]),
        (b"\x1b[31mred\x1b[0m\n", ["red"]),
        (b"\x1b]0;title\x07text\n", ["text"]),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n", ["link"]),
        (b"\x1b]0;no end\nnext\n", ["", "next"]),
        (b"\xc2\x9b31mred\n", ["red"]),
        (b"\x1bPq#0\x1b\\after \x1b(B\x1b7\x1b=done\n", ["after done"]),
        (b"10%\r50%\r100%\r\n", ["100%"]),
        (b"a\tb\n", ["a   b"]),
        (b"\x00\x01\xff\n", [r"\x00\x01\xff"]),
        (b"gone\x08\x08\x08\x08here\n", [r"gone\x08\x08\x08\x08here"]),
        ("fine \u202e evil\n".encode(), [r"fine \u202e evil"]),
        ("žluťoučký\n".encode(), ["žluťoučký"]),
    ],
)
def test_tail_of_a_log_shows_what_a_terminal_would_leave(
    tmp_path: Path, content: bytes, lines: list[str]
) -> None:
    (tmp_path / "log").write_bytes(content)
    assert tail(tmp_path / "log") == lines


def test_tail_of_a_huge_file_reads_its_end_only(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.truncate(8 << 30)  # a hole: reading all of it would take minutes
        file.seek(0, os.SEEK_END)
        file.write(b"\nalmost last\nlast\n")
    assert tail(log, 2) == ["almost last", "last"]
    assert len(log_tails.read(str(log), 10) or "") <= log_tails.MAX_BYTES


def test_tail_of_many_lines_is_as_long_as_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("".join(f"line {n}\n" for n in range(30_000)))
    assert tail(tmp_path / "log", 5000) == [f"line {n}" for n in range(25_000, 30_000)]


def test_tail_that_reaches_its_limit_begins_with_a_whole_character(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("é" * 100 + "\n", encoding="utf-8")
    assert tail(tmp_path / "log", 1, limit=10) == ["é" * 4]


def test_tail_of_a_long_line_is_cut(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x" * 10_000 + "\n")
    assert [len(line) for line in tail(tmp_path / "log")] == [log_tails.MAX_LINE]


def test_tail_of_what_is_no_file_is_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, tmp_path / "absent", Path("/dev/zero")):
        assert log_tails.read(str(path), 3) is None
    assert log_tails.read("nul\0byte", 3) is None
