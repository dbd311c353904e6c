"""Clones of a fleet, and agents that work in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agenthooks.agentbench import Agent, Starter, launch
from tests.gatebench import Gated
from tests.workbench import Overlay


@pytest.fixture
def start() -> Iterator[Starter]:
    """`start("claude", "one", folder)`: a running agent."""
    agents: list[Agent] = []

    def one(name: str, own: str, cwd: Path, env: Overlay | None = None) -> Agent:
        agents.append(launch(name, own, cwd, env or {}))
        return agents[-1]

    yield one
    for agent in agents:
        agent.quit()


@pytest.fixture
def claude(start: Starter, alone: Gated) -> Agent:
    """Claude Code in a clone that is its own hub, as the session `alone-1`."""
    agent: Agent = start("claude", "c-1", alone.path)
    return agent.named(alone.session)
