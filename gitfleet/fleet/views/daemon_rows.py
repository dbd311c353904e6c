"""The manager that runs a clone's jobs, as rows."""

import os
from typing import TYPE_CHECKING, TypedDict

from gitfleet.jobs.daemon import presence
from gitfleet.jobs.daemon.presence import RunningManager
from gitfleet.ledger import own_node

if TYPE_CHECKING:
    from gitfleet.jobs.records.store import JobStore


class ManagerRow(TypedDict):
    """The manager that runs the jobs here."""

    pid: int
    """Its process; 0 where it is not known."""
    since: int
    """Milliseconds since 1970."""
    config_path: str
    """Its agent files."""


class JobCountsRow(TypedDict):
    """Jobs that have not ended."""

    active: int
    queued: int


class JobsGist(TypedDict):
    """The jobs of a clone in short."""

    manager: ManagerRow | None
    """What runs them; null where nothing does."""
    active: int
    queued: int


class DaemonAnswer(TypedDict):
    """`start` and `restart`."""

    started: bool
    """Whether this command started it; else it ran already."""
    manager: ManagerRow
    jobs: JobCountsRow


class DaemonStopAnswer(TypedDict):
    """`stop`."""

    stopped: ManagerRow | None
    """What ran until now; null where nothing did."""


class ReloadAnswer(TypedDict):
    """`reload`."""

    changes: list[str]
    """Each difference, such as `agent:NAME added`."""


def manager_row(there: RunningManager) -> ManagerRow:
    """Who it is."""
    return {"pid": there.pid, "since": there.since, "config_path": there.config_path}


def job_counts(store: "JobStore") -> JobCountsRow:
    """What it has to do."""
    jobs = store.open_jobs()
    active = sum(job.status == "running" for job in jobs)
    return {"active": active, "queued": len(jobs) - active}


def gist(common_dir: str) -> JobsGist | None:
    """The jobs of the clone with this common directory; None where there never were any."""
    state = own_node.jobs_folder(common_dir)
    if not os.path.isdir(state):
        return None
    from gitfleet.jobs.records.store import JobStore  # 10 ms, of use only where there are jobs

    there = presence.present(state)
    return {"manager": None if there is None else manager_row(there), **job_counts(JobStore(state))}


def running(store: "JobStore", there: RunningManager, *, started: bool) -> DaemonAnswer:
    """It runs."""
    return {"started": started, "manager": manager_row(there), "jobs": job_counts(store)}


def stopped(there: RunningManager | None) -> DaemonStopAnswer:
    """It runs no more."""
    return {"stopped": None if there is None else manager_row(there)}
