"""`schedule …`: when agents run by themselves. None of it needs a daemon; one that runs hears of it at once."""

from __future__ import annotations

import os
from typing import Annotated

from gitfleet.base import clock, text
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.declaring import Argument, Option
from gitfleet.cli.jobs import AgentName, Config, OfAgent, StateDir, loaded, store_at
from gitfleet.fleet.views import schedule_rows
from gitfleet.jobs import submission
from gitfleet.jobs.durations import words
from gitfleet.jobs.schedules import crontab, information, self_schedules
from gitfleet.jobs.schedules.information import ScheduleInfo
from gitfleet.sessions.local import VARIABLE

ScheduleName = Annotated[str, Argument(metavar="SCHEDULE", help="One of its schedules.")]
After = Annotated[str, Option("--in", metavar="TIME", help="One job, after so long: 30m, 2h.")]
Every = Annotated[str, Option("--every", metavar="TIME", help="A job again and again, after so long.")]
Cron = Annotated[str, Option("--cron", metavar="FIELDS", help="A job whenever this cron expression says.")]
Zone = Annotated[str, Option("--timezone", metavar="ZONE", help="The zone of the cron expression (UTC).")]
Task = Annotated[str | None, Option("--prompt", metavar="TEXT", help="Instead of the agent's prompt.")]


def listing(agent: OfAgent = "", config: Config = "", state_dir: StateDir = "") -> Reply:
    """List the schedules of all agents: when each fires next, and what came of the last time."""
    known = loaded(config)
    if agent:
        submission.agent_of(known, agent)
    found = information.schedules(store_at(state_dir).folder, known)
    shown = [one for one in found if agent in {"", one.agent_name}]
    rows = [(one.agent_name, _name(one), _rhythm(one), _next(one), _last(one)) for one in shown]
    grid = Grid(
        ("AGENT", "SCHEDULE", "WHEN", "NEXT", "LAST"),
        rows,
        coloured="NEXT",
        colours={"off": "yellow"},
        optional=("LAST", "WHEN"),
    )
    data = {"schedules": [schedule_rows.schedule_row(one) for one in shown]}
    return Reply(data, [grid] if rows else ["no schedules"])


def enable(agent: AgentName, schedule: ScheduleName, config: Config = "", state_dir: StateDir = "") -> Reply:
    """Enable a schedule from now on, whatever its file says."""
    return _switched(agent, schedule, config, state_dir, enabled=True)


def disable(agent: AgentName, schedule: ScheduleName, config: Config = "", state_dir: StateDir = "") -> Reply:
    """Disable a schedule, until it is enabled again; its file stays as it is."""
    return _switched(agent, schedule, config, state_dir, enabled=False)


def add(
    after: After = "",
    every: Every = "",
    cron: Cron = "",
    timezone: Zone = "",
    prompt: Task = None,
    state_dir: StateDir = "",
) -> Reply:
    """Give yourself a schedule: for the agent of a job, within what `self_schedule` in its file allows."""
    wish = self_schedules.wish(after=after, every=every, cron=cron, timezone=timezone, prompt=prompt)
    added = self_schedules.add(store_at(state_dir), os.environ.get(VARIABLE, ""), wish, once=bool(after))
    made = information.of_own(added)
    return Reply(
        {"schedule": schedule_rows.schedule_row(made)},
        [
            f"{made.agent_name}: {made.name} {_rhythm(made)}, next {_next(made)}, until {_time(made, made.ends_at)}"
        ],
    )


def remove(agent: AgentName, schedule: ScheduleName, config: Config = "", state_dir: StateDir = "") -> Reply:
    """Remove a schedule that an agent gave itself. Its jobs go on."""
    if not self_schedules.remove(store_at(state_dir), agent, schedule):
        raise self_schedules.not_own(loaded(config), agent, schedule)
    return Reply({"agent_name": agent, "name": schedule}, [f"{agent}: {schedule} is removed"])


def _switched(agent: str, schedule: str, config: str, state_dir: str, *, enabled: bool) -> Reply:
    state = store_at(state_dir).folder
    found = information.switch(state, loaded(config), agent, schedule, enabled=enabled)
    data = {"schedule": schedule_rows.schedule_row(found)}
    word = "enabled" if found.enabled else "disabled"
    return Reply(
        data, [f"{agent}: {schedule} is {word}" + (f", next {_next(found)}" if found.enabled else "")]
    )


def _name(one: ScheduleInfo) -> str:
    return f"{one.name} (its own)" if one.own else one.name


def _rhythm(one: ScheduleInfo) -> str:
    if one.interval is None:
        return one.cron or ""
    return f"{'once, after' if one.once else 'every'} {words(one.interval)}"


def _next(one: ScheduleInfo) -> str:
    if one.next_trigger is None:
        return "off"
    since = "due since " if one.next_trigger < clock.milliseconds() else ""
    return since + _time(one, one.next_trigger)


def _last(one: ScheduleInfo) -> str:
    if one.last_skip > one.last_trigger:
        return text.one_line(f"skipped: {one.skip_reason}", 60)
    return one.last_job


def _time(one: ScheduleInfo, stamp: int) -> str:
    return crontab.local_time(stamp / 1000, one.timezone)
