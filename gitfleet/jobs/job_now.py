"""What jobs are at right now, beyond their records: why they wait, and what their agents ask."""

from __future__ import annotations

import os
from collections.abc import Collection

from gitfleet.base import identity
from gitfleet.codec import Struct
from gitfleet.jobs import asking, waiting
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control, records
from gitfleet.jobs.words import JobStatus

OVER, CHECKING, UNWATCHED = "over", "checking", "unwatched"


class JobNow(Struct):
    """`waits`: why it is queued and does not start. `phase`: where its attempt is, as its shepherd has it (`over`: that has ended, and
    whoever runs the jobs has yet to say how; `checking`: somebody looks at its work now; `unwatched`: its shepherd was killed, and what
    it started may run on until then, unless the machine was started anew); `asks`, `asked_at` (ms): what that waits for a person to say. Empty, or 0, where that
    does not apply.
    """

    waits: str = ""
    phase: str = ""
    asks: str = ""
    asked_at: int = 0


def of(store: JobStore, jobs: Collection[JobRecord]) -> dict[str, JobNow]:
    """What each of these is at, by id."""
    waits = waiting.reasons(store, jobs)
    found = {}
    for job in jobs:
        state = asking.phase(store, job)
        asked = asking.question(state)
        text, since = (asked.text, asked.since) if asked else ("", 0)
        phase = state.phase if state else _gone(store, job)
        found[job.id] = JobNow(waits.get(job.id, ""), phase, text, since)
    return found


def _gone(store: JobStore, job: JobRecord) -> str:
    """The phase of one that counts as running here, and whose attempt had begun, and has no shepherd any more; else ""."""
    if job.status is not JobStatus.RUNNING or job.node or not job.attempts:
        return ""
    folder = store.attempt_folder(job.id, len(job.attempts))
    state = control.state(folder)
    if state is None or control.alive(folder):
        return ""
    if store.job_lock(job.id).taken():
        return CHECKING
    ended = os.path.lexists(os.path.join(folder, records.END)) or state.boot not in {"", identity.boot_id()}
    return OVER if ended else UNWATCHED
