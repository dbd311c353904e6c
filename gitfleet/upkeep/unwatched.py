"""Attempts of jobs in upkeep: what runs on although whoever ran the jobs, and the process that watched over it, were killed."""

from __future__ import annotations

import os

from gitfleet.base import files
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.ledger import own_node


def end(clone: Clone) -> list[str]:
    """End what is left of such attempts, as whoever runs the jobs next would; what came of each, a line.

    Their work stays on their branches. Costs a look at one folder where no job is open, and a few small files for each that is. Where
    somebody runs the jobs, nothing is done.
    """
    folder = own_node.jobs_folder(clone.repository.common_dir)
    if not files.names(os.path.join(folder, "open")):
        return []
    from gitfleet.jobs import job_now  # of no use to who has no jobs
    from gitfleet.jobs.daemon import presence
    from gitfleet.jobs.records.store import JobStore

    store, said = JobStore(folder), []
    if presence.present(folder) is not None:
        return []
    open_jobs = store.open_jobs()
    now = job_now.of(store, open_jobs)
    for job in open_jobs:
        if now[job.id].phase == job_now.UNWATCHED:
            from gitfleet.jobs.attempts import conclusion  # agent files need pydantic: 90 ms

            try:
                ended = conclusion.conclude(store, job.id, os.environ)
            except FleetError as error:  # another one does it just now, or it cannot be done now
                said.append(f"job {job.id}: what runs of it unwatched could not be ended: {error.message}")
                continue
            said.append(f"job {job.id}: what ran of it unwatched was ended; it is {ended.status}")
    return said
