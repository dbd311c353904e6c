"""Agents of this clone's jobs that wait for a person, as rows."""

from __future__ import annotations

import os
from typing import TypedDict

from gitfleet.base import files


class AskingRow(TypedDict):
    """An agent that waits for a person."""

    job: str
    agent_name: str
    text: str
    """What it asks; empty: it did not say."""
    since: int
    """Milliseconds since 1970."""


def look(common_dir: str) -> list[AskingRow]:
    """Those of the jobs in git's own folder, the oldest job first."""
    folder = os.path.join(common_dir, "gitfleet", "jobs")
    if not files.names(os.path.join(folder, "open")):
        return []
    from gitfleet.jobs import asking  # 20 ms, and only where jobs have not ended
    from gitfleet.jobs.records.store import JobStore

    store = JobStore(folder)
    jobs = {job.id: job for job in store.open_jobs()}
    return [
        {"job": job_id, "agent_name": jobs[job_id].agent_name, "text": asked.text, "since": asked.since}
        for job_id, asked in asking.everything(store, jobs.values()).items()
    ]
