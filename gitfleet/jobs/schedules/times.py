"""When a schedule fires next, and what is due. Pure: the caller has the clock."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gitfleet.jobs.schedules import crontab

LATE = 60.0
"""Seconds after which a planned run was missed, unless told otherwise."""
MOVED_BACK = 3 * 3600.0
"""Seconds that a clock may go back without times of the day firing again, as with Debian's cron."""


class ScheduleTimes(Protocol):
    """What of a schedule decides its times: `interval` in milliseconds, or `cron` in `timezone`; and `catch_up`."""

    @property
    def interval(self) -> int | None: ...
    @property
    def cron(self) -> str | None: ...
    @property
    def timezone(self) -> str: ...
    @property
    def catch_up(self) -> str: ...


class Due(NamedTuple):
    """Whether it fires now, and when it does next; `missed`: times before now that are over without a run."""

    fires: bool
    next: float
    missed: bool


def next_run(schedule: ScheduleTimes, after: float) -> float:
    """When it fires first after `after`; both in seconds since 1970. An interval counts from `after`."""
    if schedule.interval is not None:
        return after + schedule.interval / 1000
    return crontab.following(schedule.cron or "", after, crontab.zone(schedule.timezone))


def due(schedule: ScheduleTimes, planned: float, now: float, *, late: float, fired: float = 0) -> Due:
    """What is to be done at `now` about the run that was planned; `fired` is the plan before it that was kept.

    One that is more than `late` seconds over was missed: it is run once with `catch_up: one`, and not with `none`. Where the
    clock was moved back, so that the plan is further away than the schedule ever waits, there is a new plan; but a time of the
    day that fired already does not fire again, where the clock went back by a few hours.
    """
    following = next_run(schedule, now)
    if planned > now:
        if schedule.cron is not None and crontab.fixed(schedule.cron) and now < fired <= now + MOVED_BACK:
            following = next_run(schedule, fired)
        return Due(False, min(planned, following), False)
    if now - planned <= late:
        if schedule.interval is not None:  # from plan to plan, so that it does not drift
            step = schedule.interval / 1000
            following = planned + step * (1 + (now - planned) // step)
        return Due(True, following, False)
    return Due(schedule.catch_up == "one", following, True)
