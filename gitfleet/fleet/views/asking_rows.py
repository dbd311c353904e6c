"""Agents of this clone's jobs that wait for a person, as rows."""

import os
from typing import TypedDict

from gitfleet.ledger import own_node


class AskingRow(TypedDict):
    """An agent that waits for a person."""

    job: str
    agent_name: str
    text: str
    """What it asks; empty: it did not say."""
    since: int
    """Milliseconds since 1970."""


def look(common_dir: str) -> list[AskingRow]:
    """Those of the jobs in git's own folder that a daemon runs, or ran when it was killed; the oldest job first."""
    folder = own_node.jobs_folder(common_dir)
    if not os.path.isdir(folder):
        return []
    from gitfleet.jobs import asking, waiting  # 15 ms, and only where there are jobs
    from gitfleet.jobs.records.store import JobStore

    store = JobStore(folder)
    jobs = store.those(sorted(waiting.load(store).running))
    names = {job.id: job.agent_name for job in jobs}
    return [
        {"job": job_id, "agent_name": names[job_id], "text": asked.text, "since": asked.since}
        for job_id, asked in asking.everything(store, jobs).items()
    ]
