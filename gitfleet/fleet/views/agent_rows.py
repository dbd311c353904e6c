"""Agents as rows: their hooks in their own settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from gitfleet.fleet.views.rows import row_of
from gitfleet.githooks.agents.agent_hooks import SettingsPlace, State
from gitfleet.githooks.agents.client_versions import ClientVersion
from gitfleet.githooks.agents.server_places import ServerPlace, ServerState
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


class AgentServerRow(TypedDict):
    """One list of MCP servers where ours may be."""

    agent: str
    scope: Scope
    path: str
    state: ServerState
    """`outdated`: it starts another installation of gitfleet; `not ours`: somebody else's server of this name."""
    problem: str
    """Why it cannot be read; else empty."""


class AgentVersionRow(TypedDict):
    """The client that is found on PATH."""

    agent: str
    version: str
    """Empty where it is not there, or does not tell."""
    known: bool
    """Whether what gitfleet knows of its hooks holds for that version."""
    least: str
    """The first version for which that holds."""
    tried: str
    """The newest version that was tried."""


class AgentStatusAnswer(TypedDict):
    """`agent` and `agent status`."""

    agents: list[AgentHooksRow]
    servers: list[AgentServerRow]
    versions: list[AgentVersionRow]
    """Of those that have something of ours."""
    skills: list[AgentSkillRow]


def changed(agent: str, scope: Scope, changes: Iterable[SettingsChange]) -> AgentChangeAnswer:
    """What was done to an agent's settings."""
    files = [row_of(FileChangeRow, change) for change in changes]
    return {"agent": agent, "scope": scope, "files": files}


def status(
    looks: Iterable[SettingsPlace],
    servers: Iterable[ServerPlace],
    skills: Iterable[SkillPlace],
    versions: Iterable[ClientVersion],
) -> AgentStatusAnswer:
    """Where agents have our hooks, our server of tools and our skill, and which versions of them are here."""
    return {
        "agents": [row_of(AgentHooksRow, look) for look in looks],
        "servers": [row_of(AgentServerRow, look) for look in servers],
        "versions": [row_of(AgentVersionRow, one) for one in versions],
        "skills": [row_of(AgentSkillRow, look) for look in skills],
    }
