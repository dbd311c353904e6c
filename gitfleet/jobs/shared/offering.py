"""New jobs for this clone or for the whole fleet, and cancelling those that other nodes run. Works with a daemon and without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gitfleet.base.text import display
from gitfleet.clone import Clone
from gitfleet.dispatch import model
from gitfleet.errors import NoFleet, NoRepository, UsageError
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.errors import InvalidStateError, JobNotFoundError
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shared import views
from gitfleet.jobs.shared.desk import SharedDesk
from gitfleet.ledger.model import View


@contextmanager
def fleet_of(path: str) -> Iterator[Clone | None]:
    """The fleet of the repository at `path`, for the body; None where there is none."""
    try:
        clone = Clone.open(path)
    except (NoFleet, NoRepository):
        yield None
        return
    with clone:
        yield clone


def seen(clone: Clone | None) -> View | None:
    """What the fleet has agreed, as last heard of here; None where there is no fleet."""
    return clone.current().view if clone else None


def submit(
    store: JobStore, known: Configuration, agent: Agent, job: JobRecord, *, anywhere: bool = False
) -> JobRecord:
    """Queue a new job of this agent: here, or for any node, if that is asked for or the agent's file says so.

    Raises LocalStorage; for any node NoFleet, PolicyRefused, HubError, and UsageError for what other nodes could not do.
    """
    if not (anywhere or agent.anywhere):
        return store.create(job)
    if agent.anywhere is False:
        raise UsageError(
            f"The file of {agent.name} says `anywhere: false`: its jobs run where they are triggered.",
            hint="Trigger it here, or change the file on every node.",
        )
    if job.working_directory:
        raise UsageError(
            "A working directory is one of this machine, and any node may run the job.",
            hint="Leave one of the two out.",
        )
    with Clone.open(agent.working_directory) as clone:
        return SharedDesk(clone.ledger, store).offer(job, known.fleet.lease // 1000)


def cancel_elsewhere(store: JobStore, path: str, job_id: str) -> JobRecord | None:
    """Have a job of the fleet cancelled that is not at work here; None where it is none of the fleet, or this clone's to cancel.

    Raises InvalidStateError for one that has ended, and the hub's errors.
    """
    if job_id in store.open_ids():
        return None
    with fleet_of(path) as clone:
        view = seen(clone)
        try:
            job = views.get(store, view, job_id)
        except JobNotFoundError:
            return None
        if clone is None or view is None or (model.opened(view, job_id) is None and store.has(job_id)):
            return None
        return views.record_of(SharedDesk(clone.ledger, store).cancel(job_id), job.prompt)


def demand_ended(path: str, job_id: str) -> None:
    """Raise InvalidStateError while any node may yet run this job, or one does, as last heard of here."""
    with fleet_of(path) as clone:
        view = seen(clone)
        job = model.opened(view, job_id) if view else None
    if job is not None:
        now = f"node {display(job.lease.node)} runs it" if job.lease else "any node may take it"
        raise InvalidStateError(
            f"{job_id} has not ended in the fleet: {now}.", hint="Wait for its end, or fork it.",
            current_state="running" if job.lease else "queued", expected_state="ended", operation="retry_job",
        )  # fmt: skip


def settle(store: JobStore, path: str, job: JobRecord) -> None:
    """Tell the fleet how a job of it ended that was ended here without a daemon. Raises the hub's errors."""
    if job.fence:
        with fleet_of(path) as clone:
            if clone is not None:
                SharedDesk(clone.ledger, store).told(job)
