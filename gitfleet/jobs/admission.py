"""Which jobs may start now: highest priority first, then first come, as far as each agent's limit and the fleet's admit. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from gitfleet.codec import Struct
from gitfleet.jobs.records.job_record import JobRecord


class Bounds(Struct):
    """What the manager was given, for what the files do not say: jobs at once, and how many ended ones are kept."""

    per_agent: int | None = None
    fleet_wide: int | None = None
    kept_per_agent: int | None = None
    kept_total: int | None = None


def admitted(
    queued: Iterable[JobRecord],
    running: Iterable[str],
    *,
    limit_of: Callable[[str], int],
    fleet_limit: int | None,
    held: Callable[[JobRecord], object] = lambda _: False,
) -> list[JobRecord]:
    """The queued jobs to start, in order. `running` has the agent of each job that runs; `limit_of` an agent 0: not now.

    One that is `held` waits for something else, and keeps no place from those behind it.
    """
    waiting, counts = list(queued), Counter(running)
    total = sum(counts.values())
    room = {agent: limit_of(agent) - counts[agent] for agent in {job.agent_name for job in waiting}}
    chosen: list[JobRecord] = []
    able = [
        job for job in waiting if room[job.agent_name] > 0
    ]  # a long queue behind few agents costs no sorting
    for job in ordered(able):
        if fleet_limit is not None and total >= fleet_limit:
            break
        if room[job.agent_name] > 0 and not held(job):
            room[job.agent_name] -= 1
            total += 1
            chosen.append(job)
    return chosen


def ordered(queued: Iterable[JobRecord]) -> list[JobRecord]:
    """The queued jobs in the order in which they start."""
    return sorted(queued, key=lambda one: (-one.priority, one.id))
