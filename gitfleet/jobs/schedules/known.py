"""The schedules that there are: those of the agent files, and those that agents gave themselves, each with its switch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from gitfleet.base.text import display
from gitfleet.codec import Struct
from gitfleet.jobs import submission
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent, Schedule
from gitfleet.jobs.errors import ScheduleNotFoundError
from gitfleet.jobs.schedules import self_schedules, switches, times
from gitfleet.jobs.schedules.self_schedules import OwnSchedule


class KnownSchedule(Struct):
    """One of them. A plan that was made by another `basis` holds no more. `self_schedules`: its agent gave it to itself."""

    agent: Agent
    name: str
    rules: Schedule
    enabled: bool
    basis: str
    own: OwnSchedule | None = None

    @property
    def once(self) -> bool:
        """Whether it makes one job only."""
        return self.own is not None and self.own.once

    def first(self, now: int) -> int:
        """When it fires first, for who hears of it at `now`; both in milliseconds. Raises ValueError: never."""
        if self.own is not None and self.own.once:
            return self.own.created_at + (self.own.interval or 0)
        return round(times.next_run(self.rules, now / 1000) * 1000)


def schedules(state: str, configuration: Configuration, now: int) -> list[KnownSchedule]:
    """All of a state directory at `now` (ms), by agent; the files' come first, and win where one of an agent's own has the same name."""
    found = {}
    for agent in configuration.agents.values():
        for name, rules in agent.schedules.items():
            found[agent.name, name] = _known(state, agent, name, rules)
    for known in _own(state, configuration, now):
        found.setdefault((known.agent.name, known.name), known)
    order = {name: place for place, name in enumerate(configuration.agents)}
    return sorted(found.values(), key=lambda one: order[one.agent.name])


def find(state: str, configuration: Configuration, agent_name: str, name: str, now: int) -> KnownSchedule:
    """One of them. Raises AgentNotFoundError, ScheduleNotFoundError."""
    agent = submission.agent_of(configuration, agent_name)
    there = [one for one in schedules(state, configuration, now) if one.agent.name == agent_name]
    for one in there:
        if one.name == name:
            return one
    raise ScheduleNotFoundError(
        f"The agent {agent.name} has no schedule '{display(name[:80])}'.",
        hint=f"Its schedules are: {', '.join(one.name for one in there) or 'none'}.",
        agent_name=agent_name,
        schedule_name=name[:200],
    )


def _own(state: str, configuration: Configuration, now: int) -> Iterator[KnownSchedule]:
    kept = self_schedules.shelf(state)
    for agent_name, name in kept.names():
        agent, found = configuration.agents.get(agent_name), kept.get(agent_name, name)
        if agent is None or found is None or self_schedules.over(found, now):
            continue
        with suppress(ValueError):  # its zone may be gone
            yield _known(state, agent, name, found.rules, found)


def _known(
    state: str, agent: Agent, name: str, rules: Schedule, made: OwnSchedule | None = None
) -> KnownSchedule:
    switch = switches.switch_of(state, agent.name, name)
    enabled = rules.enabled if switch is None else switch.enabled
    basis = f"{rules.interval} {rules.cron} {rules.timezone} {switch.at if switch else 0}"
    if made is not None:
        enabled, basis = enabled and agent.self_schedule is not None, f"{basis} {made.created_at}"
    return KnownSchedule(agent, name, rules, enabled, basis, made)
