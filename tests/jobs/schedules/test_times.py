"""When schedules fire: shorthands, zones, gaps and overlaps of the clock, what was missed."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from gitfleet.jobs.definitions.schema import Schedule
from gitfleet.jobs.durations import milliseconds
from gitfleet.jobs.schedules.crontab import SHORTHANDS, closer_than, fields, local_time
from gitfleet.jobs.schedules.times import Due, due, next_run

BERLIN = ZoneInfo("Europe/Berlin")


def firings(cron: str, start: str, count: int) -> list[str]:
    schedule = Schedule(cron=cron, timezone="Europe/Berlin")
    now, found = datetime.fromisoformat(start).timestamp(), []
    for _ in range(count):
        now = next_run(schedule, now)
        found.append(datetime.fromtimestamp(now, BERLIN).strftime("%d %H:%M%z"))
    return found


@pytest.mark.parametrize(
    ("cron", "start", "expected"),
    [
        ("0 9 * * *", "2026-11-30T08:59:59+01:00", ["30 09:00+0100", "01 09:00+0100", "02 09:00+0100"]),
        ("30 2 * * *", "2026-03-28T12:00:00+01:00", ["29 03:00+0200", "30 02:30+0200"]),
        ("0,30 2 * * *", "2026-03-28T12:00:00+01:00", ["29 03:00+0200", "30 02:00+0200"]),
        ("*/30 * * * *", "2026-03-29T01:15:00+01:00", ["29 01:30+0100", "29 03:00+0200"]),
        ("30 2 * * *", "2026-10-24T12:00:00+02:00", ["25 02:30+0200", "26 02:30+0100"]),
        ("30 2 * * *", "2026-10-25T02:10:00+01:00", ["26 02:30+0100"]),
        ("*/30 * * * *", "2026-10-25T02:15:00+02:00", ["25 02:30+0200", "25 02:00+0100", "25 02:30+0100"]),
        ("0 0 1 * MON", "2026-11-30T12:00:00+01:00", ["01 00:00+0100", "07 00:00+0100"]),
    ],
)
def test_cron_in_a_zone_fires_at_these_times(cron: str, start: str, expected: list[str]) -> None:
    assert firings(cron, start, len(expected)) == expected


@pytest.mark.parametrize("shorthand", SHORTHANDS)
def test_shorthand_stands_for_five_fields(shorthand: str) -> None:
    assert fields(shorthand.upper()) == fields(SHORTHANDS[shorthand])


@pytest.mark.parametrize(
    "text", ["@reboot", "* * * *", "* * * * * *", "60 * * * *", "*/0 * * * *", "a b c d e", ""]
)
def test_text_that_is_no_cron_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"cron expression|is not one of"):
        fields(text)


@pytest.mark.parametrize(
    ("value", "expected"), [("5m", 300_000), ("1h", 3_600_000), (90_000, 90_000), ("2w", 1_209_600_000)]
)
def test_length_of_time_is_read_in_milliseconds(value: str | int, expected: int) -> None:
    assert milliseconds(value) == expected


@pytest.mark.parametrize(
    "value", [0, -5, "0s", "-5m", "1.5h", "5", "5 minutes", "5M", "", 1.5, True, None, "9999w"]
)
def test_what_is_no_length_of_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"length of time|too short|too long"):
        milliseconds(value)


@pytest.mark.parametrize(
    ("catch_up", "planned", "expected"),
    [
        ("none", 1000, Due(True, 1060, False)),
        ("none", 999, Due(True, 1059, False)),
        ("none", 995, Due(True, 1055, False)),
        ("none", 100, Due(False, 1060, True)),
        ("one", 100, Due(True, 1060, True)),
        ("one", 1030, Due(False, 1030, False)),
        ("one", 90_000, Due(False, 1060, False)),
    ],
)
def test_planned_run_is_due_missed_or_planned_again(catch_up: str, planned: float, expected: Due) -> None:
    schedule = Schedule.model_validate({"interval": "60s", "catch_up": catch_up})
    assert due(schedule, planned, 1000, late=5) == expected


def test_interval_that_is_shorter_than_a_delay_does_not_fire_in_a_burst() -> None:
    assert due(Schedule.model_validate({"interval": "1s"}), 1000, 1004.5, late=60) == Due(True, 1005, False)


@pytest.mark.parametrize(
    ("cron", "fired", "expected"),
    [
        ("0 9 * * *", "09:00", "01 09:00"),
        ("0 9 * * *", "14:00", "30 09:00"),
        ("*/10 9 * * *", "09:00", "30 09:00"),
        ("0 * * * *", "09:00", "30 09:00"),
    ],
)
def test_time_of_the_day_does_not_come_again_where_the_clock_went_back_a_little(
    cron: str, fired: str, expected: str
) -> None:
    now, last = (
        datetime.fromisoformat(f"2026-11-30T{time}:00+01:00").timestamp() for time in ("08:55", fired)
    )
    found = due(Schedule(cron=cron, timezone="Europe/Berlin"), now + 500_000, now, late=5, fired=last)
    assert datetime.fromtimestamp(found.next, BERLIN).strftime("%d %H:%M") == expected


@pytest.mark.parametrize(
    ("cron", "least", "expected"),
    [
        ("* * * * *", 61, 60),
        ("*/5 * * * *", 300, None),
        ("0,4 3 * * *", 300, 240),
        ("59,0 * * * *", 300, 60),
        ("0 0,23 * * *", 7200, 3600),
        ("@yearly", 86_400, None),
        ("0 0 29 2 *", 86_400, None),
    ],
)
def test_runs_that_follow_too_closely_are_found(cron: str, least: int, expected: int | None) -> None:
    assert closer_than(cron, least, 1_780_304_400, BERLIN) == expected


def test_moment_beyond_all_calendars_is_shown_as_none() -> None:
    assert local_time(1e15, "UTC") == "?"


@pytest.mark.parametrize(
    ("zone", "expected"), [("Europe/Berlin", "2026-06-01 11:00 CEST"), ("No/Zone", "2026-06-01 09:00 UTC")]
)
def test_moment_is_shown_as_clocks_of_the_zone_do(zone: str, expected: str) -> None:
    assert local_time(1_780_304_400, zone) == expected
