"""Jobs that any node may run, as the ledger keeps them. Pure.

    jobs/open/<id>.json      one that has not ended: what it is, and who runs it
    jobs/prompts/<id>.json   what its agent is to do, apart, so that a list of jobs reads none of them
    jobs/ended/<id>.json     one that has; of these the newest are kept

Who runs a job has it by a lease, which is counted up while it runs. The lease's fence, the generation that it was granted in, tells
one from an earlier one of the same job: what is done by a fence that is over is refused.
"""

from __future__ import annotations

from typing import Literal

from gitfleet.base import canonical
from gitfleet.base.ids import is_name
from gitfleet.base.names import NodeId
from gitfleet.codec import FLAG, WHOLE, Choice, Maybe, One, Record, Struct, Text, Whole, field
from gitfleet.ledger import filing
from gitfleet.ledger.model import NODE_ID, Changes, View

OPEN, PROMPTS, ENDED = "jobs/open", "jobs/prompts", "jobs/ended"
MOST_OPEN = 1000
"""Jobs that have not ended, in the whole fleet."""
KEPT = 200
"""Jobs that have ended and are remembered."""
MOST_TAKES = 3
"""So often a job is begun; one that was interrupted as often has ended."""
LONGEST_PROMPT = 65_536
"""Characters of what an agent is to do."""
TTL = 180
"""Seconds that a lease lives without being renewed, unless the fleet's files say otherwise."""

LEAST_TTL = 6

LeasedEnd = Literal["completed", "failed", "cancelled", "interrupted"]
JOB_ID: Text[str] = Text(64, valid=is_name)
AGENT: Text[str] = Text(64, valid=is_name)
WORD: Text[str] = Text(64)
SAID: Text[str] = Text(2000, cut=True)
BRANCH: Text[str] = Text(256, cut=True)
END = Choice[LeasedEnd]("completed", "failed", "cancelled", "interrupted")
PROMPT: Text[str] = Text(LONGEST_PROMPT)
SECONDS = Whole(LEAST_TTL, 86400)
PRIORITY = Whole(-1000, 1000)


class JobLease(Struct):
    """Who runs a job: a node, from one of its state directories (`place`, a digest); since when by its clock; how often renewed."""

    node: NodeId = field(NODE_ID)
    place: str = field(WORD)
    fence: int = field(WHOLE)
    at: int = field(WHOLE)
    renewed: int = field(WHOLE, default=0)

    def is_of(self, node: str, place: str) -> bool:
        """Whether it is of this node, and this state directory."""
        return self.node == node and self.place == place


class JobEnd(Struct):
    """How a job ended, when by the clock of its node, where its work is, and who ran it ("": nobody did)."""

    status: LeasedEnd = field(END)
    at: int = field(WHOLE)
    outcome: str = field(WORD, default="")
    error: str = field(SAID, default="", omit=True)
    branch: str = field(BRANCH, default="", omit=True)
    commit: str = field(WORD, default="", omit=True)
    node: NodeId = field(NODE_ID, default=NodeId(""))
    fence: int = field(WHOLE, default=0)


class SharedJob(Record):
    """A job that any node may run. `made` (milliseconds since 1970) and `node`: when and where it was triggered.

    `ttl` are the seconds that a lease of it lives. `takes`: how often it was begun. `stop`: somebody wants it cancelled.
    """

    KIND = "sharedjob"
    id: str = field(JOB_ID)
    agent: str = field(AGENT)
    node: NodeId = field(NODE_ID)
    made: int = field(WHOLE)
    schedule: str = field(WORD, default="", omit=True)
    priority: int = field(PRIORITY, default=0)
    ttl: int = field(SECONDS, default=TTL)
    takes: int = field(WHOLE, default=0)
    lease: JobLease | None = field(Maybe(One(JobLease)), default=None)
    stop: bool = field(FLAG, default=False)
    end: JobEnd | None = field(Maybe(One(JobEnd)), default=None)

    def as_bytes(self) -> bytes:
        """The record's canonical bytes."""
        return canonical.dump(self.encode())


class JobPrompt(Record):
    """What the agent of a job is to do."""

    KIND = "jobprompt"
    id: str = field(JOB_ID)
    text: str = field(PROMPT)

    def as_bytes(self) -> bytes:
        """The record's canonical bytes."""
        return canonical.dump(self.encode())


def open_jobs(view: View) -> list[SharedJob]:
    """The jobs that have not ended and can be read, by id."""
    return filing.readable(view, SharedJob, OPEN)


def ended_jobs(view: View) -> list[SharedJob]:
    """Those that have, as far as they are remembered, by id."""
    return filing.readable(view, SharedJob, ENDED)


def opened(view: View, job_id: str) -> SharedJob | None:
    """The job of this id, if it has not ended. Raises Corrupt, NewerFormat."""
    return _one(view, OPEN, job_id)


def find(view: View, job_id: str) -> SharedJob | None:
    """The job of this id, if it is known. Raises Corrupt, NewerFormat."""
    return _one(view, OPEN, job_id) or _one(view, ENDED, job_id)


def prompt(view: View, job_id: str) -> str:
    """What its agent is to do; "" where that is not known (any more). Raises Corrupt, NewerFormat."""
    where = f"{PROMPTS}/{job_id}.json"
    data = view.get(where) if is_name(job_id) else None
    return filing.one(JobPrompt, data, where).text if data is not None else ""


def put(job: SharedJob) -> Changes:
    """The changes that file a job where it belongs."""
    if job.end is None:
        return {_at(OPEN, job.id): job.as_bytes()}
    return {
        _at(ENDED, job.id): job.as_bytes(),
        _at(OPEN, job.id): None,
        f"{PROMPTS}/{job.id}.json": None,
    }


def forgotten(view: View, coming: str) -> Changes:
    """The changes that forget the oldest of the ended ones, when the job `coming` is to be remembered, too."""
    known = sorted({name for name, _ in view.names(ENDED)} | {f"{coming}.json"})
    return {f"{ENDED}/{name}": None for name in known[: max(0, len(known) - KEPT)]}


def _one(view: View, folder: str, job_id: str) -> SharedJob | None:
    where = _at(folder, job_id)
    data = view.get(where) if is_name(job_id) else None
    return filing.one(SharedJob, data, where) if data is not None else None


def _at(folder: str, job_id: str) -> str:
    return f"{folder}/{job_id}.json"
