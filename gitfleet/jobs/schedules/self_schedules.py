"""Schedules that agents gave themselves, as far as their files let them: `self_schedule` bounds their number, rhythm and end."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import ValidationError

from gitfleet.base import clock, ids
from gitfleet.base.text import counted, display
from gitfleet.codec import FLAG, TEXT, Maybe, Struct, Text, field
from gitfleet.errors import FleetError, PolicyRefused, UsageError
from gitfleet.jobs import submission
from gitfleet.jobs.attempts import plan
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Schedule, SelfScheduleRules
from gitfleet.jobs.durations import words
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.schedules import crontab, plans, switches
from gitfleet.jobs.schedules.schedule_files import MOMENT, OWN, ScheduleShelf
from gitfleet.jobs.words import JobStatus

MOST = 1 << 16
"""Characters that its prompt may have."""
_LONG: Text[str] = Text(MOST)
_PATIENCE = 30.0


class OwnSchedule(Struct):
    """One of these: `interval` (ms) or `cron`; with `once`, a single job after the interval. `job_id`: whose agent made it.

    Times are in milliseconds since 1970; from `ends_at` on it is no more.
    """

    created_at: int = field(MOMENT)
    ends_at: int = field(MOMENT)
    interval: int | None = field(Maybe(MOMENT), default=None)
    cron: str | None = field(Maybe(TEXT), default=None)
    timezone: str = field(TEXT, default="UTC")
    prompt: str | None = field(Maybe(_LONG), default=None)
    once: bool = field(FLAG, default=False)
    job_id: str = field(TEXT, default="")

    @property
    def rules(self) -> Schedule:
        """The same as an agent file has it. A single job is made up for when it was missed. Raises ValueError."""
        catch_up = "one" if self.once else "none"
        facts = {
            "interval": self.interval,
            "cron": self.cron,
            "timezone": self.timezone,
            "prompt": self.prompt,
        }
        return Schedule.model_validate({**facts, "catch_up": catch_up})


class AddedSchedule(NamedTuple):
    """A new one, and whose it is."""

    agent_name: str
    name: str
    schedule: OwnSchedule


def shelf(state: str) -> ScheduleShelf[OwnSchedule]:
    """Those of a state directory."""
    return ScheduleShelf(OwnSchedule, state, OWN)


def wish(
    *, after: str = "", every: str = "", cron: str = "", timezone: str = "", prompt: str | None = None
) -> Schedule:
    """A schedule as it is asked for: one of `after`, `every` (lengths of time) and `cron`. Raises UsageError."""
    if sum(map(bool, (after, every, cron))) != 1:
        raise UsageError(
            "When is it to run?", hint="Say after how long, or how often, or give a cron expression."
        )
    if prompt is not None and len(prompt) > MOST:
        raise UsageError(f"A prompt of {len(prompt)} characters is too long: {MOST} may be.")
    facts = {"interval": after or every or None, "cron": cron or None, "timezone": timezone or "UTC"}
    try:
        found = Schedule.model_validate({**facts, "prompt": prompt})
    except ValidationError as error:
        raise UsageError(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from error
    if timezone and not cron:
        raise UsageError("A zone is for a cron expression.", hint="Leave the zone out.")
    return found


def add(store: JobStore, session: str, wish: Schedule, *, once: bool = False) -> AddedSchedule:
    """Give the agent of the attempt that works as `session` another schedule. Of any number at once, only as many as it may have.

    It ends as the agent's file says; one given by a job that such a schedule made ends with that at the latest, so that
    a chain of them ends. Raises UsageError where no attempt does, PolicyRefused where its agent file does not allow this one, LocalStorage.
    """
    job, agent_name, allowed = _allowed(store, session)
    now = clock.milliseconds()
    ends_at = min(now + allowed.end, job.own_until or now + allowed.end)
    _check(wish, allowed.least_interval, now, ends_at, once=once)
    made = OwnSchedule(now, ends_at, wish.interval, wish.cron, wish.timezone, wish.prompt, once, job.id)
    with store.lock.held(_PATIENCE):
        kept = shelf(store.folder)
        there = [name for agent, name in kept.names() if agent == agent_name]
        count = sum(not over(kept.get(agent_name, name), now) for name in there)
        if count >= allowed.count:
            raise PolicyRefused(
                f"The agent {agent_name} has {counted(count, 'schedule')} of its own, and may have no more.",
                hint="Remove one of them, or wait until one ends.",
            )
        name = ids.named("self")
        kept.put(agent_name, name, made)
    return AddedSchedule(agent_name, name, made)


def over(schedule: OwnSchedule | None, now: int) -> bool:
    """Whether it has ended at `now` (ms). One that cannot be read has not."""
    return schedule is not None and schedule.ends_at <= now


def not_own(known: Configuration, agent: str, name: str) -> FleetError:
    """Why one that no agent gave itself is not removed. Raises AgentNotFoundError, ScheduleNotFoundError."""
    submission.check_schedule(submission.agent_of(known, agent), name)
    return UsageError(
        f"The schedule {name} stands in the file of {agent}.", hint="Take it out of the file, or disable it."
    )


def remove(store: JobStore, agent: str, name: str) -> bool:
    """Take one away because somebody asks for it; whether there was one. A job of it that is there already goes on."""
    if not (ids.is_name(agent) and ids.is_name(name) and shelf(store.folder).there(agent, name)):
        return False
    forget(store, agent, name)
    return True


def forget(store: JobStore, agent: str, name: str) -> None:
    """Let go of one that is over, with its plan and its switch."""
    for kept in (shelf(store.folder), plans.shelf(store.folder), switches.shelf(store.folder)):
        kept.drop(agent, name)


def _allowed(store: JobStore, session: str) -> tuple[JobRecord, str, SelfScheduleRules]:
    """The job that the session works on, its agent, and how far that may schedule itself."""
    for job in store.open_jobs():
        if session and job.status is JobStatus.RUNNING and job.attempts[-1].session == session:
            agent = plan.agent_of(store.attempt_folder(job.id, len(job.attempts)))
            if agent.self_schedule is None:
                raise PolicyRefused(
                    f"The agent {agent.name} may not schedule itself.",
                    hint="A person can allow it: `self_schedule` in its agent file.",
                )
            return job, agent.name, agent.self_schedule
    who = (
        f"The session '{display(session[:80])}' works on no job here."
        if session
        else "This is no agent of a job."
    )
    raise UsageError(who, hint="People write schedules into the agent file.")


def _check(wish: Schedule, least: int, now: int, ends_at: int, *, once: bool) -> None:
    """Raise PolicyRefused where it would run too often, or not before its end; times in milliseconds."""
    gap, first = wish.interval, now + (wish.interval or 0)
    if wish.cron is not None:
        zone = crontab.zone(wish.timezone)
        close = crontab.closer_than(wish.cron, least / 1000, now / 1000, zone)
        gap = None if close is None else int(close * 1000)
        first = int(crontab.following(wish.cron, now / 1000, zone) * 1000)
    if gap is not None and gap < least:
        far = "after" if once else "every"
        raise PolicyRefused(f"It would run {far} {words(gap)}; the least that is allowed is {words(least)}.")
    if first >= ends_at:
        raise PolicyRefused(
            f"It would not run before its end: {clock.iso(ends_at // 1000)}.",
            hint="What an agent gives itself ends by `self_schedule` of its file; what comes of that ends with it.",
        )
