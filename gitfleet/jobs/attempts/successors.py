"""What comes after an attempt that did not end well: whether the job gets another one, when, and what that one goes on from. Pure.

A successor goes on where its predecessor stopped: in its worktree, on its branch, and in the agent's own conversation where the
client can do that.
"""

from __future__ import annotations

import hashlib

from gitfleet.codec import replace
from gitfleet.jobs.definitions.schema import RetryRules
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.words import AttemptOutcome, EndCause, JobStatus

LONGEST_BACKOFF = 3_600_000
"""Milliseconds that doubling leads to; a longer `backoff` of an agent file stays as it is."""
MOST_PATIENCE = 8 * 86_400_000
"""Milliseconds for which an agent's word is taken that its quota is used up."""
TALKERS = frozenset(["codex", "claude", "acp"])
"""Runtimes whose agents read what they are told, and go on with a conversation."""
_JITTER = 4
_SHOWN = 2000


def delay(rules: RetryRules, failures: int, job_id: str) -> int:
    """Milliseconds before the attempt after so many failures (1: the first one's): doubled each time, up to `LONGEST_BACKOFF`.

    Up to a quarter more, by the job, so that jobs that failed together do not come back together.
    """
    most = max(rules.backoff, LONGEST_BACKOFF)
    base = min(rules.backoff << min(failures - 1, 32), most)
    word = hashlib.sha256(f"{job_id} {failures}".encode()).digest()
    return base + base * word[0] // (256 * _JITTER)


def follows(job: JobRecord, rules: RetryRules, outcome: AttemptOutcome, now: int, *, resets_at: int = 0) -> JobRecord | None:  # fmt: skip
    """The job, queued for another attempt after its last one has ended so; None where that was the last.

    One whose conversation was lost is made up for at once. `resets_at`: when a quota is there again, 0 where that is not known.
    """
    if job.cancelled or outcome is AttemptOutcome.CANCELLED:
        return None
    if job.attempts[-1].lost:
        return _queued(job, now)
    made = sum(_counts(one, rules) for one in job.attempts[job.earlier :])
    if outcome not in rules.outcomes or made >= rules.attempts:
        return None
    due = now + delay(rules, made, job.id)
    if outcome is AttemptOutcome.QUOTA:
        due = max(due, min(resets_at, now + MOST_PATIENCE))
    return _queued(job, due)


def _counts(attempt: AttemptRecord, rules: RetryRules) -> bool:
    """Whether it is one of those that the rules admit: not one that only waited for its pool, or for a new conversation."""
    waited = attempt.outcome is AttemptOutcome.QUOTA and AttemptOutcome.QUOTA not in rules.outcomes
    return not attempt.lost and not waited


def again(job: JobRecord) -> JobRecord:
    """A job that has ended, queued once more, with as many attempts as a new one."""
    queued = _queued(job, 0)
    return replace(queued, cancelled=False, outcome=None, error="", completed_at=0, earlier=len(job.attempts))


def origin(job: JobRecord) -> AttemptRecord | None:
    """The earlier attempt for which the worktree was made that the last one goes on in; None where there is none."""
    places = [one for one in job.attempts[:-1] if one.worktree]
    return next((one for one in places if one.worktree == places[-1].worktree), None)


def predecessor(job: JobRecord) -> AttemptRecord | None:
    """The earlier attempt that the last one goes on from: the latest whose agent ran; None where none did."""
    return next((one for one in reversed(job.attempts[:-1]) if one.worktree and _ran(one)), None)


def _ran(attempt: AttemptRecord) -> bool:
    cut_off = attempt.why in {EndCause.LOST, EndCause.REBOOTED}
    return cut_off or attempt.code is not None or attempt.signal is not None


def speaker(job: JobRecord) -> AttemptRecord | None:
    """The earlier attempt that told the latest of its agent's conversations; None where none did."""
    return next((one for one in reversed(job.attempts[:-1]) if one.conversation or one.lost), None)


def conversation(job: JobRecord, runtime: str, earlier_runtime: str) -> str:
    """The agent's conversation that the last attempt goes on with; "" for a new one. `earlier_runtime` is that of the `speaker`.

    Only in the same place and by the same client; and not in one that went on and failed, since it may be what fails.
    """
    before = speaker(job)
    if before is None or runtime != earlier_runtime or runtime not in TALKERS:
        return ""
    failed = bool(before.resumed) and before.outcome is AttemptOutcome.FAILED
    elsewhere = before.worktree != job.attempts[-1].worktree
    return "" if failed or before.lost or elsewhere else before.conversation


def prompt(job: JobRecord, runtime: str, resumed: str) -> str:
    """What the agent of the last attempt is told: with what its predecessor came to, where it reads that."""
    before = predecessor(job)
    if runtime not in TALKERS or before is None:
        return job.prompt
    how = str(before.outcome)
    if before.outcome is AttemptOutcome.FAILED and before.error:
        how += f": {before.error[-_SHOWN:]}"
    if resumed:
        told = f"You were stopped before this was done ({how}). Go on where you stopped."
    else:
        told = (
            f"An earlier attempt at this task has ended ({how}). What it did is on this branch and in this worktree: "
            "look at that first, then go on from there."
        )
    return f"{told} The task is:\n\n{job.prompt}"


def _queued(job: JobRecord, due: int) -> JobRecord:
    return replace(job, status=JobStatus.QUEUED, not_before=due)
