"""The manager that runs a clone's jobs, as rows."""

from __future__ import annotations

from typing import TypedDict

from gitfleet.jobs.daemon.presence import RunningManager
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus


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


def job_counts(store: JobStore) -> JobCountsRow:
    """What it has to do."""
    jobs = store.open_jobs()
    active = sum(job.status is JobStatus.RUNNING for job in jobs)
    return {"active": active, "queued": len(jobs) - active}


def running(store: JobStore, there: RunningManager, *, started: bool) -> DaemonAnswer:
    """It runs."""
    return {"started": started, "manager": manager_row(there), "jobs": job_counts(store)}


def stopped(there: RunningManager | None) -> DaemonStopAnswer:
    """It runs no more."""
    return {"stopped": None if there is None else manager_row(there)}
