"""What is known of a job and of each of its attempts. Times are in milliseconds since 1970; 0: not yet."""

from __future__ import annotations

from gitfleet.codec import (
    FLAG,
    JSON,
    TEXT,
    WHOLE,
    Many,
    Maybe,
    One,
    Record,
    Shape,
    Struct,
    Text,
    field,
    local,
)
from gitfleet.jobs.adapters.results import Usage
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.words import AttemptOutcome, JobStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OPEN = frozenset([JobStatus.PENDING, JobStatus.QUEUED, JobStatus.RUNNING])
"""What a job is before it has ended."""
_LONG: Text[str] = Text(1 << 22)
_CUT: Text[str] = Text(1 << 16, cut=True)


class _Status(Shape[JobStatus]):
    def decode(self, raw: Any) -> JobStatus:
        return JobStatus(raw)


class _Outcome(Shape[AttemptOutcome]):
    def decode(self, raw: Any) -> AttemptOutcome:
        return AttemptOutcome(raw)


class AttemptRecord(Struct):
    """One attempt. `number` counts from 1; `session` is the one that it works as, `conversation` the agent's own.

    `base` is the commit that it began at, `branch` where its work is, `commit` where that stood at the end. `why` is a word of
    `words.EndCause`. `kept`: what was left uncommitted in its worktree, and why.
    """

    number: int = field(WHOLE)
    session: str = field(TEXT)
    worktree: str = field(_LONG, default="")
    branch: str = field(TEXT, default="")
    base: str = field(TEXT, default="")
    commit: str = field(TEXT, default="")
    started_at: int = field(WHOLE, default=0)
    ended_at: int = field(WHOLE, default=0)
    outcome: AttemptOutcome | None = field(Maybe(_Outcome()), default=None)
    why: str = field(TEXT, default="")
    code: int | None = field(Maybe(WHOLE), default=None)
    signal: int | None = field(Maybe(WHOLE), default=None)
    conversation: str = field(TEXT, default="")
    text: str = field(_CUT, default="")
    error: str = field(_CUT, default="")
    kept: str = field(_CUT, default="")
    usage: Usage = field(One(Usage), default=Usage())
    cost: float | None = field(JSON, default=None)


class JobRecord(Record):
    """One job. `cancelled`: somebody wants it cancelled. `working_directory` "": the agent's own.

    `result` is the last attempt, once the job has ended. `output` is what its agent wrote, where that was asked for. `fence`: by
    which it is this node's, of the jobs that any node may run; 0: it is this node's own. `node`: the other node that it is at.
    """

    KIND = "job"
    id: str = field(Text[str](valid=job_ids.is_id))
    agent_name: str = field(TEXT)
    status: JobStatus = field(_Status())
    prompt: str = field(_LONG, default="")
    schedule_name: str = field(TEXT, default="")
    priority: int = field(WHOLE, default=0)
    working_directory: str = field(_LONG, default="")
    created_at: int = field(WHOLE, default=0)
    started_at: int = field(WHOLE, default=0)
    completed_at: int = field(WHOLE, default=0)
    outcome: AttemptOutcome | None = field(Maybe(_Outcome()), default=None)
    error: str = field(_CUT, default="")
    cancelled: bool = field(FLAG, default=False)
    attempts: tuple[AttemptRecord, ...] = field(Many(One(AttemptRecord)), default=())
    fence: int = field(WHOLE, default=0)
    output: str = local(default="")
    node: str = local(default="")

    @property
    def ended(self) -> bool:
        """Whether nothing more will become of it."""
        return self.status not in OPEN

    @property
    def attempt(self) -> AttemptRecord | None:
        """Its last attempt."""
        return self.attempts[-1] if self.attempts else None

    @property
    def result(self) -> AttemptRecord | None:
        """What came of it."""
        return self.attempt if self.ended else None
