"""Tables on terminals that are too narrow for them."""

from __future__ import annotations

import pytest

from gitfleet.base import advice
from gitfleet.cli import terminal
from gitfleet.cli.answer import Grid

NEXT = "gitfleet inbox --kind dead-session"
GRID = Grid(
    ("STATE", "KIND", "WHAT", "NEXT", "ID"),
    [("!", "dead-session", "6 sessions whose process is gone, 6 unread", advice.INBOX_KIND.of("dead-session"), "01ARZ3")],
    optional=("ID",), kept=("NEXT",),
)  # fmt: skip


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (120, f"!      dead-session  6 sessions whose process is gone, 6 unread  {NEXT}  01ARZ3"),
        (102, f"!      dead-session  6 sessions whose process is gone, 6 unread  {NEXT}"),
        (90, f"!      dead-session  6 sessions whose process is gone…  {NEXT}"),
    ],
)
def test_table_that_is_too_wide_is_cut_where_it_is_widest_and_its_commands_stay_whole(
    width: int, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    terminal.show(GRID)
    line = capsys.readouterr().out.splitlines()[1].rstrip()
    assert NEXT in line
    assert len(line) <= width
    assert line == shown


def test_table_on_a_terminal_that_is_hardly_there_is_shown_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "7")
    terminal.show(GRID)
    assert capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 60, 40, 20])
def test_table_that_would_cut_its_commands_or_all_else_is_shown_as_lines(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    terminal.show(GRID)
    *words, command = capsys.readouterr().out.splitlines()
    assert command.rstrip() == f"  next: {NEXT}"
    assert all(len(line.rstrip()) <= width for line in words)
    assert " ".join(" ".join(words).split()) == "! dead-session 6 sessions whose process is gone, 6 unread"


def test_table_goes_without_columns_that_it_can_spare_before_its_cells_are_too_short_to_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = Grid(
        ("SESSION", "AGENT", "CLAIMS"), [("ada-v6jkqbtm", "claude-code", "2: src/a.py, src/b.py")], spare=("AGENT",)
    )  # fmt: skip
    for width, shown in (
        (40, "ada-v6jkqbtm  claude-code  2: src/a.py,…"),
        (24, "ada-v6jkqb…  2: src/a.p…"),
    ):
        monkeypatch.setenv("COLUMNS", str(width))
        terminal.show(table)
        assert capsys.readouterr().out.splitlines()[1].rstrip() == shown
