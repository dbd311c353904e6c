"""The worktree of an attempt after its agent, which may have taken it away, or have made something else of it."""

from __future__ import annotations

import os

from gitfleet.base import files
from gitfleet.base.text import display
from gitfleet.clone import Clone
from gitfleet.errors import FleetError, NoRepository
from gitfleet.git import refs
from gitfleet.git.repository import Repository, discover
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.worktrees import liveness


def opened(attempt: AttemptRecord) -> Clone:
    """The clone as seen from the attempt's worktree. Raises NoRepository where that is none any more, and what opening a clone does.

    Without its file `.git` git would take it for a part of the worktree around it, which is the user's.
    """
    place = attempt.worktree
    repository = discover(place) if os.path.isdir(place) else None
    if repository is None or os.path.realpath(repository.worktree or "") != os.path.realpath(place):
        words = "was deleted" if repository is None else "is none any more: its `.git` was taken away"
        raise NoRepository(
            f"the worktree {display(place)} {words}.",
            hint=f"What was committed is on {display(attempt.branch)}.",
            path=place,
        )
    return Clone.of(repository, place)


def around(job: JobRecord, agent: Agent) -> Clone:
    """The clone that the attempt's worktree was made in, as seen from where its agent was to work. Raises what opening it does."""
    return Clone.open(job.working_directory or agent.repo or agent.working_directory)


def committed(job: JobRecord, agent: Agent) -> str:
    """The commit that the attempt's branch is at, for when its worktree cannot be looked at; "" where that is not known either."""
    try:
        with around(job, agent) as clone:
            ref = f"refs/heads/{job.attempts[-1].branch}"
            return refs.resolve(clone.repository.git, ref) or ""
    except (FleetError, OSError):
        return ""


def unlock(repository: Repository) -> None:
    """Take the lock of the worktree's index away that a killed git has left, if nothing is at work there. Raises LocalStorage."""
    lock, place = os.path.join(repository.git_dir, "index.lock"), repository.worktree or ""
    if os.path.lexists(lock) and not liveness.users([place], sessions=[])[place]:
        files.remove(lock)
