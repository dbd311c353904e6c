"""What is made ready for an attempt before its agent runs: written down for the program that does it, in front of the agent.

The program comes behind the barrier, so it does nothing before the claims are granted; and the units of resources that
were granted are written down before the barrier opens.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence

from gitfleet.base import ids
from gitfleet.claims.model import Claim
from gitfleet.git.repository import discover
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.records.job_record import AttemptRecord
from gitfleet.jobs.setup import ignored_files
from gitfleet.jobs.setup.records import PLAN, UNITS, GrantedUnits, SetupPlan
from gitfleet.jobs.shepherd import records
from gitfleet.patterns import language, resources

_PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "setup", "run.py")


def planned(
    folder: str, agent: Agent, attempt: AttemptRecord, argv: Sequence[str], command: Sequence[str]
) -> tuple[list[str], str]:
    """The argv that makes the worktree ready and becomes `argv`, and the line that ends the first; `argv` and "" where nothing is to do.

    `command` is the setup's own, as it is run here. Raises LocalStorage.
    """
    repository = discover(attempt.worktree)
    checkout = repository.main or ""
    rules = agent.setup
    asked = rules.files or rules.template or command or named(agent)
    if not asked and not (checkout and ignored_files.listed(checkout)):
        return list(argv), ""
    plan = SetupPlan(
        argv=tuple(argv),
        marker=f"setup is done {ids.ulid()}",
        checkout=checkout,
        common_dir=repository.common_dir,
        worktree=attempt.worktree,
        git_dir=repository.git_dir,
        files=rules.files,
        template=rules.template or "",
        command=tuple(command),
        timeout=rules.timeout,
        named=rules.command,
    )
    records.save(folder, PLAN, plan)
    return [sys.executable, "-I", "-S", _PROGRAM, folder], plan.marker


def wanted(agent: Agent) -> list[str]:
    """All that an attempt of the agent claims, resources last."""
    return list(dict.fromkeys([*agent.claims, *agent.setup.resources]))


def named(agent: Agent) -> bool:
    """Whether it claims resources."""
    return any(text.startswith(resources.PREFIX) for text in wanted(agent))


def variables(agent: Agent) -> set[str]:
    """The variables that tell of the resources that it claims."""
    texts = [text for text in wanted(agent) if text.startswith(resources.PREFIX)]
    return {variable(pattern.resource) for text in texts for pattern in language.parse(text) if pattern.units}


def keep_units(folder: str, claims: Iterable[Claim]) -> None:
    """Write down which units these claims give. Twice is harmless."""
    found = {
        variable(claim.meant.resource): ",".join(map(str, claim.slots))
        for claim in claims
        if claim.meant.units
    }
    if found:
        records.save(folder, UNITS, GrantedUnits(found))


def variable(resource: str) -> str:
    """The variable that has the numbers of a resource's units."""
    return "GITFLEET_RES_" + re.sub(r"[^A-Z0-9]", "_", resource.upper())
