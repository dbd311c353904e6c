"""Text from elsewhere: what is shown can do nothing to the terminal, and shows everything."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitfleet.base.text import amount, counted, display, duration, duration_holds, one_line, span


@given(st.text() | st.binary().map(os.fsdecode))
def test_display_of_any_text_is_printable_and_can_be_encoded(text: str) -> None:
    shown = display(text)
    assert shown == "" or shown.isprintable()
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("\u00e9\u4e2d", "\u00e9\u4e2d"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\r", "a\\x0ab\\x09c\\x0d"),
        ("\u202eevil", "\\u202eevil"),
        (os.fsdecode(b"\xff.py"), "\\xff.py"),
        ("\ud800", "\\ud800"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_display_of_what_could_harm_shows_its_code(text: str, shown: str) -> None:
    assert display(text) == shown


@given(st.text(), st.integers(1, 50))
def test_one_line_of_any_text_is_one_line_within_its_limit(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert "\n" not in line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0s"), (0, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3660, "1h01m"), (90_000, "1d01h")],
)
def test_duration_of_seconds_reads_as_people_say_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 61, 119, 3599, 3600, 86_399, 86_400, 90_001, 300_000])
def test_duration_reads_the_same_for_as_long_as_it_is_said_to_hold(seconds: int) -> None:
    holds = duration_holds(seconds)
    assert holds > 0
    assert duration(seconds + holds - 1) == duration(seconds) != duration(seconds + holds)


def test_counted_of_one_and_of_others_has_the_noun_that_fits() -> None:
    assert [counted(number, "claim") for number in (0, 1, 2)] == ["0 claims", "1 claim", "2 claims"]
    assert [counted(2, noun) for noun in ("entry", "key", "process", "branch")] == [
        "2 entries",
        "2 keys",
        "2 processes",
        "2 branches",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"),
        (90, "90s"),
        (60, "1m"),
        (2700, "45m"),
        (3600, "1h"),
        (86400, "24h"),
        (172800, "2d"),
        (30 * 86400, "30d"),
    ],
)
def test_span_is_exact_and_as_people_write_it(seconds: int, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB"), (1 << 50, "1024.0 TiB")],
)
def test_amount_is_told_in_the_largest_unit_of_which_there_is_one(size: int, words: str) -> None:
    assert amount(size) == words
