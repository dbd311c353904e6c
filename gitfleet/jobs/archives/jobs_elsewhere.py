"""Jobs that are somebody else's to deal with: where they are, and what can be done about them from here."""

from __future__ import annotations

from gitfleet.base.text import display
from gitfleet.jobs.archives import everywhere
from gitfleet.jobs.errors import InvalidStateError, JobNotFoundError
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shared.offering import fleet_of
from gitfleet.jobs.words import JobStatus

_FORK = "A copy of it can be made here: fork it."


def own(store: JobStore, near: str, job_id: str, operation: str) -> JobRecord:
    """The job, which this clone has. `near`: a folder of the clone.

    Raises InvalidStateError for one that another clone has, or any node may take, as last heard of here; else JobNotFoundError.
    """
    try:
        return store.get(job_id)
    except JobNotFoundError:
        if not job_ids.is_id(job_id) or store.has(job_id):
            raise
        with fleet_of(near) as clone:
            there = everywhere.get(store, clone, job_id)
    raise refused(there, operation)


def refused(job: JobRecord, operation: str) -> InvalidStateError:
    """Why nothing can be done here about a job that is elsewhere."""
    return InvalidStateError(
        f"{job.id} {_where(job)}", hint=_step(job, operation), current_state=str(job.status),
        expected_state="a job of this clone", operation=operation,
    )  # fmt: skip


def _where(job: JobRecord) -> str:
    if job.offered:
        return "has not begun: any node of the fleet may take it."
    last = job.attempts[-1] if job.attempts else None
    tree = f", in {display(last.worktree)}" if last and last.worktree else ""
    place = f" at node {display(job.node)}{tree}" if job.node else ""
    return f"has ended{place}: {job.status}." if job.ended else f"runs{place}."


def _step(job: JobRecord, operation: str) -> str:
    if operation == "cancel_job":
        return (
            "There is nothing to cancel."
            if job.ended
            else "Cancel it in that clone: it is that one's own job."
        )
    if operation == "retry_job" and job.ended:
        again = job.node and job.status is not JobStatus.COMPLETED
        return f"Retry it in that clone, where its worktree is. {_FORK}" if again else _FORK
    if operation == "retry_job":
        return "Wait for its end, or cancel it."
    if operation == "fork_job":
        return "Say what the copy is to do: what this one was told is known here once it has ended."
    return "It asks nothing any more." if job.ended else "Answer it in that clone, where its agent is."
