"""Agents as rows: their hooks in their own settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from gitfleet.fleet.views.rows import row_of
from gitfleet.githooks.agents.agent_hooks import SettingsPlace, State
from gitfleet.githooks.agents.settings_files import SettingsChange, What
from gitfleet.githooks.agents.skills import SkillPlace, SkillState
from gitfleet.githooks.agents.wanted import Scope


class FileChangeRow(TypedDict):
    """One file, and what was done to it."""

    path: str
    what: What


class AgentChangeAnswer(TypedDict):
    """`agent install` and `agent uninstall`."""

    agent: str
    scope: Scope
    files: list[FileChangeRow]


class AgentHooksRow(TypedDict):
    """One place where an agent's hooks may be."""

    agent: str
    scope: Scope
    path: str
    state: State
    """`outdated`: they call another installation of gitfleet, or another version's events. The last three are what the agent
    itself says of hooks that are written as they should be: it does not run them."""
    problem: str
    """Why it cannot be read; else empty."""


class AgentSkillRow(TypedDict):
    """One place where the skill may be that tells an agent when to ask gitfleet."""

    agent: str
    scope: Scope
    path: str
    state: SkillState
    """`outdated`: another version of gitfleet wrote it; `not ours`: somebody else's of this name."""
    version: str
    """Of the gitfleet that wrote it; else empty."""


class AgentStatusAnswer(TypedDict):
    """`agent` and `agent status`."""

    agents: list[AgentHooksRow]
    skills: list[AgentSkillRow]


def changed(agent: str, scope: Scope, changes: Iterable[SettingsChange]) -> AgentChangeAnswer:
    """What was done to an agent's settings."""
    files = [row_of(FileChangeRow, change) for change in changes]
    return {"agent": agent, "scope": scope, "files": files}


def hooks(looks: Iterable[SettingsPlace], skills: Iterable[SkillPlace]) -> AgentStatusAnswer:
    """Where agents have our hooks, and our skill."""
    return {
        "agents": [row_of(AgentHooksRow, look) for look in looks],
        "skills": [row_of(AgentSkillRow, look) for look in skills],
    }
