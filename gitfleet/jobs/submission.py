"""New jobs: what an agent is to do, for whichever daemon of the state directory comes to it. Works without one, too."""

from __future__ import annotations

from gitfleet.base import clock
from gitfleet.base.text import display
from gitfleet.git.repository import discover
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.errors import AgentNotFoundError, ConfigurationError, ScheduleNotFoundError
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus


def agent_of(configuration: Configuration, name: str) -> Agent:
    """The agent of that name. Raises AgentNotFoundError."""
    if name not in configuration.agents:
        known = ", ".join(configuration.agents) or "none"
        raise AgentNotFoundError(
            f"There is no agent '{display(name[:80])}'.", hint=f"The agents are: {known}.", agent_name=name
        )
    return configuration.agents[name]


def default_agent(configuration: Configuration) -> Agent:
    """Whose jobs `enqueue` makes: `default_agent` of the fleet file, else the only agent. Raises AgentNotFoundError."""
    named = configuration.fleet.default_agent
    if named is None and len(configuration.agents) != 1:
        raise AgentNotFoundError("There are several agents.", hint="Say `default_agent: NAME` in fleet.yaml.")
    return agent_of(configuration, named or next(iter(configuration.agents)))


def submit(
    store: JobStore,
    agent: Agent,
    *,
    schedule: str = "",
    prompt: str | None = None,
    priority: int | None = None,
    working_directory: str = "",
) -> JobRecord:
    """Queue a job of this agent. Raises ScheduleNotFoundError, NoRepository, LocalStorage."""
    _demand_known(agent)
    if schedule and schedule not in agent.schedules:
        words = f"The agent {agent.name} has no schedule '{display(schedule[:80])}'."
        hint = f"Its schedules are: {', '.join(agent.schedules) or 'none'}."
        raise ScheduleNotFoundError(words, hint=hint, agent_name=agent.name, schedule_name=schedule)
    said = agent.schedules[schedule].prompt if schedule else None
    discover(working_directory or agent.repo or agent.working_directory)
    job = JobRecord(
        id=job_ids.new(),
        agent_name=agent.name,
        status=JobStatus.QUEUED,
        prompt=next((text for text in (prompt, said) if text is not None), agent.prompt),
        schedule_name=schedule,
        priority=agent.priority if priority is None else priority,
        working_directory=working_directory,
        created_at=clock.milliseconds(),
    )
    return store.create(job)


_WITHOUT_EFFECT = ("setup", "docker", "retry", "work_source", "budget", "pool", "queue", "self_schedule")
"""Keys of agent files that nothing heeds yet."""
_RUNTIMES = ("command", "codex", "claude")


def _demand_known(agent: Agent) -> None:
    """Raise ConfigurationError where a file asks for what would not be done: better no job than one without its limits."""
    fields = Agent.model_fields
    said = [
        key
        for key in _WITHOUT_EFFECT
        if getattr(agent, key) != fields[key].get_default(call_default_factory=True)
    ]
    said += ["commit.pull_request"] if agent.commit.pull_request else []
    said += [f"limits.{key}" for key in ("memory", "disk") if getattr(agent.limits, key) is not None]
    said += [f"runtime: {agent.runtime}"] if agent.runtime not in _RUNTIMES else []
    if said:
        raise ConfigurationError(
            f"The agent {agent.name} asks for {', '.join(said)}, which this gitfleet cannot do.",
            hint="Take that out of its file.",
            validation_errors=tuple(said),
        )
