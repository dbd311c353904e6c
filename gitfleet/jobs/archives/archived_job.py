"""The record of a job as its node tells it to the others: without what is long, and checked when it is read."""

from __future__ import annotations

import json

from gitfleet.base import plain_json
from gitfleet.base.ids import is_oid
from gitfleet.codec import TEXT, One, Record, Text, field, replace
from gitfleet.errors import Corrupt
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord

MOST = 1 << 19
"""Bytes that a record may have."""
_PROMPT, _TEXT, _SHORT = 1 << 14, 1 << 13, 1 << 11
_ATTEMPTS = 16


class ArchivedJob(Record):
    """A job that has ended, by the node that ran it. `streams`: the commit with what its agents wrote; "": nothing."""

    KIND = "archived-job"
    job: JobRecord = field(One(JobRecord))
    streams: str = field(Text[str](valid=lambda text: not text or is_oid(text)), default="")
    node: str = field(TEXT, default="")


def dump(job: JobRecord, streams: str, node: str) -> bytes:
    """The record. The same for the same job."""
    found = _shortened(job, _PROMPT, _TEXT)
    data = _json(ArchivedJob(found, streams, node))
    if len(data) > MOST:
        data = _json(ArchivedJob(_shortened(job, 0, 200), streams, node))
    return data


def load(data: bytes, job_id: str, node: str) -> ArchivedJob:
    """The record that `node` is to have written of this job. Raises Corrupt for anything else."""
    try:
        raw = plain_json.load(data[:MOST])  # what is cut off is no JSON any more
        found = ArchivedJob.decode(raw)
        known = raw["kind"] == ArchivedJob.KIND and raw["v"] == ArchivedJob.VERSION
    except (ValueError, LookupError, TypeError) as error:
        raise Corrupt(
            f"What node {node} tells of {job_id} cannot be read. It was skipped.", where=job_id
        ) from error
    if not known or found.job.id != job_id or found.node != node or not found.job.ended:
        raise Corrupt(
            f"What node {node} tells of {job_id} is about something else. It was skipped.", where=job_id
        )
    if not all(one.cost is None or isinstance(one.cost, int | float) for one in found.job.attempts):
        raise Corrupt(
            f"Node {node} published a cost of {job_id} that is not a number. The job was skipped.",
            where=job_id,
        )
    return replace(found, job=replace(found.job, node=node))


def _json(record: ArchivedJob) -> bytes:
    return json.dumps(record.encode(), separators=(",", ":"), sort_keys=True).encode()


def _shortened(job: JobRecord, prompt: int, text: int) -> JobRecord:
    attempts = tuple(_attempt(one, text) for one in job.attempts[-_ATTEMPTS:])
    return replace(
        job, prompt=job.prompt[:prompt], error=job.error[:_SHORT], attempts=attempts, output="", node="",
        working_directory=job.working_directory[:_SHORT],
    )  # fmt: skip


def _attempt(attempt: AttemptRecord, text: int) -> AttemptRecord:
    notes = tuple(note[:_SHORT] for note in attempt.notes[:8])
    short = {key: getattr(attempt, key)[:_SHORT] for key in ("worktree", "error", "kept")}
    return replace(attempt, text=attempt.text[:text], notes=notes, left=(), **short)
