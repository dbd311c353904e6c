"""What becomes of planned times: a job, or a reason; across restarts, switches, other files and moved clocks."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from gitfleet.codec import changed
from gitfleet.errors import LocalStorage
from gitfleet.jobs.errors import AgentNotFoundError, ScheduleNotFoundError
from gitfleet.jobs.schedules import information, plans, self_schedules, switches
from gitfleet.jobs.schedules.information import ScheduleInfo
from gitfleet.jobs.schedules.schedule_files import ScheduleShelf
from gitfleet.jobs.schedules.self_schedules import OwnSchedule
from tests.jobs.schedules.desks import DAY, HOUR, MINUTE, NINE, Timeline

HOURLY = "{interval: 1h}"


@pytest.fixture
def line(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Timeline:
    return Timeline(repository, monkeypatch)


def shown(line: Timeline) -> ScheduleInfo:
    (found,) = information.schedules(line.store.folder, line.configuration())
    return found


def switch(line: Timeline, enabled: bool) -> ScheduleInfo:
    return information.switch(line.store.folder, line.configuration(), "tidy", "s", enabled=enabled)


def test_schedule_fires_at_each_planned_time_once(line: Timeline) -> None:
    line.schedule(HOURLY)
    assert line.at(NINE) == []
    assert shown(line).next_trigger == NINE + HOUR
    assert line.at(NINE + HOUR - 1) == []
    assert line.at(NINE + HOUR + 20) == [NINE + HOUR]
    assert line.at(NINE + HOUR + 20) == []
    line.end_jobs()
    assert line.at(NINE + 2 * HOUR) == [NINE + 2 * HOUR]
    (first, second) = reversed(line.jobs())
    assert (first.schedule_name, first.agent_name, first.planned_at) == ("s", "tidy", NINE + HOUR)
    assert [name for name, _ in line.events] == ["schedule:triggered"] * 2
    assert [event.job_id for _, event in line.events] == [first.id, second.id]
    assert (shown(line).last_job, shown(line).last_trigger) == (second.id, NINE + 2 * HOUR)


def test_prompt_of_the_schedule_goes_before_that_of_the_agent(line: Timeline) -> None:
    line.agent("prompt: all\nschedules: {a: {interval: 1h, prompt: some}, b: {interval: 1h}}")
    line.at(NINE)
    line.at(NINE + HOUR)
    assert {job.schedule_name: job.prompt for job in line.jobs()} == {"a": "some", "b": "all"}


@pytest.mark.parametrize("reason", ["concurrency_limit", "only 12 MiB of memory are free"])
def test_time_at_which_nothing_may_start_is_skipped_with_the_reason(line: Timeline, reason: str) -> None:
    line.schedule(HOURLY)
    line.at(NINE)
    line.desk.reason = reason
    assert line.at(NINE + HOUR) == []
    assert line.at(NINE + HOUR + 1) == []
    assert line.reasons() == [reason]
    assert (shown(line).last_skip, shown(line).skip_reason) == (NINE + HOUR, reason)
    line.desk.reason = ""
    assert line.at(NINE + 2 * HOUR) == [NINE + 2 * HOUR]


def test_time_at_which_the_last_job_is_still_at_work_is_skipped_as_overlap(line: Timeline) -> None:
    line.schedule(HOURLY)
    line.at(NINE)
    line.at(NINE + HOUR)
    assert line.at(NINE + 2 * HOUR) == []
    assert line.reasons() == ["overlap"]
    line.end_jobs()
    assert line.at(NINE + 3 * HOUR) == [NINE + 3 * HOUR]


@pytest.mark.parametrize(
    ("rules", "fired", "reasons", "then"),
    [
        ("{interval: 1h}", [], ["missed"], NINE + 6 * HOUR),
        ("{interval: 1h, catch_up: one}", [NINE + HOUR], [], NINE + 6 * HOUR),
        ("{cron: '0 10 * * *'}", [], ["missed"], NINE + HOUR + DAY),
        ("{cron: '0 * * * *', catch_up: one}", [NINE + HOUR], [], NINE + 6 * HOUR),
    ],
)
def test_times_that_were_missed_are_made_up_for_once_or_not_at_all(
    line: Timeline, rules: str, fired: list[int], reasons: list[str], then: int
) -> None:
    line.schedule(rules)
    line.at(NINE)
    assert line.at(NINE + 5 * HOUR) == fired
    assert line.reasons() == reasons
    assert line.at(NINE + 5 * HOUR + 1) == []
    assert shown(line).next_trigger == then


def test_next_time_is_known_while_nothing_runs(line: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
    line.schedule("{cron: '30 9 * * *', timezone: Europe/Berlin, catch_up: one}")
    line.at(NINE)
    assert shown(line).next_trigger == NINE - HOUR + DAY - 30 * MINUTE
    monkeypatch.setattr("gitfleet.base.clock.milliseconds", lambda: NINE + 2 * DAY)
    assert shown(line).next_trigger == NINE - HOUR + DAY - 30 * MINUTE  # when somebody runs it
    line.schedule("{cron: '30 9 * * *', timezone: Europe/Berlin}")
    assert shown(line).next_trigger == NINE - HOUR + 3 * DAY - 30 * MINUTE


def test_schedule_that_is_switched_off_says_nothing_and_begins_anew_when_it_is_on(line: Timeline) -> None:
    line.schedule("{interval: 1h, catch_up: one}")
    line.at(NINE)
    assert switch(line, False).next_trigger is None
    assert line.at(NINE + 3 * HOUR) == []
    assert switch(line, False) == switch(line, False)
    assert switch(line, True).enabled
    assert line.at(NINE + 3 * HOUR + 1) == []
    assert line.reasons() == []
    assert line.at(NINE + 4 * HOUR + 1) == [NINE + 4 * HOUR + 1]


def test_switch_goes_before_the_file_and_a_file_that_changes_does_not_bring_back_old_times(
    line: Timeline,
) -> None:
    line.schedule("{interval: 1h, enabled: false, catch_up: one}")
    assert line.at(NINE) == line.at(NINE + 2 * HOUR) == []
    line.schedule("{interval: 1h, catch_up: one}")
    line.at(NINE + 2 * HOUR)
    line.schedule("{interval: 1h, enabled: false, catch_up: one}")
    line.at(NINE + 2 * HOUR)
    line.schedule("{interval: 1h, catch_up: one}")
    assert line.at(NINE + 9 * HOUR) == []
    line.schedule("{interval: 1h, enabled: false}")
    switch(line, True)
    line.at(NINE + 9 * HOUR)
    assert line.at(NINE + 10 * HOUR) == [NINE + 10 * HOUR]


def test_rhythm_that_changes_is_planned_anew_from_then(line: Timeline) -> None:
    line.schedule(HOURLY)
    line.at(NINE)
    line.schedule("{interval: 10m}")
    assert line.at(NINE + 30 * MINUTE) == []
    assert line.at(NINE + 40 * MINUTE) == [NINE + 40 * MINUTE]
    line.agent("priority: 3\nschedules: {s: {interval: 10m, prompt: other}}")
    line.end_jobs()
    assert line.at(NINE + 50 * MINUTE) == [NINE + 50 * MINUTE]


def test_schedule_that_is_gone_fires_no_more_and_is_forgotten_in_time(line: Timeline) -> None:
    line.agent("schedules: {s: {interval: 1h}, t: {interval: 1h}}")
    line.at(NINE)
    line.schedule("{interval: 90d}")
    line.at(NINE + DAY)
    line.at(NINE + 40 * DAY)
    assert list(plans.shelf(line.store.folder).names()) == [("tidy", "s")]
    assert line.jobs() == []


@pytest.mark.parametrize(
    ("rules", "moved", "expected"),
    [
        ("{interval: 1h}", NINE - 5 * HOUR, [NINE - 4 * HOUR]),
        ("{cron: '0 10 * * *'}", NINE, []),
        ("{cron: '0 * * * *'}", NINE - HOUR, [NINE]),
        ("{cron: '0 10 * * *'}", NINE - 400 * DAY, [NINE + HOUR - 400 * DAY]),
    ],
)
def test_clock_that_is_moved_back_neither_repeats_times_of_the_day_nor_stops_the_rest(
    line: Timeline, rules: str, moved: int, expected: list[int]
) -> None:
    line.schedule(rules)
    line.at(NINE)
    assert line.at(NINE + HOUR) == [NINE + HOUR]
    line.end_jobs()
    assert line.at(moved) == []
    assert line.at(moved + HOUR) == expected


def test_one_schedule_that_fails_does_not_hinder_the_others(
    line: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.agent("schedules: {a: {interval: 1h}, b: {interval: 1h}, c: {interval: 1h}}")
    line.at(NINE)
    put = ScheduleShelf.put

    def failing(
        kept: ScheduleShelf[plans.SchedulePlan], agent: str, name: str, value: plans.SchedulePlan
    ) -> None:
        if name == "b":
            raise LocalStorage("The disk is full.", path="x")
        put(kept, agent, name, value)

    with monkeypatch.context() as patch:
        patch.setattr(ScheduleShelf, "put", failing)
        assert line.at(NINE + HOUR) == [NINE + HOUR] * 2
    assert line.at(NINE + HOUR + 1) == [NINE + HOUR]
    assert sorted(job.schedule_name for job in line.jobs()) == ["a", "b", "c"]


def test_schedule_that_fails_is_looked_after_again_soon_and_then_more_seldom(
    line: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.schedule("{interval: 1h}")
    line.at(NINE)
    line.at(NINE + HOUR)
    ticker = line.ticker()

    def fails(*_: object) -> None:
        raise LocalStorage("The disk is full.", path="x")

    line.end_jobs()
    line.now = NINE + 2 * HOUR
    with monkeypatch.context() as patch:
        patch.setattr(ScheduleShelf, "put", fails)
        assert [asyncio.run(ticker.turn()) for _ in range(5)] == [5, 10, 20, 40, 60]
    assert asyncio.run(ticker.turn()) == 60
    assert len(line.jobs()) == 2


def test_schedule_of_an_agent_without_its_repository_is_skipped_in_words(line: Timeline) -> None:
    line.agent("repo: /\nschedules: {s: {interval: 1h}}")
    line.at(NINE)
    assert line.at(NINE + HOUR) == []
    (reason,) = line.reasons()
    assert "repository" in reason


@pytest.mark.parametrize("moment", ["-5", "1e3", '"9"', "9" * 400])
def test_plan_for_no_time_that_there_is_is_made_anew(line: Timeline, moment: str) -> None:
    line.schedule("{interval: 1h, catch_up: one}")
    line.at(NINE)
    kept = Path(plans.shelf(line.store.folder).folder, "tidy@s.json")
    kept.write_text(kept.read_text().replace(str(NINE + HOUR), moment))
    assert line.at(NINE + HOUR) == []
    assert shown(line).next_trigger == NINE + 2 * HOUR


def test_files_that_cannot_be_read_make_nothing_fire(line: Timeline) -> None:
    line.schedule(HOURLY)
    line.at(NINE)
    Path(plans.shelf(line.store.folder).folder, "tidy@s.json").write_text("{")
    assert line.at(NINE + HOUR) == []  # planned anew
    assert line.at(NINE + 2 * HOUR) == [NINE + 2 * HOUR]
    switch(line, False)
    Path(switches.shelf(line.store.folder).folder, "tidy@s.json").write_bytes(b"\xff")
    assert not shown(line).enabled
    line.end_jobs()
    assert line.at(NINE + 3 * HOUR) == []
    assert switch(line, True).enabled


@pytest.mark.parametrize(
    ("agent", "name", "error"),
    [
        ("nobody", "s", AgentNotFoundError),
        ("tidy", "t", ScheduleNotFoundError),
        ("tidy", "../s", ScheduleNotFoundError),
    ],
)
def test_schedule_that_is_not_there_is_not_switched(
    line: Timeline, agent: str, name: str, error: type[Exception]
) -> None:
    line.schedule(HOURLY)
    with pytest.raises(error):
        information.switch(line.store.folder, line.configuration(), agent, name, enabled=False)
    assert not os.path.exists(switches.shelf(line.store.folder).folder)


def own_schedule(line: Timeline, **facts: object) -> None:
    made = changed(OwnSchedule(NINE, NINE + DAY, interval=HOUR, prompt="look again"), facts)
    self_schedules.shelf(line.store.folder).put("tidy", "self-1", made)


def test_single_job_of_an_agents_own_schedule_waits_in_the_queue_and_is_made_up_for(line: Timeline) -> None:
    line.agent("self_schedule: {}")
    own_schedule(line, once=True)
    line.desk.reason = "concurrency_limit"
    assert line.at(NINE + 3 * HOUR) == [NINE + HOUR]
    assert (line.jobs()[0].prompt, line.jobs()[0].own_until) == ("look again", NINE + DAY)
    assert line.at(NINE + 4 * HOUR) == []
    for kept in (self_schedules.shelf(line.store.folder), plans.shelf(line.store.folder)):
        assert list(kept.names()) == []


def test_own_schedule_fires_until_its_end(line: Timeline) -> None:
    line.agent("self_schedule: {}")
    own_schedule(line, ends_at=NINE + 3 * HOUR)
    line.at(NINE)
    assert (shown(line).own, shown(line).enabled) == (True, True)
    assert line.at(NINE + HOUR) == [NINE + HOUR]
    line.end_jobs()
    assert line.at(NINE + 3 * HOUR) == []
    assert list(self_schedules.shelf(line.store.folder).names()) == []
    assert information.schedules(line.store.folder, line.configuration()) == []


def test_own_schedule_of_an_agent_that_may_no_more_is_off(line: Timeline) -> None:
    line.agent("")
    own_schedule(line)
    assert line.at(NINE) == line.at(NINE + HOUR) == []
    assert not shown(line).enabled
    line.agent("self_schedule: {}")
    line.at(NINE + HOUR)
    assert line.at(NINE + 2 * HOUR) == [NINE + 2 * HOUR]


def test_ticker_that_is_closed_twice_or_before_its_start_is_left_alone_and_starts_again(
    line: Timeline,
) -> None:
    line.schedule("{interval: 1h, catch_up: one}")
    line.at(NINE)
    line.now += 2 * HOUR
    ticker = line.ticker()

    async def main() -> None:
        await ticker.close()
        for _ in range(2):
            await ticker.start()
            await ticker.close()
        await ticker.close()

    asyncio.run(main())
    assert [job.planned_at for job in line.jobs()] == [NINE + HOUR]
