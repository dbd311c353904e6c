"""`job retry`, `job fork`: jobs that are run once more. Neither needs a daemon; what is queued runs when one does."""

from __future__ import annotations

import os
from typing import Annotated

from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.cli.jobs import Config, JobId, Priority, StateDir, loaded, store_at
from gitfleet.fleet.views import job_rows
from gitfleet.jobs import reruns

ForkPrompt = Annotated[str | None, Option("--prompt", metavar="TEXT", help="Instead of its prompt.")]
ForkAgent = Annotated[
    str, Option("--agent", metavar="NAME", help="For this agent instead.", complete="agents")
]
ForkDir = Annotated[
    str, Option("--working-dir", metavar="DIR", help="In the repository of this folder instead.")
]


def retry(job: JobId, config: Config = "", state_dir: StateDir = "") -> Reply:
    """Queue a job again that failed, was cancelled or interrupted. It goes on in its worktree, and in its agent's conversation.

    One that waits for its next attempt makes it now.
    """
    again = reruns.retry(store_at(state_dir), loaded(config), job)
    return Reply(
        job_rows.job_answer(again), [f"{again.id}: {again.status}, attempt {len(again.attempts) + 1}"]
    )


def fork(
    job: JobId,
    prompt: ForkPrompt = None,
    priority: Priority = None,
    agent: ForkAgent = "",
    working_dir: ForkDir = "",
    config: Config = "",
    state_dir: StateDir = "",
) -> Reply:
    """Queue a new job with what this one was told, but for what is given here. It starts from the beginning, in a
    worktree of its own.
    """
    made = reruns.fork(
        store_at(state_dir),
        loaded(config),
        job,
        agent_name=agent or None,
        prompt=prompt,
        priority=priority,
        working_directory=os.path.abspath(working_dir) if working_dir else None,
    )
    return Reply(job_rows.job_answer(made), [f"{made.id}: {made.status}, for {made.agent_name}, from {job}"])
