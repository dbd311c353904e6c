"""Jobs as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from gitfleet.fleet.views.rows import row_of
from gitfleet.jobs.job_now import JobNow
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.streams.lines import StreamLine


class DeliveryRow(TypedDict):
    """What became of the work of a success. Empty: nothing of it."""

    pushed: str
    """The commit that the hub has of its branch."""
    request: str
    """The address of its pull request."""
    entry: str
    """Its entry in the merge queue."""
    became: str
    """What has become of that entry, once nothing more is expected of it."""
    waits: str
    """What could not be done yet, and is tried again."""
    refused: str
    """What was refused, and is left to people."""
    again: str
    """The job that goes on with what came back from the queue."""


class UsageRow(TypedDict):
    """What an agent told of its usage, in its own words. What it did not tell is not there."""

    models: dict[str, dict[str, float]]
    """Counts by model (empty: it did not tell which) and by its own kinds."""
    gaps: list[str]
    """What is missing."""


class AttemptRow(TypedDict):
    """One attempt of a job. Times are in milliseconds since 1970; 0: not yet."""

    number: int
    session: str
    """The session that it works as."""
    worktree: str
    branch: str
    base: str
    """The commit that it began at."""
    commit: str
    """Where its branch stood at the end."""
    started_at: int
    ended_at: int
    outcome: str | None
    why: str
    """Why it is over: it exited, a limit was reached, somebody asked."""
    code: int | None
    signal: int | None
    conversation: str
    """The agent's own conversation."""
    resumed: str
    """The conversation that it was to go on with; empty: a new one."""
    text: str
    """The agent's last words."""
    error: str
    kept: str
    """What was left uncommitted in its worktree, and why."""
    notes: list[str]
    """What else there is to say of it, such as a limit that the system could not hold it to."""
    usage: UsageRow
    cost: float | None
    """Dollars, by its client's own estimate."""
    delivery: DeliveryRow


class JobRow(TypedDict):
    """One job. Times are in milliseconds since 1970; 0: not yet."""

    id: str
    agent_name: str
    schedule_name: str
    status: str
    outcome: str | None
    priority: int
    node: str
    """The other node that it is at, of a job that any node may run; empty: this one, or none yet."""
    created_at: int
    started_at: int
    completed_at: int
    error: str
    waits: str
    """Why it is queued and does not start; empty for one that is not."""
    phase: str
    """Where its attempt is, e.g. `running`, `needs_input`, `stopping`; `over`: it has ended, and who runs the jobs has yet to say how; `unwatched`: the process that watched over it was killed, and what it started may run on; empty
    where there is none."""
    asks: str
    """What its agent wants to know from a person, while it needs input."""
    asked_at: int


class WorkItemRow(TypedDict):
    """A task that a job was made for."""

    type: str
    """`github-issue`, `file`, or as somebody named it."""
    url: str
    path: str
    title: str


class JobDetail(JobRow):
    """One job with all that is known of it."""

    prompt: str
    planned_at: int
    """For when its schedule had it; 0: nothing was planned."""
    working_directory: str
    """Where it was asked for; empty: the agent's own."""
    forked_from: str
    """The job that it is a copy of."""
    not_before: int
    """When its next attempt may start; 0: at once."""
    again_of: str
    """The job whose work came back from the merge queue, and that it goes on with; empty: none."""
    items: list[WorkItemRow]
    attempts: list[AttemptRow]


class JobAnswer(TypedDict):
    """`trigger`, `enqueue`, `job show`, `job cancel`, `job retry`, `job fork`."""

    job: JobDetail


class QuestionRow(TypedDict):
    """What an agent waits to be answered."""

    id: str
    text: str


class JobQuestionsAnswer(TypedDict):
    """`job answer`: the questions that are open now."""

    job: str
    questions: list[QuestionRow]


class JobListAnswer(TypedDict):
    """`job list`: those that have not ended, then the others, each newest first."""

    jobs: list[JobRow]


class JobLogsAnswer(TypedDict):
    """`job logs`."""

    job: str
    output: str
    """What its agent wrote."""


class StreamLineRow(TypedDict):
    """One line of a job's stream."""

    attempt: int
    seq: int
    at: int
    """Milliseconds since 1970."""
    source: str
    """`stdout`, `stderr`, `json` (as its adapter knows it) or `system` (ours)."""
    type: str
    """What it means, e.g. `message` or `result`; `raw`: nothing that is known."""
    text: str
    event: dict[str, object] | None


class HistoryAnswer(TypedDict):
    """`history`."""

    job: JobDetail
    lines: list[StreamLineRow]


class RunAnswer(TypedDict):
    """`run`: how many jobs ended meanwhile, by the event that told of it."""

    completed: int
    failed: int
    cancelled: int


def job_row(job: JobRecord, now: JobNow = JobNow()) -> JobRow:  # noqa: B008 - frozen
    """A job in a list."""
    said = {"waits": now.waits, "phase": now.phase, "asks": now.asks, "asked_at": now.asked_at}
    return row_of(JobRow, job, status=str(job.status), outcome=_word(job.outcome), **said)


def job_answer(job: JobRecord, now: JobNow = JobNow()) -> JobAnswer:  # noqa: B008 - frozen
    """A job with all that is known of it."""
    return {"job": job_detail(job, now)}


def job_detail(job: JobRecord, now: JobNow = JobNow()) -> JobDetail:  # noqa: B008 - frozen
    """The same without the answer around it."""
    return {
        **job_row(job, now),
        "prompt": job.prompt,
        "planned_at": job.planned_at,
        "working_directory": job.working_directory,
        "forked_from": job.forked_from,
        "not_before": job.not_before,
        "again_of": job.back.job,
        "items": [row_of(WorkItemRow, item) for item in job.items],
        "attempts": [_attempt(one) for one in job.attempts],
    }


def questions(job_id: str, known: Mapping[str, str]) -> JobQuestionsAnswer:
    """What the agent of a job waits for."""
    return {"job": job_id, "questions": [{"id": one, "text": known[one]} for one in known]}


def history(job: JobRecord, found: Iterable[tuple[int, StreamLine]]) -> HistoryAnswer:
    """The lines of each attempt, behind its number."""
    return {"job": job_detail(job), "lines": [_line(number, line) for number, line in found]}


def _line(number: int, line: StreamLine) -> StreamLineRow:
    event: Mapping[str, object] | None = line.event
    return row_of(StreamLineRow, line, attempt=number, event=None if event is None else dict(event))


def _attempt(attempt: AttemptRecord) -> AttemptRow:
    delivery = row_of(DeliveryRow, attempt.delivery)
    models = {model: dict(counts) for model, counts in attempt.usage.models.items()}
    usage = {"models": models, "gaps": list(attempt.usage.gaps)}
    return row_of(AttemptRow, attempt, outcome=_word(attempt.outcome), delivery=delivery, usage=usage)


def _word(outcome: object) -> str | None:
    return None if outcome is None else str(outcome)
