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


def opened(job: JobRecord, agent: Agent) -> Clone:
    """The clone as seen from the worktree of the job's last attempt. Raises NoRepository where that is none of its clone any more, and what
    opening a clone does.

    Without its file `.git` git would take it for a part of the worktree around it, which is the user's.
    """
    attempt = job.attempts[-1]
    place = attempt.worktree
    hint = f"What was committed is on {display(attempt.branch)}."
    if not os.path.isdir(place):
        raise NoRepository(f"the worktree {display(place)} was deleted.", hint=hint, path=place)
    found, home = discover(place), discover(_around(job, agent))
    same = os.path.realpath(found.worktree or "") == os.path.realpath(place)
    ours = os.path.realpath(found.common_dir) == os.path.realpath(home.common_dir)
    if not (same and ours and found.git_dir != found.common_dir):
        words = (
            f"{display(place)} is no worktree of its clone any more: its `.git` was taken away or changed."
        )
        raise NoRepository(words, hint=hint, path=place)
    return Clone.of(found, place)


def _around(job: JobRecord, agent: Agent) -> str:
    return job.working_directory or agent.repo or agent.working_directory


def around(job: JobRecord, agent: Agent) -> Clone:
    """The clone that the attempt's worktree was made in, as seen from where its agent was to work. Raises what opening it does."""
    return Clone.open(_around(job, agent))


def committed(job: JobRecord, agent: Agent) -> str:
    """The commit that the attempt's branch is at, for when its worktree cannot be looked at; "" where that is not known either."""
    try:
        with around(job, agent) as clone:
            ref = f"refs/heads/{job.attempts[-1].branch}"
            return refs.resolve(clone.repository.git, ref) or ""
    except (FleetError, OSError):
        return ""


def unlock(repository: Repository, attempt: AttemptRecord) -> None:
    """Take the locks away that a killed git has left of the worktree and of its branch, if nothing is at work there. Raises LocalStorage."""
    locks = [os.path.join(repository.git_dir, name) for name in ("index.lock", "HEAD.lock")]
    locks.append(os.path.join(repository.common_dir, "refs", "heads", f"{attempt.branch}.lock"))
    left, place = [path for path in locks if os.path.lexists(path)], repository.worktree or ""
    if left and not liveness.users([place], sessions=[])[place]:
        for path in left:
            files.remove(path)
