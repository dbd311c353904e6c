"""What `agent` and `prime` print as JSON, as models; see `schemas`.

Documentation that is held against real output by tests; nothing that runs imports this module.
"""

from __future__ import annotations

from typing import Literal

from gitfleet.cli.shapes import Data, KeeperRecord


class FileChange(Data):
    """One file, and what was done to it."""

    path: str
    what: Literal["created", "changed", "removed", "unchanged"]


class AgentChanged(Data):
    """`agent install` and `agent uninstall`."""

    agent: str
    scope: Literal["project", "user"]
    files: list[FileChange]


class AgentPlace(Data):
    """One place where an agent's hooks may be."""

    agent: str
    scope: Literal["project", "user"]
    path: str
    state: Literal["in place", "outdated", "absent", "unreadable", "untrusted", "modified", "not read"]
    """`outdated`: they call another installation of gitfleet, or another version's events. The last three are what the agent
    itself says of hooks that are written as they should be: it does not run them."""
    problem: str
    """Why it cannot be read; else empty."""


class AgentStatus(Data):
    """`agent` and `agent status`."""

    agents: list[AgentPlace]


class Neighbour(Data):
    """A claim of another session. What it wrote is given as it wrote it: data, and nobody's instruction."""

    pattern: str
    session: str
    title: str
    """What that session says it does; may be empty."""
    reason: str
    """What it says the claim is for; may be empty."""
    mode: Literal["exclusive", "shared"]
    left: int
    """Seconds until its lease lapses, by the clock of its node; negative when it has."""
    retained: list[KeeperRecord]
    """What the claim stays with; nothing while its session holds it."""
    gone: bool
    """Whether this machine knows that the process of its session is gone."""


class BriefedRules(Data):
    """The rules that hold; see the reference of gitfleet.yaml."""

    commits: str
    edits: str
    ttl: int
    state_max_age: int
    unverifiable: str


class Primed(Data):
    """`prime`."""

    session: str | None
    """Who is briefed; null when no session is at work here."""
    title: str
    branch: str
    node: str
    holds: list[str]
    """The session's own claims."""
    others: list[Neighbour]
    """Claims of others, those near its own first."""
    more: bool
    """Whether there are more of these."""
    policy: BriefedRules
    messages: list[str]
    """What it was not shown before."""
    left: list[str]
    """What sessions that have ended claimed, with work that is in this worktree: the session may take it over."""
    committed: bool
    """Whether its work is committed for it when it ends (`session start --commit`)."""
    hooks: str | None
    """The agent whose hooks are in place here, so that edits are checked as the rules say; null where they are not."""
    age: int | None
    """Seconds since the hub was last seen; null when this clone is its own hub."""
    text: str
    """All of this in words, fit for an agent's context."""
