"""New jobs: what an agent is to do, for whichever daemon of the state directory comes to it. Works without one, too."""

from __future__ import annotations

import os

from gitfleet.base import clock
from gitfleet.base.text import display
from gitfleet.codec import Broken
from gitfleet.errors import UNCHANGED, NoRepository
from gitfleet.git.repository import discover
from gitfleet.jobs import fleet_membership
from gitfleet.jobs.definitions import configuration
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.errors import (
    AgentNotFoundError,
    ArgumentError,
    ConfigurationError,
    ScheduleNotFoundError,
)
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus


def load(path: str) -> Configuration:
    """The agent files at `path`. Raises ConfigurationError."""
    return configuration.load(path, environ=os.environ)


def agent_of(known: Configuration, name: str) -> Agent:
    """The agent of that name. Raises AgentNotFoundError."""
    name = str(name)
    if name not in known.agents:
        names = ", ".join(known.agents) or "none"
        raise AgentNotFoundError(
            f"There is no agent '{display(name[:80])}'.", hint=f"The agents are: {names}.", agent_name=name
        )
    return known.agents[name]


def default_agent(known: Configuration) -> Agent:
    """Whose jobs `enqueue` makes: `default_agent` of the fleet file, else the only agent. Raises AgentNotFoundError."""
    named = known.fleet.default_agent
    if named is None and len(known.agents) != 1:
        raise AgentNotFoundError("There are several agents.", hint="Say `default_agent: NAME` in fleet.yaml.")
    return agent_of(known, named or next(iter(known.agents)))


def submit(
    store: JobStore,
    agent: Agent,
    *,
    schedule: str = "",
    prompt: str | None = None,
    priority: int | None = None,
    working_directory: str = "",
    forked_from: str = "",
) -> JobRecord:
    """Queue a job of this agent. Raises ScheduleNotFoundError, NoRepository, NoFleet, ConfigurationError, LocalStorage."""
    return store.create(
        new(
            agent,
            schedule=schedule,
            prompt=prompt,
            priority=priority,
            working_directory=working_directory,
            forked_from=forked_from,
        )
    )


def new(
    agent: Agent,
    *,
    schedule: str = "",
    prompt: str | None = None,
    priority: int | None = None,
    working_directory: str = "",
    planned_at: int = 0,
    forked_from: str = "",
) -> JobRecord:
    """The same job, which nobody knows of yet.

    Raises ScheduleNotFoundError, NoRepository, NoFleet, ConfigurationError, ArgumentError.
    """
    if schedule:
        check_schedule(agent, schedule)
    said = agent.schedules[schedule].prompt if schedule else None
    _look_for_repository(agent, working_directory)
    made = JobRecord(
        id=job_ids.new(),
        agent_name=agent.name,
        status=JobStatus.QUEUED,
        prompt=next((text for text in (prompt, said) if text is not None), agent.prompt),
        schedule_name=schedule,
        priority=agent.priority if priority is None else priority,
        working_directory=working_directory,
        created_at=clock.milliseconds(),
        forked_from=forked_from,
        planned_at=planned_at,
    )
    return _checked(made)


def _checked(job: JobRecord) -> JobRecord:
    """The same; raises ArgumentError where it could not be read again."""
    try:
        job.prompt.encode("utf-8", "surrogateescape")
        return JobRecord.decode(job.encode())
    except (Broken, AttributeError) as error:
        name = error.field if isinstance(error, Broken) else "prompt"
        why = error.reason if isinstance(error, Broken) else "a text was expected"
        raise ArgumentError(f"A job cannot have this `{name}`: {why}.", argument=name) from error
    except UnicodeEncodeError as error:
        raise ArgumentError(
            "A job cannot have this `prompt`: it is no valid text.", argument="prompt"
        ) from error


def _look_for_repository(agent: Agent, given: str) -> None:
    """Raise NoRepository unless the folder that was given is in one; ConfigurationError where it is the agent's own that is not; NoFleet
    for a repository that is in none.
    """
    try:
        found = discover(given or agent.repo or agent.working_directory)
    except NoRepository as error:
        if given:
            hint = "Name a folder in a clone of the repository."
            raise error.again(hint=hint, unharmed=UNCHANGED) from error
        key = "repo" if agent.repo else "working_directory"
        said = f"agent {agent.name}: {key}: {error.message}"
        raise ConfigurationError(
            f"The file of the {said}", hint=f"Correct `{key}` in that file.", validation_errors=(said,)
        ) from error
    fleet_membership.demand(found, agent.name)


def check_schedule(agent: Agent, name: str) -> None:
    """Raise ScheduleNotFoundError unless the file of the agent has a schedule of that name."""
    name = str(name)
    if name not in agent.schedules:
        words = f"The agent {agent.name} has no schedule '{display(name[:80])}'."
        hint = f"Its schedules are: {', '.join(agent.schedules) or 'none'}."
        raise ScheduleNotFoundError(words, hint=hint, agent_name=agent.name, schedule_name=name)
