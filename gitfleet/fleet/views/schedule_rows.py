"""Schedules as rows."""

from __future__ import annotations

from typing import TypedDict

from gitfleet.fleet.views.rows import row_of
from gitfleet.jobs.schedules.information import ScheduleInfo


class ScheduleRow(TypedDict):
    """One schedule of an agent. Times are in milliseconds since 1970; 0: never."""

    agent_name: str
    name: str
    enabled: bool
    self: bool
    """Whether its agent gave it to itself."""
    once: bool
    """Whether it makes one job only."""
    next_trigger: int | None
    """When it fires next; null while it is not enabled. In the past: a missed time that is made up for when jobs are run."""
    interval: int | None
    """Milliseconds from one run to the next."""
    cron: str | None
    timezone: str
    prompt: str | None
    """Instead of the agent's prompt."""
    last_trigger: int
    last_job: str
    last_skip: int
    """The last planned time that made no job."""
    skip_reason: str
    """Why that was: `concurrency_limit`, `overlap`, `missed`, or in words."""
    ends_at: int
    """When one that an agent gave itself ends."""


class ScheduleListAnswer(TypedDict):
    """`schedule list`, by agent."""

    schedules: list[ScheduleRow]


class ScheduleAnswer(TypedDict):
    """`schedule enable`, `schedule disable`, `schedule add`."""

    schedule: ScheduleRow


class ScheduleRemoveAnswer(TypedDict):
    """`schedule remove`."""

    agent_name: str
    name: str


def schedule_row(schedule: ScheduleInfo) -> ScheduleRow:
    """A schedule in a list."""
    return row_of(ScheduleRow, schedule, self=schedule.own)
