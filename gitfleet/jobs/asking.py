"""Agents that wait for a person: what they ask, as their shepherds wrote it down. Nothing answers for that person, and no time does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gitfleet.codec import Struct
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.shepherd.records import AttemptState
from gitfleet.jobs.words import JobStatus

NEEDS_INPUT = "needs_input"


class Question(Struct):
    """What an agent asks, not made safe for a terminal ("": it did not say); `since` in milliseconds since 1970."""

    text: str
    since: int


def phase(store: JobStore, job: JobRecord) -> AttemptState | None:
    """Where the attempt of a job that runs is, as its shepherd last said; None where none lives."""
    if job.status is not JobStatus.RUNNING or not job.attempts:
        return None
    folder = store.attempt_folder(job.id, len(job.attempts))
    return control.state(folder) if control.alive(folder) else None


def question(state: AttemptState | None) -> Question | None:
    """What the agent waits for; None where it does not."""
    return Question(state.asks, state.asked_at) if state and state.phase == NEEDS_INPUT else None


def everything(store: JobStore, jobs: Iterable[JobRecord]) -> dict[str, Question]:
    """The questions of these jobs, by their ids."""
    found = {job.id: question(phase(store, job)) for job in jobs}
    return {job_id: asked for job_id, asked in found.items() if asked}


class Questions:
    """Which questions are new, of jobs whose start has been told: nobody hears of a question before that."""

    def __init__(self) -> None:
        self._known: Mapping[str, Question] = {}
        self._begun: set[str] = set()
        self._early: set[str] = set()

    def begun(self, job_id: str) -> bool:
        """The start of a job's attempt is told; whether it has a question that was too early."""
        self._begun.add(job_id)
        return job_id in self._early

    def over(self, job_id: str) -> None:
        """So is its end."""
        self._begun.discard(job_id)

    def new(self, found: Mapping[str, Question]) -> dict[str, Question]:
        """Those of these that were not there the last time."""
        now = {job_id: asked for job_id, asked in found.items() if job_id in self._begun}
        self._early = set(found.keys() - now.keys())
        fresh = {job_id: asked for job_id, asked in now.items() if self._known.get(job_id) != asked}
        self._known = now
        return fresh
