"""Jobs that are run once more: the same one, tried again, or a copy of it. Works without a daemon, too."""

from __future__ import annotations

from gitfleet.codec import replace
from gitfleet.jobs import submission
from gitfleet.jobs.archives import everywhere, jobs_elsewhere
from gitfleet.jobs.attempts import successors
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.errors import InvalidStateError
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shared import offering
from gitfleet.jobs.shared.offering import fleet_of
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.words import JobStatus

_ENDED_BADLY = (JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.INTERRUPTED)


def retry(store: JobStore, known: Configuration, job_id: str, *, near: str = ".") -> JobRecord:
    """The job, queued again: one that has not ended well goes on where it stopped, one that waits to be tried again does so now.

    Raises JobNotFoundError, AgentNotFoundError where its agent is gone, InvalidStateError for one that runs, or has ended well. One that
    any node might run is this clone's own from then on; while the fleet still has it, it is refused, and so is one of another clone
    (`near`: a folder of this one).
    """
    job = jobs_elsewhere.own(store, near, job_id, "retry_job")
    agent = submission.agent_of(known, job.agent_name)
    if job.ended:
        _clear(store, job)
        if job.fence:
            offering.demand_ended(agent.working_directory, job_id)
        return store.reopen(job_id, _again)
    job = store.update(job_id, _now)
    store.ring()
    return job


def fork(  # noqa: PLR0913 - what is changed, each by its name
    store: JobStore,
    known: Configuration,
    job_id: str,
    *,
    agent_name: str | None = None,
    prompt: str | None = None,
    priority: int | None = None,
    working_directory: str | None = None,
    near: str = ".",
) -> JobRecord:
    """A new job with what this one was told, but for what is given here; it begins anew, in a worktree of its own.

    One of another clone is copied as that tells of it, for the working directory of its agent here; `near`: a folder of this clone.
    Raises JobNotFoundError, AgentNotFoundError, NoRepository, and InvalidStateError where it is not known what it was told.
    """
    job = _original(store, near, job_id, told=prompt is not None)
    agent = submission.agent_of(known, agent_name or job.agent_name)
    same = agent.name == job.agent_name and job.schedule_name in agent.schedules
    return submission.submit(
        store,
        agent,
        schedule=job.schedule_name if same else "",
        prompt=job.prompt if prompt is None else prompt,
        priority=job.priority if priority is None else priority,
        working_directory=job.working_directory if working_directory is None else working_directory,
        forked_from=job.id,
    )


def _original(store: JobStore, near: str, job_id: str, *, told: bool) -> JobRecord:
    if store.has(job_ids.check(job_id)):
        return store.get(job_id)
    with fleet_of(near) as clone:
        job = everywhere.get(store, clone, job_id)
    if not (told or job.ended or job.prompt):
        raise jobs_elsewhere.refused(job, "fork_job")
    return replace(job, working_directory="")


def _again(job: JobRecord) -> JobRecord:
    if job.status not in _ENDED_BADLY:
        raise _refused(job, "has not ended" if not job.ended else "has ended well")
    return replace(successors.again(job), fence=0)


def _clear(store: JobStore, job: JobRecord) -> None:
    """Raise InvalidStateError where containers of its last attempt may be at work in its worktree, and cannot be removed now, either."""
    number = len(job.attempts)
    if number and (boxes := control.clear_containers(store.attempt_folder(job.id, number))):
        raise InvalidStateError(
            f"Containers of the last attempt of {job.id} cannot be removed: {', '.join(boxes)}.",
            hint="Remove them, and retry it then.",
            current_state=str(job.status), expected_state="free", operation="retry_job",
        )  # fmt: skip


def _now(job: JobRecord) -> JobRecord:
    if job.status is not JobStatus.QUEUED or not job.not_before:
        raise _refused(job, "has not ended")
    return replace(job, not_before=0)


def _refused(job: JobRecord, why: str) -> InvalidStateError:
    return InvalidStateError(
        f"{job.id} {why}: it is {job.status}.",
        hint="A copy of it can be made instead: fork it." if job.ended else "Wait for its end, or cancel it.",
        current_state=str(job.status), expected_state="failed, cancelled or interrupted", operation="retry_job",
    )  # fmt: skip
