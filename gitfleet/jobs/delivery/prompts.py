"""The whole prompt of an attempt, as it is written down beside it: the user's, and what the policy adds."""

from __future__ import annotations

import os

from gitfleet.base import files
from gitfleet.clone import Clone
from gitfleet.git.remote import Remote
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.delivery import forges, instructions
from gitfleet.jobs.delivery.forges import Forge
from gitfleet.jobs.records.job_record import JobRecord

NAME = "prompt.txt"


def of_attempt(folder: str, agent: Agent, job: JobRecord, said: str) -> str:
    """What the agent of the last attempt is told: what is `said` to it, and what the policy adds. Written down the first time in the attempt's `folder`, for its user only; the same
    ever after. Raises NoFleet, LocalStorage.
    """
    path = os.path.join(folder, NAME)
    known = files.read(path)
    if known is not None:
        return known.decode("utf-8", "surrogateescape")
    told = _told(agent, job, said)
    files.replace(path, told.encode("utf-8", "surrogateescape"), mode=0o600)
    return told


def _told(agent: Agent, job: JobRecord, said: str) -> str:
    attempt = job.attempts[-1]
    if not instructions.wanted(agent):
        return said
    with Clone.open(attempt.worktree) as clone:
        claimed = clone.policy.commits != "off"
        place = instructions.Place(attempt.branch, clone.ledger.node.trunk, forge(clone), claimed)
    return instructions.prompt(agent, said, place)


def forge(clone: Clone) -> Forge:
    """What kind of place the hub is. Costs two git processes where there is one."""
    hub = clone.ledger.node.hub
    if not hub:
        return Forge()
    git = clone.repository.git
    written = git.ask("config", "--get-all", f"remote.{hub}.url").stdout.decode("utf-8", "replace")
    meant = Remote(git, hub).addresses()
    return forges.of([*meant.push, meant.fetch, *written.splitlines()])
