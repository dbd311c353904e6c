"""What `restore` brings back, as rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from gitfleet.fleet.views.rows import row_of
from gitfleet.jobs.restoring import RestoredJob
from gitfleet.sessions.interrupted import InterruptedSession


class RestoredJobRow(TypedDict):
    """A job that was interrupted."""

    job: str
    agent_name: str
    status: str
    """What it is now."""
    worktree: str
    branch: str
    conversation: str
    """Its agent's own, which it goes on with; empty: none is known."""
    error: str
    """Why it was not queued again; empty where it was, or would be."""


class InterruptedRow(TypedDict):
    """A session that was interrupted, and that a person has to take up again."""

    session: str
    worktree: str
    agent: str
    title: str
    command: str
    client: str
    conversation: str
    at: int
    """When it was last heard of, in seconds since 1970."""
    resume: list[str]
    """What goes on with it, to be run in its worktree; empty where its agent has nothing of that kind."""


class RestoreJobsAnswer(TypedDict):
    """`restore`."""

    jobs: list[RestoredJobRow]
    sessions: list[InterruptedRow]
    windows: list[str]
    """The sessions that were opened in windows of tmux."""
    manager: int
    """The process that was started to run jobs; 0: none was."""


def answer(
    jobs: Iterable[RestoredJob], sessions: Iterable[tuple[InterruptedSession, list[str]]],
    windows: list[str], manager: int,
) -> RestoreJobsAnswer:  # fmt: skip
    """All of it, with the command that takes each session up again."""
    return {
        "jobs": [_job(one) for one in jobs],
        "sessions": [_session(*one) for one in sessions],
        "windows": windows,
        "manager": manager,
    }


def _job(one: RestoredJob) -> RestoredJobRow:
    job, last = one.job, one.job.attempts[-1]
    return {
        "job": job.id, "agent_name": job.agent_name, "status": str(job.status), "worktree": last.worktree,
        "branch": last.branch, "conversation": one.conversation, "error": one.error,
    }  # fmt: skip


def _session(one: InterruptedSession, resume: list[str]) -> InterruptedRow:
    return row_of(InterruptedRow, one, resume=resume)
