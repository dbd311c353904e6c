"""Agents that schedule themselves: whose job asks, and how far its file lets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.codec import replace
from gitfleet.errors import PolicyRefused, UsageError
from gitfleet.jobs import submission
from gitfleet.jobs.attempts import plan
from gitfleet.jobs.errors import AgentNotFoundError, ScheduleNotFoundError
from gitfleet.jobs.schedules import self_schedules
from gitfleet.jobs.words import JobStatus
from tests.jobs.schedules.desks import DAY, HOUR, NINE, Timeline

ALLOWED = "self_schedule: {count: 2, least_interval: 5m, end: 1d}\nschedules: {s: {interval: 1h}}"


@pytest.fixture
def line(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Timeline:
    line = Timeline(repository, monkeypatch)
    monkeypatch.setattr("gitfleet.base.clock.milliseconds", lambda: line.now)
    return line


def at_work(line: Timeline, rules: str = ALLOWED) -> str:
    """The session of an attempt at a job of the agent."""
    line.agent(rules)
    agent = line.configuration().agents["tidy"]
    job = line.store.create(submission.new(agent))
    return plan.take(line.store, job.id, agent).attempts[-1].session


def add(line: Timeline, session: str, **wish: str) -> self_schedules.AddedSchedule:
    return self_schedules.add(line.store, session, self_schedules.wish(**wish), once="after" in wish)


@pytest.mark.parametrize(
    "wish",
    [
        {"after": "5m"},
        {"every": "5m"},
        {"cron": "@hourly", "timezone": "Europe/Berlin", "prompt": "x"},
        {"every": "6m", "prompt": "broken \udc80 \x1b[31m"},
    ],
)
def test_schedule_within_the_bounds_is_kept_as_it_was_asked_for(line: Timeline, wish: dict[str, str]) -> None:
    agent, name, made = add(line, at_work(line), **wish)
    assert (agent, self_schedules.shelf(line.store.folder).get(agent, name)) == ("tidy", made)
    assert (made.created_at, made.ends_at, made.once) == (NINE, NINE + DAY, "after" in wish)
    assert (made.rules.cron, made.rules.prompt) == (wish.get("cron"), wish.get("prompt"))


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"after": "1m"}, "after 1m; the least that is allowed is 5m"),
        ({"every": "299s"}, "every 299s; the least that is allowed is 5m"),
        ({"cron": "*/4 * * * *"}, "every 4m; the least that is allowed is 5m"),
        ({"after": "2d"}, "before its end: 2026-06-02T09:00:00Z"),
        ({"every": "1d"}, "before its end: 2026-06-02T09:00:00Z"),
        ({"cron": "0 0 1 1 *"}, "before its end: 2026-06-02T09:00:00Z"),
    ],
)
def test_schedule_beyond_the_bounds_is_refused(line: Timeline, wish: dict[str, str], words: str) -> None:
    with pytest.raises(PolicyRefused, match=words):
        add(line, at_work(line), **wish)
    assert list(self_schedules.shelf(line.store.folder).names()) == []


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"after": "5m", "every": "5m"},
        {"after": "soon"},
        {"cron": "@reboot"},
        {"cron": "@daily", "timezone": "Mars/X"},
        {"every": "5m", "timezone": "Europe/Berlin"},
        {"every": "5m", "prompt": "a\0b"},
        {"every": "5m", "prompt": "x" * 70_000},
    ],
)
def test_wish_that_means_nothing_is_refused(wish: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        self_schedules.wish(**wish)


def test_number_of_schedules_is_bounded_and_those_that_ended_do_not_count(line: Timeline) -> None:
    session = at_work(line)
    names = [add(line, session, every="5m").name for _ in range(2)]
    with pytest.raises(PolicyRefused, match="has 2 schedules of its own"):
        add(line, session, every="5m")
    assert self_schedules.remove(line.store, "tidy", names[0])
    assert not self_schedules.remove(line.store, "tidy", names[0])
    add(line, session, every="5m")
    line.now += DAY
    add(line, session, every="5m")


def test_schedule_given_by_a_job_of_another_one_ends_with_that(line: Timeline) -> None:
    session = at_work(line)
    line.store.update(line.jobs()[0].id, lambda job: replace(job, own_until=NINE + HOUR))
    assert add(line, session, after="59m").schedule.ends_at == NINE + HOUR
    with pytest.raises(PolicyRefused, match="before its end"):
        add(line, session, after="1h")


def test_agent_whose_file_does_not_allow_it_is_refused(line: Timeline) -> None:
    with pytest.raises(PolicyRefused, match="tidy may not schedule itself"):
        add(line, at_work(line, ""), every="1h")


def test_session_without_a_job_that_runs_is_refused(line: Timeline) -> None:
    session = at_work(line)
    for word in ("", "../x", "somebody-else"):
        with pytest.raises(UsageError):
            add(line, word, every="1h")
    line.store.update(line.jobs()[0].id, lambda job: replace(job, status=JobStatus.COMPLETED))
    with pytest.raises(UsageError):
        add(line, session, every="1h")


def test_schedule_of_a_file_is_not_removed(line: Timeline) -> None:
    line.agent(ALLOWED)
    for agent, name in (("tidy", "s"), ("tidy", "../s"), ("..", "s"), ("nobody", "s")):
        assert not self_schedules.remove(line.store, agent, name)
    assert "in the file" in str(self_schedules.not_own(line.configuration(), "tidy", "s"))
    with pytest.raises(ScheduleNotFoundError):
        self_schedules.not_own(line.configuration(), "tidy", "t")
    with pytest.raises(AgentNotFoundError):
        self_schedules.not_own(line.configuration(), "nobody", "s")
