"""What one state directory has to do with the jobs of its fleet: it offers some, takes some, keeps them, and tells how they ended.

Each step can be done again. What the ledger says holds: a job is ours while its lease there is, and our records follow.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from gitfleet.base import advice, clock
from gitfleet.base.digests import sha256
from gitfleet.codec import replace
from gitfleet.dispatch import model, rules
from gitfleet.dispatch.model import SharedJob
from gitfleet.dispatch.rules import EndJob, HeldLease, JobsRenewed, JobTold, LapsedLease, OfferJob, TakeJob
from gitfleet.errors import Conflict, FleetError, UsageError
from gitfleet.jobs.attempts import cancelling
from gitfleet.jobs.errors import InvalidStateError, JobNotFoundError
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shared import views
from gitfleet.jobs.shepherd import control, lease, records
from gitfleet.jobs.words import AttemptOutcome, EndCause, JobStatus
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import Status

_NEVER_RAN = ("", EndCause.CANCELLED, EndCause.START_FAILED, EndCause.LOST)
_ELSEWHERE = "another node runs it, since the fleet heard nothing of this one for too long"


class SharedDesk:
    """See the module. Threads take turns; processes need not."""

    def __init__(self, ledger: Ledger, store: JobStore) -> None:
        self.ledger, self.store = ledger, store
        self.place = sha256(os.fsencode(os.path.realpath(store.folder))).hexdigest()[:16]
        self.turn = threading.RLock()

    def offer(self, job: JobRecord, ttl: int = model.TTL) -> JobRecord:
        """Let any node run this job, which is in no store. Raises UsageError for a prompt that is too long, PolicyRefused, HubError."""
        if len(job.prompt) > model.LONGEST_PROMPT:
            raise UsageError(
                f"The prompt has {len(job.prompt)} characters; a prompt that any node may run has at most {model.LONGEST_PROMPT}.",
                hint="Put the long part into a file of the repository, and name that in the prompt.",
            )
        body = OfferJob(
            job.id, job.agent_name, job.prompt, job.created_at, job.schedule_name, job.priority, ttl
        )
        told = self.ledger.request(rules.offer, self.ledger.itself, body)
        return views.record_of(told.job, job.prompt)

    def is_ours(self, job: SharedJob) -> bool:
        """Whether we run it."""
        return job.lease is not None and job.lease.is_of(self.ledger.node.id, self.place)

    def take(self, wanted: Mapping[str, LapsedLease | None]) -> list[JobRecord]:
        """Have these jobs, each with the lease that is over, by one push; those that we have now. Raises HubError, LockHeld."""
        with self.turn:
            began = clock.elapsed()
            asked = [
                self.ledger.operation(rules.take, self.ledger.itself, TakeJob(job_id, self.place, lapsed))
                for job_id, lapsed in wanted.items()
                if self._is_new(job_id)
            ]
            results = self.ledger.submit(asked) if asked else []
            jobs = [one.answered(JobTold).job for one in results if one.ok and one.status is Status.CONFIRMED]
            for one in results:
                if one.error is not None and not isinstance(one.error, Conflict):
                    raise one.error
            return [self.take_in(job, began) for job in jobs if self.is_ours(job)]

    def take_in(self, job: SharedJob, began: float | None = None) -> JobRecord:
        """Have a record of a job that is ours. `began`: when that was asked for; where it is not known, it is renewed before it runs."""
        prompt = model.prompt(self.ledger.current().view, job.id)
        (found,) = views.queued([job])
        fence = job.lease.fence if job.lease else 0
        kept = self.store.take_in(replace(found, prompt=prompt, fence=fence))
        if began is not None and kept.fence:
            self._note(kept, began, job.ttl)
        return kept

    def renew(self, jobs: Iterable[SharedJob]) -> None:
        """Put off the end of these leases of ours, by one push. What we have lost is stopped. Raises HubError, LockHeld."""
        with self.turn:
            held = {job.id: job for job in jobs if job.lease}
            if not held:
                return
            began = clock.elapsed()
            asked = tuple(HeldLease(job.id, job.lease.fence) for job in held.values() if job.lease)
            body = rules.RenewJobs(asked[: rules.MOST_LEASES])
            told: JobsRenewed = self.ledger.request(rules.renew, self.ledger.itself, body)
            for one in asked:
                if one.job in told.kept:
                    with suppress(JobNotFoundError):
                        self._note(self.store.get(one.job), began, held[one.job].ttl)
                elif one.job in told.lost:
                    self.let_go(one.job, one.fence)

    def settle(self, jobs: Sequence[SharedJob]) -> list[JobRecord]:
        """Make our records and the ledger agree on jobs whose lease is ours; our records. Of those that have ended, the fleet is told."""
        with self.turn:
            over, here = [], []
            for job in jobs:
                fence = job.lease.fence if job.lease else 0
                record = self._record(job.id)
                if record is None or (record.fence and record.fence != fence):
                    record = self.take_in(job)
                if not record.fence:  # the id is that of a job of our own
                    over.append(EndJob(HeldLease(job.id, fence), "queued"))
                    continue
                here.append(record)
                if record.ended:
                    over.append(_end(record))
                elif job.stop and not record.cancelled:
                    with suppress(InvalidStateError):
                        cancelling.ask(self.store, job.id)
            if over:
                self._tell_ends(over)
            return here

    def told(self, job: JobRecord) -> None:
        """Tell the fleet how a job ended. Harmless where it is somebody else's by now."""
        if job.fence and job.ended:
            with self.turn:
                self._tell_ends([_end(job)])

    def let_go(self, job_id: str, fence: int) -> None:
        """Stop what runs of a job that was ours by this fence, and is no more."""
        record = self._record(job_id)
        if record is None or record.ended or record.fence != fence:
            return
        after = self.store.update(job_id, _lost)
        if not after.ended and after.attempts:
            control.stop(self.store.attempt_folder(job_id, len(after.attempts)), why=EndCause.FENCED)

    def cancel(self, job_id: str) -> SharedJob:
        """Have a job of the fleet cancelled: at once where nobody runs it, else by the node that does. Raises UsageError, HubError,
        and InvalidStateError where it has ended.
        """
        told = self.ledger.request(rules.stop, self.ledger.itself, rules.StopJob(job_id))
        if told.before and told.job.end:
            raise InvalidStateError(
                f"{job_id} has ended already: {told.job.end.status}.", hint="There is nothing to cancel.",
                current_state=told.job.end.status, expected_state="queued or running", operation="cancel_job",
            )  # fmt: skip
        return told.job

    def _tell_ends(self, ends: Sequence[EndJob]) -> None:
        asked = [self.ledger.operation(rules.end, self.ledger.itself, body) for body in ends]
        for one in self.ledger.submit(asked):
            if one.error is not None and not isinstance(one.error, Conflict):
                raise one.error

    def _note(self, job: JobRecord, began: float, ttl: int) -> None:
        path = self.store.lease_path(job.id)
        folder, name = os.path.split(path)
        records.save(folder, name, lease.noted(job.fence, began, ttl))

    def _is_new(self, job_id: str) -> bool:
        """Whether the id is none of a job of our own."""
        record = self._record(job_id) if job_ids.is_id(job_id) else None
        return job_ids.is_id(job_id) and (record is None or record.fence > 0)

    def _record(self, job_id: str) -> JobRecord | None:
        try:
            return self.store.get(job_id)
        except JobNotFoundError:
            return None


def opened(ledger: Ledger) -> list[SharedJob]:
    """The jobs of the fleet that have not ended, as last seen here. One whose id is none is passed over."""
    return [job for job in model.open_jobs(ledger.current().view) if job_ids.is_id(job.id)]


def again(error: FleetError) -> str:
    """What is said of an exchange that failed, in words."""
    return f"{error.message} It is tried again; {advice.SYNC} tries it now."


def never_ran(job: JobRecord) -> bool:
    """Whether a job ended because its agent could not be started here, which it may be elsewhere."""
    last = job.attempts[-1] if job.attempts else None
    return job.outcome is AttemptOutcome.FAILED and last is not None and last.why in _NEVER_RAN


def _end(job: JobRecord) -> EndJob:
    last = job.attempts[-1] if job.attempts else None
    words = {
        JobStatus.COMPLETED: "completed",
        JobStatus.CANCELLED: "cancelled",
        JobStatus.INTERRUPTED: "interrupted",
    }
    body = {"branch": last.branch, "commit": last.commit} if last else {}
    return EndJob.decode({
        "held": HeldLease(job.id, job.fence).encode(), "status": "interrupted" if never_ran(job) else words.get(job.status, "failed"),
        "outcome": str(job.outcome or ""), "error": job.error, **body,
    })  # fmt: skip


def _lost(job: JobRecord) -> JobRecord:
    if job.status is JobStatus.RUNNING:
        return job
    now = clock.milliseconds()
    return replace(
        job, status=JobStatus.INTERRUPTED, outcome=AttemptOutcome.INTERRUPTED, error=_ELSEWHERE, completed_at=now
    )  # fmt: skip
