"""What comes after the end of jobs: what could not be delivered is tried again, and what the merge queue hands back goes to a new job.

Goes by the store's names of jobs that more is expected of. Any process may do it, and several at once: each job is looked after by one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress

from gitfleet.base import clock
from gitfleet.clone import Clone
from gitfleet.codec import replace
from gitfleet.errors import FleetError, LockHeld
from gitfleet.jobs.attempts import plan
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.delivery import coming_back, delivering, reports
from gitfleet.jobs.delivery.coming_back import WhoseTurn
from gitfleet.jobs.errors import JobNotFoundError
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.delivery_record import Delivery, WorkBack
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus
from gitfleet.mergequeue import model
from gitfleet.mergequeue.model import QueueEntry
from gitfleet.trunk import queue_policy

EVERY = 60.0
"""Seconds between two looks at the hub."""
_LONGEST = 3600.0
_PATIENCE = 30.0


class WorkFollowing:
    """One follower of one store. It remembers when it may ask the hub again, and what has to wait how long."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._asked: dict[str, float] = {}
        self._pauses: dict[str, tuple[float, float]] = {}

    @property
    def needed(self) -> bool:
        """Whether there is anything to look after."""
        return bool(self._store.expected())

    def places(self) -> list[str]:
        """The folders in which something changes when there is news."""
        found = dict.fromkeys([self._store.expecting])
        with _Clones() as clones:
            for job in self._jobs():
                with suppress(FleetError):
                    found |= dict.fromkeys(clones.of(job).ledger.places())
        return list(found)

    def look(self) -> list[str]:
        """Look after all of them, as far as that can be done now; what has happened, a line each."""
        said = []
        with _Clones() as clones:
            for job in list(self._jobs()):
                try:
                    with self._store.job_lock(job.id).held(0):
                        said += self._looked(self._store.get(job.id), clones)
                except (LockHeld, JobNotFoundError):
                    continue
                except (FleetError, OSError) as error:
                    said.append(f"{job.id}: its work could not be looked after: {error}")
        return said

    def _jobs(self) -> Iterator[JobRecord]:
        for job_id in self._store.expected():
            try:
                yield self._store.get(job_id)
            except JobNotFoundError:
                if not self._store.has(job_id):
                    self._store.settle(job_id)

    def _looked(self, job: JobRecord, clones: _Clones) -> list[str]:
        if not job.ended or not job.attempts:
            return []
        before = job.attempts[-1].delivery
        if before.waits:
            if not self._is_due(job.id):
                return []
            after = delivering.deliver(job, self._agent(job), job.attempts[-1].commit)
            job = self._store.amend(job.id, lambda now: _with(now, after))
            if after.waits:
                return []
            self._pauses.pop(job.id, None)
        if job.attempts[-1].delivery.open:
            self._follow(job, clones.of(job))
        job = self._store.get(job.id)
        now = job.attempts[-1].delivery
        if not now.open:
            self._store.settle(job.id)
        return [f"{job.id}: {'; '.join(reports.lines(now))}"] if now != before else []

    def _is_due(self, job_id: str) -> bool:
        """Whether it is time to try again; each pause is twice the one before."""
        due, pause = self._pauses.get(job_id, (0.0, EVERY / 2))
        if clock.elapsed() < due:
            return False
        pause = min(2 * pause, _LONGEST)
        self._pauses[job_id] = clock.elapsed() + pause, pause
        return True

    def _follow(self, job: JobRecord, clone: Clone) -> None:
        """See what has become of the entry of a job."""
        attempt, most = job.attempts[-1], self._agent(job).queue.again
        self._ask(clone)
        entry = model.find(clone.current().view, attempt.delivery.entry)
        tries = queue_policy.load(clone.ledger.state).tries
        found = coming_back.sequel(entry, attempt.commit, made=job.back.number, most=most, tries=tries)
        if found.turn is WhoseTurn.QUEUE:
            return
        again = attempt.delivery.again
        if found.turn is WhoseTurn.AGENT and entry is not None:
            again = again or job_ids.new()
            self._store.amend(job.id, lambda now: _with(now, replace(_of(now), again=again)))
            self._go_on(job, entry, again)
        elif not self._is_there(again):
            again = ""
        self._store.amend(job.id, lambda now: _with(now, replace(_of(now), became=found.words, again=again)))

    def _ask(self, clone: Clone) -> None:
        """Bring the hub's newest state here, once a minute; where it is out of reach, what is known counts."""
        place, now = clone.repository.common_dir, clock.elapsed()
        if clone.ledger.node.hub and now - self._asked.get(place, -EVERY) >= EVERY:
            self._asked[place] = now
            with suppress(FleetError):
                clone.ledger.refresh(_PATIENCE)

    def _go_on(self, job: JobRecord, entry: QueueEntry, again: str) -> None:
        """Queue the job that goes on with the work; once, whatever happened before."""
        if self._is_there(again):
            return
        attempt = job.attempts[-1]
        back = WorkBack(
            job=job.id, number=job.back.number + 1, entry=entry.id, head=attempt.commit,
            tree=os.path.basename(attempt.worktree), evidence=coming_back.evidence(entry),
        )  # fmt: skip
        made = JobRecord(
            id=again, agent_name=job.agent_name, status=JobStatus.QUEUED, prompt=job.prompt, schedule_name=job.schedule_name,
            priority=job.priority, working_directory=job.working_directory, created_at=clock.milliseconds(), back=back,
        )  # fmt: skip
        self._store.create(made)

    def _is_there(self, job_id: str) -> bool:
        try:
            return bool(job_id) and bool(self._store.get(job_id))
        except JobNotFoundError:
            return False

    def _agent(self, job: JobRecord) -> Agent:
        return plan.agent_of(self._store.attempt_folder(job.id, len(job.attempts)))


class _Clones(ExitStack):
    """The clones that jobs' work is in, each opened once."""

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[str, Clone] = {}

    def of(self, job: JobRecord) -> Clone:
        """The clone of a job; its worktree may be gone by now. Raises NoRepository, NoFleet."""
        above = os.path.dirname(job.attempts[-1].worktree)
        if above not in self._open:
            there = above
            while not os.path.isdir(there) and there != os.path.dirname(there):
                there = os.path.dirname(there)
            self._open[above] = self.enter_context(Clone.open(there))
        return self._open[above]


def _of(job: JobRecord) -> Delivery:
    return job.attempts[-1].delivery


def _with(job: JobRecord, delivery: Delivery) -> JobRecord:
    return replace(job, attempts=(*job.attempts[:-1], replace(job.attempts[-1], delivery=delivery)))
