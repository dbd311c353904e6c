"""What may become of a job that any node may run: offered, taken, kept, ended, stopped. Pure.

Of two nodes that take one job the first has it, since each decision is made on the state that it is pushed onto. A lease that
stood still for its time, as whoever takes the job has watched it, is over if nobody renewed it meanwhile.
"""

from __future__ import annotations

from typing import Literal

from gitfleet.base import advice
from gitfleet.base.text import counted, display, one_line
from gitfleet.codec import FLAG, WHOLE, Choice, Many, Maybe, One, Struct, field, replace
from gitfleet.dispatch import model
from gitfleet.dispatch.model import (
    AGENT,
    JOB_ID,
    MOST_TAKES,
    PRIORITY,
    PROMPT,
    SAID,
    SECONDS,
    TTL,
    WORD,
    JobEnd,
    JobLease,
    JobPrompt,
    SharedJob,
)
from gitfleet.errors import Conflict, PolicyRefused, UsageError
from gitfleet.ledger.model import Accepted, Answer, Changes, Operation, Refused, View
from gitfleet.ledger.operations import BY_NODES, Decision, operation

MOST_LEASES = 1000
"""Leases that one operation renews."""
LeaseEnd = Literal["completed", "failed", "cancelled", "interrupted", "queued"]


class OfferJob(Struct):
    """A job for any node. See `SharedJob`."""

    id: str = field(JOB_ID)
    agent: str = field(AGENT)
    prompt: str = field(PROMPT)
    made: int = field(WHOLE)
    schedule: str = field(WORD, default="", omit=True)
    priority: int = field(PRIORITY, default=0)
    ttl: int = field(SECONDS, default=TTL)


class JobTold(Answer):
    """The job as it is now."""

    job: SharedJob = field(One(SharedJob))


@operation("job.offer", body=OfferJob, answer=JobTold, actors=BY_NODES)
def offer(view: View, operation: Operation, body: OfferJob, generation: int) -> Decision[JobTold]:
    """`job.offer`: any node may run this job. One that was offered before stays as it is. Raises PolicyRefused when there are too many."""
    del generation
    known = model.find(view, body.id)
    if known is not None:
        return Accepted({}, JobTold(known), f"{body.id} was offered before")
    if len(view.names(model.OPEN)) >= model.MOST_OPEN:
        words = f"{model.MOST_OPEN} jobs of the fleet have not ended, and no more are offered."
        return Refused(PolicyRefused(words, hint="Cancel some of them, or wait until some have ended."))
    job = SharedJob(
        body.id, body.agent, operation.node, body.made, schedule=body.schedule, priority=body.priority, ttl=body.ttl
    )  # fmt: skip
    prompt = JobPrompt(body.id, body.prompt)
    changes = {**model.put(job), f"{model.PROMPTS}/{job.id}.json": prompt.as_bytes()}
    return Accepted(changes, JobTold(job), one_line(f"{job.id} for any {job.agent}"))


class LapsedLease(Struct):
    """A lease that was seen to stand still for its time, at this count."""

    fence: int = field(WHOLE)
    renewed: int = field(WHOLE)


class TakeJob(Struct):
    """A job to be run by the node of the operation, from the state directory `place`. `lapsed`: the lease of who had it, which is over."""

    job: str = field(JOB_ID)
    place: str = field(WORD)
    lapsed: LapsedLease | None = field(Maybe(One(LapsedLease)), default=None)


@operation("job.take", body=TakeJob, answer=JobTold, actors=BY_NODES, waits=False)
def take(view: View, operation: Operation, body: TakeJob, generation: int) -> Decision[JobTold]:
    """`job.take`: a node runs a job. Raises Conflict where another one does.

    One that was begun too often, and whose last node has gone, is not begun again: it comes back ended.
    """
    job = model.opened(view, body.job)
    if job is None:
        return Refused(Conflict(f"{body.job} is not offered (any more).", hint="There is nothing to do."))
    lease = job.lease
    if lease is not None and (
        body.lapsed is None or (lease.fence, lease.renewed) != (body.lapsed.fence, body.lapsed.renewed)
    ):
        words = f"{body.job} is run by node {display(lease.node)}."
        return Refused(Conflict(words, hint="There is nothing to do."))
    if job.stop:
        return _finished(view, job, JobEnd("cancelled", operation.at, "cancelled"))
    if job.takes >= MOST_TAKES:
        error = f"it was begun {job.takes} times, and whoever ran it was gone each time"
        return _finished(view, job, JobEnd("interrupted", operation.at, "interrupted", error))
    mine = JobLease(operation.node, body.place, generation, operation.at)
    taken = replace(job, lease=mine, takes=job.takes + 1)
    return Accepted(model.put(taken), JobTold(taken), one_line(f"{job.id} is run by {operation.node}"))


class HeldLease(Struct):
    """A job, and the fence by which it is had."""

    job: str = field(JOB_ID)
    fence: int = field(WHOLE)


class RenewJobs(Struct):
    """All that a node runs from one state directory."""

    leases: tuple[HeldLease, ...] = field(Many(One(HeldLease), least=1, most=MOST_LEASES))


class JobsRenewed(Answer):
    """Which jobs are still the node's, and which are not."""

    kept: tuple[str, ...] = field(Many(JOB_ID))
    lost: tuple[str, ...] = field(Many(JOB_ID))


@operation("job.renew", body=RenewJobs, answer=JobsRenewed, actors=BY_NODES, waits=False)
def renew(view: View, operation: Operation, body: RenewJobs, generation: int) -> Decision[JobsRenewed]:
    """`job.renew`: a node goes on with its jobs."""
    del generation
    changes: Changes = {}
    lost = []
    for held in body.leases:
        job = _held(view, operation, held)
        if job is None or job.lease is None:
            lost.append(held.job)
        else:
            changes |= model.put(replace(job, lease=replace(job.lease, renewed=job.lease.renewed + 1)))
    kept = tuple(one.job for one in body.leases if one.job not in lost)
    return Accepted(
        changes,
        JobsRenewed(kept, tuple(lost)),
        one_line(f"{operation.node} goes on with {counted(len(kept), 'job')}"),
    )


class EndJob(Struct):
    """How a node's part in a job ended. `queued`: it has not begun it, and somebody else may."""

    held: HeldLease = field(One(HeldLease))
    status: LeaseEnd = field(Choice[LeaseEnd]("completed", "failed", "cancelled", "interrupted", "queued"))
    outcome: str = field(WORD, default="")
    error: str = field(SAID, default="", omit=True)
    branch: str = field(model.BRANCH, default="", omit=True)
    commit: str = field(WORD, default="", omit=True)


@operation("job.end", body=EndJob, answer=JobTold, actors=BY_NODES)
def end(view: View, operation: Operation, body: EndJob, generation: int) -> Decision[JobTold]:
    """`job.end`: a job has ended; one that was interrupted is offered again. Raises Conflict where it is somebody else's by now."""
    del generation
    held = body.held
    job = _held(view, operation, held)
    if job is None:
        known = model.find(view, held.job)
        if known is not None and known.end is not None and known.end.fence == held.fence:
            return Accepted({}, JobTold(known), f"{held.job} has ended before")
        words = f"{held.job} is no longer run by this node."
        return Refused(Conflict(words, hint="What it did stays on its branch."))
    again = body.status == "queued" or (body.status == "interrupted" and job.takes < MOST_TAKES)
    if again and not job.stop:
        takes = job.takes - 1 if body.status == "queued" else job.takes
        free = replace(job, lease=None, takes=takes)
        return Accepted(model.put(free), JobTold(free), f"{job.id} is for any {job.agent} again")
    status = body.status
    if status == "queued" or (status == "interrupted" and job.stop):
        status = "cancelled"
    gone = JobEnd(
        status, operation.at, body.outcome, body.error, body.branch, body.commit, operation.node, held.fence
    )
    return _finished(view, job, gone)


class StopJob(Struct):
    """A job that somebody wants cancelled."""

    job: str = field(JOB_ID)


class JobStopped(JobTold):
    """`before`: it had ended already."""

    before: bool = field(FLAG, default=False)


@operation("job.stop", body=StopJob, answer=JobStopped, actors=BY_NODES)
def stop(view: View, operation: Operation, body: StopJob, generation: int) -> Decision[JobStopped]:
    """`job.stop`: a job is cancelled, at once where nobody runs it, else by who does. Raises UsageError where it is not known."""
    del generation
    job = model.find(view, body.job)
    if job is None:
        return Refused(UsageError(f"The fleet has no job {body.job}.", hint=f"List the jobs: {advice.JOBS}."))
    if job.end is not None or job.stop:
        return Accepted({}, JobStopped(job, job.end is not None), f"{job.id} was cancelled before")
    if job.lease is None:
        done = replace(job, stop=True, end=JobEnd("cancelled", operation.at, "cancelled"))
        changes = {**model.put(done), **model.forgotten(view, done.id)}
        return Accepted(changes, JobStopped(done), f"{job.id} is cancelled")
    asked = replace(job, stop=True)
    return Accepted(model.put(asked), JobStopped(asked), f"{job.id} is to be cancelled")


def _held(view: View, operation: Operation, held: HeldLease) -> SharedJob | None:
    """The job, if it is the operation's node's by this fence."""
    job = model.opened(view, held.job)
    lease = job.lease if job else None
    return job if lease and (lease.node, lease.fence) == (operation.node, held.fence) else None


def _finished(view: View, job: SharedJob, end: JobEnd) -> Accepted[JobTold]:
    done = replace(job, lease=None, end=end)
    changes = {**model.put(done), **model.forgotten(view, done.id)}
    return Accepted(changes, JobTold(done), one_line(f"{job.id} has ended: {end.status}"))


KINDS = (offer, take, renew, end, stop)
