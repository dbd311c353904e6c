"""What agents wait to be answered, and a person's answers: from any process, whether a daemon runs or not."""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.base import clock
from gitfleet.base.text import display
from gitfleet.jobs.errors import InvalidStateError
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control

_PATIENCE, _LOOK = 10.0, 0.02


def questions(store: JobStore, job: JobRecord) -> Mapping[str, str]:
    """What the job's agent waits for, by the ids of the questions; empty where it waits for nobody."""
    if job.ended or not job.attempts:
        return {}
    folder = store.attempt_folder(job.id, len(job.attempts))
    state = control.state(folder) if control.alive(folder) else None
    return state.questions if state else {}


def answer(store: JobStore, job_id: str, *, allow: bool, question: str = "") -> JobRecord:
    """Answer the open question of that id; without one, the only one. The job, once its agent has been told.

    Raises JobNotFoundError, and InvalidStateError where there is no such question, or several.
    """
    job = store.get(job_id)
    known = questions(store, job)
    chosen = question or (next(iter(known)) if len(known) == 1 else "")
    if chosen not in known:
        raise InvalidStateError(
            f"{job_id} has not asked '{display(question[:80])}'." if question
            else f"{job_id} waits for no answer." if not known
            else f"{job_id} has asked {len(known)} questions.",
            hint=f"Its open questions: {display(', '.join(known)[:400])}." if known else "",
            current_state=str(job.status), expected_state="needs_input", operation="answer",
        )  # fmt: skip
    control.answer(store.attempt_folder(job_id, len(job.attempts)), chosen, allow=allow)
    until = clock.elapsed() + _PATIENCE
    while chosen in questions(store, job := store.get(job_id)):
        if clock.elapsed() > until:
            raise InvalidStateError(
                f"{job_id} has not taken the answer within {_PATIENCE:.0f} s.", hint="It may yet; look again.",
                current_state=str(job.status), expected_state="needs_input", operation="answer",
            )  # fmt: skip
        clock.wait(_LOOK)
    return job
