"""All that agents were given in a clone, taken out again: for whoever leaves the fleet."""

from __future__ import annotations

from itertools import product

from gitfleet.clients.acting import CLIENTS
from gitfleet.codec import replace
from gitfleet.errors import FleetError
from gitfleet.git.repository import Repository
from gitfleet.githooks.agents import agent_hooks, registering, settings_files, skills

_PARTS = (registering.unregister, skills.uninstall, agent_hooks.uninstall)


def uninstall_everywhere(repository: Repository) -> list[str]:
    """Take every agent's server, skill and hooks out of all worktrees of the clone; says what had to stay, and why."""
    kept = []
    for uninstall, top, agent in product(_PARTS, settings_files.worktrees(repository), CLIENTS):
        try:
            uninstall(agent, "project", replace(repository, worktree=top))
        except FleetError as error:
            kept.append(error.message)
    return kept
