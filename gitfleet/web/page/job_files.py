"""The files and folders in which something changes when the pages of jobs and hosts do."""

from __future__ import annotations

import os

from gitfleet.fleet.fleet import Fleet
from gitfleet.git import fleetrefs
from gitfleet.ledger import own_node

MOST = 64
"""Jobs at work whose output is watched."""


def folders(fleet: Fleet) -> list[str]:
    """Folders: that of the refs of plans. Where refs are kept otherwise, the ledger's own places tell."""
    return [os.path.join(fleet.repository.common_dir, *fleetrefs.PLANS.strip("/").split("/"))]


def written(fleet: Fleet) -> list[str]:
    """Files: what the agents of jobs at work write, and what is spent today."""
    state = own_node.jobs_folder(fleet.repository.common_dir)
    if not os.path.isdir(state):
        return []
    from gitfleet.jobs import waiting  # 15 ms, and only where there are jobs
    from gitfleet.jobs.money import spending
    from gitfleet.jobs.records.store import JobStore
    from gitfleet.jobs.shepherd import records

    store = JobStore(state)
    jobs = store.those(sorted(waiting.load(store).running)[-MOST:])
    places = [store.attempt_place(job.id, len(job.attempts)) for job in jobs if job.attempts]
    found = [os.path.join(place, name) for place in places for name in (records.STREAM, records.STATE)]
    return [*found, spending.path_of(state, spending.today())]
