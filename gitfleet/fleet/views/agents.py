"""Agents as rows: their hooks in their own settings."""

from __future__ import annotations

from typing import Literal, TypedDict

HookScope = Literal["project", "user"]


class FileChangeRow(TypedDict):
    """One file, and what was done to it."""

    path: str
    what: Literal["created", "changed", "removed", "unchanged"]


class AgentChangeAnswer(TypedDict):
    """`agent install` and `agent uninstall`."""

    agent: str
    scope: HookScope
    files: list[FileChangeRow]


class AgentHooksRow(TypedDict):
    """One place where an agent's hooks may be."""

    agent: str
    scope: HookScope
    path: str
    state: Literal["in place", "outdated", "absent", "unreadable", "untrusted", "modified", "not read"]
    """`outdated`: they call another installation of gitfleet, or another version's events. The last three are what the agent
    itself says of hooks that are written as they should be: it does not run them."""
    problem: str
    """Why it cannot be read; else empty."""


class AgentStatusAnswer(TypedDict):
    """`agent` and `agent status`."""

    agents: list[AgentHooksRow]
