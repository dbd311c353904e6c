"""Jobs as people read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gitfleet.base import clock, text
from gitfleet.jobs import job_now
from gitfleet.jobs.delivery import reports
from gitfleet.jobs.job_now import JobNow
from gitfleet.jobs.money import tokens
from gitfleet.jobs.money.allowance import dollars
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.words import AttemptOutcome

_GONE = {
    job_now.OVER: "its attempt is over; how it ended is recorded when jobs run here again",
    job_now.UNWATCHED: "the process that watched it was killed; what is left of it ends when jobs run here again, or at the next upkeep",
}


def cells(job: JobRecord, now: JobNow) -> tuple[str, ...]:
    """A job's row in `job list`."""
    gone = _GONE.get(now.phase, "")
    status = now.phase if now.asked_at or gone else str(job.status)
    why = now.asks or now.waits or reports.concern(job) or gone
    end = job.schedule_name, _when(job), text.one_line(why, 80)
    return job.id, job.agent_name, status, job.node, *end


def shown(job: JobRecord, now: JobNow = JobNow()) -> Iterator[str]:  # noqa: B008 - frozen
    """All that is known of a job, line by line."""
    yield f"{job.id}: {job.status}" + (f" ({job.outcome})" if job.outcome else "")
    yield f"agent {job.agent_name}, created {_when(job)}"
    if job.prompt.strip():
        yield f"prompt: {text.one_line(job.prompt)}"
    if job.schedule_name:
        planned = f", planned for {clock.iso(job.planned_at // 1000)}" if job.planned_at else ""
        yield f"schedule {job.schedule_name}{planned}"
    for item in job.items:
        yield f"task: {item.type} {text.display(item.place)}" + (
            f": {text.display(item.title)}" if item.title != item.place else ""
        )
    if job.back.job:
        yield f"goes on with the work of {job.back.job}, which came back from the merge queue (time {job.back.number})"
    if job.node:
        yield f"node {job.node}" + (" is to cancel it" if job.cancelled and not job.ended else "")
    for attempt in job.attempts:
        yield from _attempt(attempt)
    if now.phase in _GONE:
        yield _GONE[now.phase]
    if now.asked_at:
        yield f"needs input since {clock.iso(now.asked_at // 1000)}: {now.asks or '(it does not say what)'}"
    if job.forked_from:
        yield f"a copy of {job.forked_from}"
    if why := job.error or now.waits:
        first, *more = why.splitlines() or [""]
        yield f"why: {first}"
        yield from (f"  {line}" for line in more)


def _when(job: JobRecord) -> str:
    return clock.iso(job.created_at // 1000)


def _attempt(attempt: AttemptRecord) -> Iterator[str]:
    if not attempt.number:
        yield (
            f"session {text.display(attempt.session)}, " if attempt.session else ""
        ) + f"branch {text.display(attempt.branch) or '(none)'}"
        if attempt.worktree:
            yield f"  in {text.display(attempt.worktree)}"
        return
    yield f"attempt {attempt.number}: session {attempt.session}, branch {attempt.branch or '(none yet)'}"
    if attempt.worktree:
        yield f"  in {attempt.worktree}"
    if attempt.outcome:
        yield f"  {_ended(attempt)}"
    if attempt.commit and attempt.commit != attempt.base:
        yield f"  commit {attempt.commit[:12]}"
    if attempt.kept:
        yield f"  {text.one_line(attempt.kept)}"
    yield from _used(attempt)
    yield from (f"  {note}" for note in [*attempt.notes, *reports.lines(attempt.delivery)])


def _ended(attempt: AttemptRecord) -> str:
    """How it ended, after how long, and why."""
    took = (
        f" after {text.duration((attempt.ended_at - attempt.started_at) / 1000)}"
        if attempt.started_at
        else ""
    )
    odd = attempt.outcome not in {AttemptOutcome.SUCCESS, AttemptOutcome.NO_CHANGE, AttemptOutcome.CANCELLED}
    why = text.one_line(attempt.error) if odd else ""
    return f"{attempt.outcome}{took}" + (f": {why}" if why else "")


def _used(attempt: AttemptRecord) -> Iterator[str]:
    """The tokens that it told of, and what its client thinks that they cost."""
    counts = Counter[str]()
    for told in attempt.usage.models.values():
        counts.update(tokens.billed(told))
    words = [f"{counts[kind]:,} {kind}" for kind in tokens.KINDS if kind in counts]
    if words:
        part = f" ({'; '.join(attempt.usage.gaps)})" if attempt.usage.gaps else ""
        yield f"  tokens: {', '.join(words)}{part}"
    if attempt.cost is not None:
        yield f"  cost: {dollars(attempt.cost)}, as its client estimates"
