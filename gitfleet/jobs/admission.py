"""Which jobs may start now: highest priority first, then first come, as far as each agent's limit and the fleet's admit. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from gitfleet.jobs.records.job_record import JobRecord


def admitted(
    queued: Iterable[JobRecord],
    running: Iterable[str],
    *,
    limit_of: Callable[[str], int],
    fleet_limit: int | None,
) -> list[JobRecord]:
    """The queued jobs to start, in order. `running` has the agent of each job that runs; `limit_of` an agent 0: not now."""
    counts = Counter(running)
    total = sum(counts.values())
    chosen = []
    for job in sorted(queued, key=lambda one: (-one.priority, one.id)):
        if fleet_limit is not None and total >= fleet_limit:
            break
        if counts[job.agent_name] < limit_of(job.agent_name):
            counts[job.agent_name] += 1
            total += 1
            chosen.append(job)
    return chosen
