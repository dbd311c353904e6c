"""What is only seen when agent files are held against this machine: their repositories and their programs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import NamedTuple

from gitfleet.base.text import display
from gitfleet.errors import NoFleet, NoRepository
from gitfleet.git.repository import discover
from gitfleet.jobs.definitions import documents
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.findings import Flaw
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.ledger import own_node

_PROGRAMS = {"codex": "codex", "claude": "claude", "docker": "docker"}


class FoundHere(NamedTuple):
    """`flaws` keep a job from being made; `warnings` are about what may yet come."""

    flaws: list[Flaw]
    warnings: list[str]


def look(known: Configuration, environ: Mapping[str, str]) -> FoundHere:
    """What is wrong here with agents that are right by themselves."""
    found = FoundHere([], [])
    for name, agent in known.agents.items():
        key = "repo" if agent.repo else "working_directory"
        place = agent.repo or agent.working_directory
        try:
            own_node.load(discover(place).common_dir)
        except NoFleet:
            found.warnings.append(
                f"agent {name}: {display(place)} is not part of a fleet: its jobs are refused until it is"
            )
        except NoRepository:
            at = documents.place(known.trees[name], (key,))
            words = "is not in a git repository" if os.path.isdir(place) else "is no folder here"
            found.flaws.append(Flaw(at, key, f"{place} {words}"))
        program = _program(agent)
        path = agent.env.set.get("PATH", environ.get("PATH", os.defpath))
        if program and "/" not in program and shutil.which(program, path=path) is None:
            found.warnings.append(f"agent {name}: the program {display(program)} is not in PATH here")
    return found


def _program(agent: Agent) -> str:
    if agent.runtime == "docker":
        return "docker"
    return agent.command[0] if agent.command else _PROGRAMS.get(agent.runtime, "")
