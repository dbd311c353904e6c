"""The work of a success: one commit on one branch, which is its attempt's own, and nobody's else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from gitfleet.base.names import BranchName, Oid, SessionId
from gitfleet.base.text import one_line
from gitfleet.clone import Clone
from gitfleet.codec import Struct
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.sessions import session_records
from gitfleet.sessions.service import Start
from gitfleet.worktrees.model import branch_of

_TITLE = 150


class Work(Struct):
    """`commit` on `branch`, made by `session` of `agent` since `base`. `title`, `body`: what the job was about; `again`: it was delivered before."""

    job: str
    agent: str
    session: SessionId
    branch: BranchName
    base: Oid
    commit: Oid
    title: str
    body: str = ""
    priority: int = 0
    again: bool = False


def of_job(job: JobRecord, agent: Agent, commit: str) -> Work:
    """What the last attempt of a job has made."""
    attempt = job.attempts[-1]
    lines = [line for line in job.prompt.splitlines() if line.strip()]
    title = next((item.title for item in job.items if item.title), "")
    return Work(
        job=job.id,
        agent=agent.name,
        session=SessionId(attempt.session),
        branch=BranchName(branch_of(agent.name, os.path.basename(attempt.worktree))),
        base=Oid(attempt.base),
        commit=Oid(commit),
        title=one_line(title or lines[0] if lines else agent.description or f"Work of {agent.name}", _TITLE),
        body=agent.description if lines else "",
        priority=job.priority,
        again=bool(job.back.entry),
    )


@contextmanager
def at_work(clone: Clone, work: Work) -> Iterator[None]:
    """Have the session of the work there meanwhile: as it is, or begun for this by our own process, where its own is gone and it has ended.

    Raises Conflict where somebody else has that name by now.
    """
    if session_records.find(clone.current().view, work.session) is not None:
        yield
        return
    title = f"{work.agent}: {work.job}"
    clone.sessions.start(Start(work.session, work.agent, title, pid=os.getpid()))
    try:
        yield
    finally:
        clone.sessions.end(work.session)
