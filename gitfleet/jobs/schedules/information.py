"""How schedules stand: values for people and programs, the same whether a daemon runs or not."""

from __future__ import annotations

from gitfleet.base import clock
from gitfleet.codec import Struct
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.schedules import known, plans, switches, times
from gitfleet.jobs.schedules.known import KnownSchedule
from gitfleet.jobs.schedules.self_schedules import AddedSchedule


class ScheduleInfo(Struct):
    """A schedule. Times are in milliseconds since 1970; 0: never. `interval` in milliseconds.

    `next_trigger` is None while it is not enabled; one in the past is made up for when a daemon runs. `last_skip` is the last
    planned time that made no job, for `skip_reason`. `self_schedules`: its agent gave it to itself, until `ends_at`, `once` for one job.
    """

    agent_name: str
    name: str
    enabled: bool
    next_trigger: int | None
    interval: int | None
    cron: str | None
    timezone: str
    prompt: str | None
    last_trigger: int = 0
    last_job: str = ""
    last_skip: int = 0
    skip_reason: str = ""
    own: bool = False
    once: bool = False
    ends_at: int = 0


def schedules(state: str, configuration: Configuration) -> list[ScheduleInfo]:
    """All of a state directory, by agent."""
    now = clock.milliseconds()
    return [_of(state, one, now) for one in known.schedules(state, configuration, now)]


def schedule(state: str, configuration: Configuration, agent_name: str, name: str) -> ScheduleInfo:
    """One of them. Raises AgentNotFoundError, ScheduleNotFoundError."""
    now = clock.milliseconds()
    return _of(state, known.find(state, configuration, agent_name, name, now), now)


def switch(
    state: str, configuration: Configuration, agent_name: str, name: str, *, enabled: bool
) -> ScheduleInfo:
    """The schedule, switched on or off; twice is harmless. Raises AgentNotFoundError, ScheduleNotFoundError, LocalStorage."""
    found = known.find(state, configuration, agent_name, name, clock.milliseconds())
    switches.turn(state, agent_name, name, enabled=enabled, now_enabled=found.enabled)
    return schedule(state, configuration, agent_name, name)


def of_own(added: AddedSchedule) -> ScheduleInfo:
    """One that an agent has just given itself."""
    agent_name, name, made = added
    rules = made.rules
    first = made.created_at / 1000
    next_trigger = round(times.next_run(rules, first) * 1000)
    return ScheduleInfo(
        agent_name, name, True, next_trigger, rules.interval, rules.cron, rules.timezone, rules.prompt,
        own=True, once=made.once, ends_at=made.ends_at,
    )  # fmt: skip


def scheduler(state: str, configuration: Configuration) -> dict[str, int | None]:
    """What is next: `next_trigger` of all, and how many `active_schedules` there are."""
    found = [one.next_trigger for one in schedules(state, configuration) if one.next_trigger is not None]
    return {"next_trigger": min(found, default=None), "active_schedules": len(found)}


def _of(state: str, one: KnownSchedule, now: int) -> ScheduleInfo:
    plan = plans.shelf(state).get(one.agent.name, one.name)
    made, rules = one.own, one.rules
    return ScheduleInfo(
        one.agent.name,
        one.name,
        one.enabled,
        _next(one, plan, now) if one.enabled else None,
        rules.interval,
        rules.cron,
        rules.timezone,
        rules.prompt,
        plan.last_trigger if plan else 0,
        plan.last_job if plan else "",
        plan.last_skip if plan else 0,
        plan.skip_reason if plan else "",
        own=made is not None,
        once=one.once,
        ends_at=made.ends_at if made else 0,
    )


def _next(one: KnownSchedule, plan: plans.SchedulePlan | None, now: int) -> int:
    if plan is None or plan.basis != one.basis:
        return one.first(now)
    then = times.due(
        one.rules, plan.planned / 1000, now / 1000, late=times.LATE, fired=plan.last_planned / 1000
    )
    return plan.planned if then.fires else round(then.next * 1000)
