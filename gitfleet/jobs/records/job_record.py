"""What is known of a job and of each of its attempts. Times are in milliseconds since 1970; 0: not yet."""

from __future__ import annotations

from gitfleet.base.shapes import NUMBER
from gitfleet.codec import (
    FLAG,
    TEXT,
    WHOLE,
    Broken,
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
from gitfleet.jobs.records.delivery_record import Delivery, WorkBack
from gitfleet.jobs.records.work_item import WorkItem
from gitfleet.jobs.words import AttemptOutcome, JobStatus

OPEN = frozenset([JobStatus.PENDING, JobStatus.QUEUED, JobStatus.RUNNING])
"""What a job is before it has ended."""
_LONG: Text[str] = Text(1 << 22)
_CUT: Text[str] = Text(1 << 16, cut=True)


class _Status(Shape[JobStatus]):
    """A state of a job."""

    def decode(self, raw: object) -> JobStatus:
        if not isinstance(raw, str):
            raise Broken("a word was expected")
        return JobStatus(raw)


class _Outcome(Shape[AttemptOutcome]):
    """An outcome of an attempt."""

    def decode(self, raw: object) -> AttemptOutcome:
        if not isinstance(raw, str):
            raise Broken("a word was expected")
        return AttemptOutcome(raw)


class AttemptRecord(Struct):
    """One attempt. `number` counts from 1; `session` is the one that it works as, `conversation` the agent's own.

    `base` is the commit that its branch began at, `branch` where its work is, `commit` where that stood at the end. `why` is a word of
    `words.EndCause`. `kept`: what was left uncommitted in its worktree, and why. `left`: processes of it that would not end.
    `resumed`: the conversation that it was to go on with; `lost`: that was gone. `notes`: what else there is to say of it,
    such as a limit that the system could not hold it to.
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
    cost: float | None = field(Maybe(NUMBER), default=None)
    left: tuple[int, ...] = field(Many(WHOLE), default=())
    resumed: str = field(TEXT, default="")
    lost: bool = field(FLAG, default=False)
    notes: tuple[str, ...] = field(Many(_CUT), default=())
    delivery: Delivery = field(One(Delivery), default=Delivery(), omit=True)


class JobRecord(Record):
    """One job. `cancelled`: somebody wants it cancelled. `working_directory` "": the agent's own. `back`: the work that it goes on with.

    Its next attempt does not start before `not_before`. `earlier`: attempts that were made before somebody asked for it once more.
    `planned_at`: for when its schedule had it. `own_until`: until when schedules last that its agent gives itself, where such a one
    made it. `forked_from`: the job that it is a copy of. `result` is the last attempt, once the job has ended. `output` is what its agent wrote, where that was asked for.
    `fence`: by which it is this node's, of the jobs that any node may run; 0: it is this node's own. `node`: the other node that it is at.
    `offered`: any node may take it, and none has. `items`: the tasks that it was made for.
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
    not_before: int = field(WHOLE, default=0)
    earlier: int = field(WHOLE, default=0)
    forked_from: str = field(TEXT, default="")
    back: WorkBack = field(One(WorkBack), default=WorkBack(), omit=True)
    planned_at: int = field(WHOLE, default=0)
    own_until: int = field(WHOLE, default=0)
    fence: int = field(WHOLE, default=0)
    items: tuple[WorkItem, ...] = field(Many(One(WorkItem)), default=(), omit=True)
    output: str = local(default="")
    node: str = local(default="")
    offered: bool = local(default=False)

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
