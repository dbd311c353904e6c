"""Jobs wherever they ran: those of this clone and of its fleet's ledger, and those that other nodes have told of since they ended.

Records come from what was last fetched. What agents wrote elsewhere comes from the hub, by one connection, when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile

from gitfleet.base.text import display
from gitfleet.clone import Clone
from gitfleet.codec import Struct, replace
from gitfleet.errors import Corrupt
from gitfleet.jobs import outputs
from gitfleet.jobs.archives import archived_job, packing
from gitfleet.jobs.archives.archived_job import ArchivedJob
from gitfleet.jobs.errors import JobNotFoundError
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.shared import views
from gitfleet.jobs.shared.offering import seen
from gitfleet.jobs.streams.cursors import BEGINNING, StreamCursor
from gitfleet.jobs.streams.lines import StreamLine
from gitfleet.nodes.jobs_seen import JobsSeen, SeenJob


class Replay(Struct):
    """A job and each line of its agents, behind the number of its attempt. `missing`: why there is nothing to be had, in words."""

    job: JobRecord
    lines: Iterable[tuple[int, StreamLine]] = ()
    missing: str = ""

    @property
    def warnings(self) -> list[str]:
        """The same as a list."""
        return [self.missing] if self.missing else []


def find(
    store: JobStore, clone: Clone | None, wanted: JobFilter, *, open_first: bool = False
) -> list[JobRecord]:
    """The jobs that are asked for, newest first, or first those that have not ended. Reads no more of the others than it needs."""
    here = views.find(store, seen(clone), wanted, open_first=open_first)
    full = bool(wanted.limit) and len(here) == wanted.limit
    if clone is None or (full and open_first and not here[-1].ended):
        return here
    known = {job.id for job in here}
    last = here[-1].id if full else ""
    with JobsSeen(clone.repository, clone.ledger) as others:
        told = takewhile(lambda one: one.id > last, others.newest())
        fresh = (one for one in told if one.id not in known and job_ids.is_id(one.id))
        found = list(_admitted(others, fresh, wanted))
    rows = {job.id: job for job in [*found, *here]}
    jobs = sorted(rows.values(), key=lambda job: job.id, reverse=True)
    if open_first:
        jobs.sort(key=lambda job: job.ended)
    return jobs[: wanted.limit] if wanted.limit else jobs


def get(store: JobStore, clone: Clone | None, job_id: str) -> JobRecord:
    """One job. Raises JobNotFoundError."""
    try:
        job = views.get(store, seen(clone), job_id)
    except JobNotFoundError:
        archived = _archived(clone, job_id)
        if archived is None:
            raise
        return archived.job
    archived = _archived(clone, job_id) if job.node else None
    return _newer(job, archived.job) if archived else job


def replay(store: JobStore, clone: Clone | None, job_id: str, start: StreamCursor = BEGINNING) -> Replay:
    """One job with what its agents wrote from `start` on. Raises JobNotFoundError, and the hub's errors where that has to be asked."""
    job = get(store, clone, job_id)
    if store.has(job_id) and not job.node:
        return Replay(job, outputs.lines(store, job_id, start))
    archived = _archived(clone, job_id)
    if archived is None or clone is None:
        return Replay(
            job, missing=f"What its agent wrote is at node {display(job.node)}, which has yet to archive it."
        )
    if not archived.streams:
        return Replay(job)
    with JobsSeen(clone.repository, clone.ledger) as others:
        files = others.streams(archived.node, archived.streams)
    if files is None:
        words = f"The hub does not have what its agent wrote: node {display(archived.node)} has not sent it, or keeps it no more."
        return Replay(job, missing=words)
    place = tuple(start)
    return Replay(job, (row for row in packing.unpack(files) if (row[0], row[1].seq) >= place))


def _admitted(others: JobsSeen, told: Iterable[SeenJob], wanted: JobFilter) -> Iterator[JobRecord]:
    left = wanted.limit or -1
    for one in told:
        archived = _read(others, one)
        if archived is None:
            continue
        if archived.job.created_at < wanted.since:
            return
        if wanted.admits(archived.job):
            yield archived.job
            left -= 1
            if not left:
                return


def _archived(clone: Clone | None, job_id: str) -> ArchivedJob | None:
    """What other nodes tell of the job; of several, who had it last."""
    if clone is None or not job_ids.is_id(job_id):
        return None
    with JobsSeen(clone.repository, clone.ledger) as others:
        found = [archived for one in others.where(job_id) if (archived := _read(others, one))]
    return max(found, key=lambda one: (one.job.fence, one.job.completed_at), default=None)


def _read(others: JobsSeen, one: SeenJob) -> ArchivedJob | None:
    data = others.record(one)
    try:
        return archived_job.load(data, one.id, one.node) if data is not None else None
    except Corrupt as error:
        others.warnings.append(error.message)
        return None


def _newer(job: JobRecord, archived: JobRecord) -> JobRecord:
    """What the fleet's ledger says, with what its node tells besides."""
    if archived.node != job.node or not job.ended:
        return job
    return replace(archived, prompt=archived.prompt or job.prompt)
