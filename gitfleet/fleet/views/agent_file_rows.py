"""Agents as their files have them, and what their jobs are at, as rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from gitfleet.fleet.views.rows import row_of
from gitfleet.jobs.definitions import shown_settings
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.standing import AgentInfo


class AgentRow(TypedDict):
    """An agent."""

    name: str
    description: str
    runtime: str
    state: str
    """`running` or `idle`."""
    running: list[str]
    """Its jobs that run."""
    queued: list[str]
    """Its jobs that wait."""
    concurrency: int
    """How many may run at once."""
    last_job: str


class AgentListAnswer(TypedDict):
    """`agent list`."""

    agents: list[AgentRow]


class AgentShowAnswer(TypedDict):
    """`agent show`."""

    agent: AgentRow
    file: str
    """Where it is written."""
    configuration: dict[str, object]
    """What its file and the defaults come to, with secrets masked."""


class AgentNewAnswer(TypedDict):
    """`agent new`."""

    name: str
    runtime: str
    file: str
    """What was written."""


class ConfigCheckAnswer(TypedDict):
    """`config check`, where nothing was found."""

    files: list[str]
    agents: list[str]


class ConfigShowAnswer(TypedDict):
    """`config show`: what the files and the defaults come to, with secrets masked."""

    agents: dict[str, dict[str, object]]
    fleet: dict[str, object]


def agent_row(agent: Agent, info: AgentInfo) -> AgentRow:
    """An agent with what it is at."""
    return row_of(AgentRow, info, runtime=str(agent.runtime))


def config_show(known: Configuration, names: Iterable[str]) -> ConfigShowAnswer:
    """What holds for these agents."""
    agents = {name: shown_settings.agent(known.agents[name]) for name in names}
    return {"agents": agents, "fleet": shown_settings.fleet(known.fleet)}
