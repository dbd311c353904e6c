"""How a task stands whose job has ended: what an agent with `queue` has done is done when it has landed, and no sooner.

A job whose work came back may be gone on with by another one; the last of them counts.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from gitfleet.errors import FleetError
from gitfleet.jobs.attempts import plan
from gitfleet.jobs.errors import JobNotFoundError
from gitfleet.jobs.records.delivery_record import Delivery
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus
from gitfleet.ledger.model import View
from gitfleet.mergequeue import model, states
from gitfleet.mergequeue.model import QueueEntry


class TaskFate(Enum):
    """On its way to the trunk, done, or what its job says of itself."""

    UNDER_WAY = "under way"
    DONE = "done"
    FAILED = "failed"
    AS_ENDED = "as ended"


class TaskStanding(NamedTuple):
    """`entry`: the merge queue's, "" where there is none yet. `why`, where that is a failure. `job`: the last of those that did it."""

    standing: TaskFate
    job: JobRecord
    entry: str = ""
    why: str = ""


def of(store: JobStore, view: View, job: JobRecord) -> TaskStanding:
    """How it stands now, as last heard of here."""
    last = _last(store, job)
    if not last.ended:
        return TaskStanding(TaskFate.UNDER_WAY, last, last.back.entry)
    if last.status is JobStatus.COMPLETED and last.attempt is not None:
        return _of_success(store, view, last, last.attempt.delivery)
    if last is job:
        return TaskStanding(TaskFate.AS_ENDED, last)
    return TaskStanding(
        TaskFate.FAILED,
        last,
        last.back.entry,
        last.error or f"the repair of what came back was {last.status}",
    )


def _of_success(store: JobStore, view: View, last: JobRecord, delivery: Delivery) -> TaskStanding:
    entry = delivery.entry or last.back.entry
    if not (entry or _queues(store, last)):
        return TaskStanding(TaskFate.AS_ENDED, last)
    if delivery.open:
        return TaskStanding(TaskFate.UNDER_WAY, last, entry)
    if entry and _landed(known(view, entry), delivery.became):
        return TaskStanding(TaskFate.DONE, last, entry)
    if entry or delivery.refused:
        return TaskStanding(TaskFate.FAILED, last, entry, delivery.became or delivery.refused)
    return TaskStanding(TaskFate.AS_ENDED, last)  # there was nothing to land


def known(view: View, entry: str) -> QueueEntry | None:
    """The entry, as last heard of here; None for one that is not known, or cannot be read."""
    try:
        return model.find(view, entry) if entry else None
    except FleetError:
        return None


def keeps_others_off(entry: QueueEntry | None) -> bool:
    """Whether nobody else is to do a task whose work is this entry: it may yet land, or has. Pure."""
    return entry is not None and (entry.state == states.LANDED or entry.state not in states.FINISHED)


def _last(store: JobStore, job: JobRecord) -> JobRecord:
    seen = {job.id}
    while job.ended and job.attempt and (again := job.attempt.delivery.again) and again not in seen:
        seen.add(again)
        try:
            job = store.get(again)
        except JobNotFoundError:
            break
    return job


def _landed(entry: QueueEntry | None, became: str) -> bool:
    return entry.state == states.LANDED if entry else became.startswith("landed")


def _queues(store: JobStore, job: JobRecord) -> bool:
    """Whether its agent's file has its work go into the queue."""
    try:
        return plan.agent_of(store.attempt_place(job.id, len(job.attempts))).queue.enabled
    except FleetError:
        return False
