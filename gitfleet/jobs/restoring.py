"""Jobs that the end of the machine has ended, brought back: queued again, to go on where they stopped.

Those are the ones whose attempt was lost with an earlier boot, or was told to end by a system that went down. They wait like all
others, under the same limits. Works without a daemon, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gitfleet.base import clock
from gitfleet.codec import Struct
from gitfleet.errors import FleetError
from gitfleet.jobs import reruns
from gitfleet.jobs.attempts import conclusion, traces
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.words import EndCause, JobStatus

WITHIN = 7 * 86_400_000
"""Milliseconds for which an interruption is remembered, unless told otherwise."""
_BY_THE_MACHINE = (EndCause.REBOOTED, EndCause.TERMINATED)


class RestoredJob(Struct):
    """A job that was queued again, or would be. `conversation`: what its agent goes on with ("": a new one); `error`: why it was not."""

    job: JobRecord
    conversation: str
    error: str = ""


def restore(
    store: JobStore, known: Callable[[], Configuration], environ: Mapping[str, str], *, within: int = WITHIN,
    dry_run: bool = False,
) -> list[RestoredJob]:  # fmt: skip
    """Bring back what was interrupted in the last `within` milliseconds, oldest first. One that cannot be keeps no other from it.

    `known` is asked for where there is something to bring back, before anything is changed, and may raise ConfigurationError. Twice is harmless: what is queued is not interrupted any more.
    """
    lost = [job for job in store.open_jobs() if _lost(store, job)]
    agents = known() if not dry_run and (lost or _interrupted(store, within)) else None
    if agents:
        lost = [conclusion.conclude(store, job.id, environ) for job in lost]
    found = {job.id: job for job in (*_interrupted(store, within), *lost)}
    return [_restored(store, agents, found[job_id]) for job_id in sorted(found)]


def _interrupted(store: JobStore, within: int) -> list[JobRecord]:
    since = clock.milliseconds() - within
    over = store.find(JobFilter(statuses=(JobStatus.INTERRUPTED,)))
    return [job for job in over if job.completed_at >= since and job.attempts[-1].why in _BY_THE_MACHINE]


def sessions(store: JobStore) -> set[str]:
    """The sessions that attempts of jobs work, or have worked, as."""
    return {attempt.session for job in store.find(JobFilter()) for attempt in job.attempts}


def _lost(store: JobStore, job: JobRecord) -> bool:
    """Whether it counts as running, and its attempt ended with the machine: as its shepherd said, or by its boot."""
    if job.status is not JobStatus.RUNNING or not job.attempts:
        return False
    folder = store.attempt_folder(job.id, len(job.attempts))
    state, end = control.state(folder), control.end(folder)
    if state is None or control.alive(folder):
        return False
    return end.why in _BY_THE_MACHINE if end else traces.why(folder) == EndCause.REBOOTED


def _restored(store: JobStore, known: Configuration | None, job: JobRecord) -> RestoredJob:
    last = job.attempts[-1]
    state = control.state(store.attempt_folder(job.id, len(job.attempts)))
    conversation = last.conversation or (state.session_id if state else "")
    if (
        known is None or job.status is not JobStatus.INTERRUPTED
    ):  # its own rules have queued it again, or it has ended
        return RestoredJob(job, conversation)
    try:
        return RestoredJob(reruns.retry(store, known, job.id), conversation)
    except FleetError as error:
        return RestoredJob(job, conversation, error.message)
