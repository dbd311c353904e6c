"""The file of a day: who writes, who reads, and what is torn, doubled or replaced."""

from __future__ import annotations

import os
from pathlib import Path

from gitfleet.codec import changed
from gitfleet.jobs.money import spending
from gitfleet.jobs.money.spending import FLEET, DaySpending, Expense, SpendingLine

LINE = SpendingLine("job-1", 1, "tidy", ("nightly",), 0.5, 100, 1000)


def day_at(folder: Path) -> DaySpending:
    return DaySpending(spending.path_of(str(folder), "2026-11-30"))


def put(day: DaySpending, **more: object) -> None:
    spending.append(day.path, changed(LINE, more))


def test_last_line_of_an_attempt_holds_and_sums_are_by_scope(tmp_path: Path) -> None:
    day = day_at(tmp_path)
    put(day)
    put(day, money=0.75, tokens=150)
    put(day, job="job-2", agent="other", pays=(), money=None, tokens=50)
    day.read()
    assert day.of(FLEET) == Expense(0.75, 200, 2000)
    assert day.of("agent tidy") == day.of("budget nightly") == Expense(0.75, 150, 1000)
    assert day.of("agent other") == Expense(None, 50, 1000)
    assert day.of("agent nobody") == Expense()
    assert day.of(FLEET, ("job-1", 1)) == Expense(None, 50, 1000)
    put(day, tokens=160)
    day.read()
    assert day.of(FLEET).tokens == 210


def test_what_an_attempt_came_to_is_not_changed_by_a_late_line_of_its_shepherd(tmp_path: Path) -> None:
    day = day_at(tmp_path)
    put(day, over=True)
    put(day, tokens=5)
    day.read()
    assert day.of(FLEET).tokens == 100
    put(day, tokens=120, over=True)
    day.read()
    assert day.of(FLEET).tokens == 120


def test_torn_and_odd_lines_are_passed_over(tmp_path: Path) -> None:
    day = day_at(tmp_path)
    put(day)
    with open(day.path, "ab") as file:
        file.write(
            b'[]\n{"job": 1}\n\xff\n{"job":"job-3","attempt":1,"agent":"a","money":-1}\n{"job":"job-2","att'
        )
    day.read()
    put(day, job="job-4")
    day.read()
    assert day.of(FLEET).tokens == 200


def test_file_that_is_another_one_is_read_anew(tmp_path: Path) -> None:
    day = day_at(tmp_path)
    put(day)
    day.read()
    os.rename(day.path, f"{day.path}.old")
    put(day, tokens=7)
    day.read()
    assert day.of(FLEET).tokens == 7


def test_reader_of_a_day_without_a_file_finds_nothing(tmp_path: Path) -> None:
    day = day_at(tmp_path)
    day.read()
    assert day.of(FLEET) == Expense()
    assert os.listdir(tmp_path) == []


def test_look_reads_only_what_is_new(tmp_path: Path) -> None:
    day = day_at(tmp_path)
    for number in range(1000):
        put(day, job=f"job-{number}")
    day.read()
    Path(day.path).write_bytes(b"x" * os.path.getsize(day.path))
    put(day, job="job-new")
    day.read()
    assert day.of(FLEET).tokens == 100_100
