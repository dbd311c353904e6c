"""The whole prompt of an attempt, as it is written down beside it: the user's, and what the policy adds."""

from __future__ import annotations

import os

from gitfleet.base import files
from gitfleet.clone import Clone
from gitfleet.git.remote import Remote
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.delivery import coming_back, forges, instructions
from gitfleet.jobs.delivery.forges import Forge
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.trunk import position

NAME = "prompt.txt"


def of_attempt(folder: str, agent: Agent, job: JobRecord, task: str) -> str:
    """What the agent of the last attempt is told, whose task that is. Written down the first time in the attempt's `folder`, for its user
    only; the same ever after. Raises NoFleet, LocalStorage.
    """
    path = os.path.join(folder, NAME)
    known = files.read(path)
    if known is not None:
        return known.decode("utf-8", "surrogateescape")
    told = _told(agent, job, task)
    files.replace(path, told.encode("utf-8", "surrogateescape"), mode=0o600)
    return told


def _told(agent: Agent, job: JobRecord, task: str) -> str:
    attempt = job.attempts[-1]
    if not (instructions.wanted(agent) or job.back.entry):
        return task
    with Clone.open(attempt.worktree) as clone:
        node = clone.ledger.node
        if job.back.entry:
            task = coming_back.prompt(task, job.back, position.tip(clone.repository.git, node) or "")
        claimed = clone.policy.commits != "off"
        place = instructions.Place(attempt.branch, node.trunk, forge(clone), claimed)
    return instructions.prompt(agent, task, place)


def forge(clone: Clone) -> Forge:
    """What kind of place the hub is. Costs two git processes where there is one."""
    hub = clone.ledger.node.hub
    if not hub:
        return Forge()
    git = clone.repository.git
    written = git.ask("config", "--get-all", f"remote.{hub}.url").stdout.decode("utf-8", "replace")
    meant = Remote(git, hub).addresses()
    return forges.of([*meant.push, meant.fetch, *written.splitlines()])
