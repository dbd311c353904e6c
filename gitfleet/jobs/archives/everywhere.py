"""Jobs wherever they run: those of this clone and of its fleet's ledger, and those of other nodes, which these tell of in full once they have ended.

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
from gitfleet.jobs.archives import archived_job, at_work, packing
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

_SECOND = 1000


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
        going = {one.id: _latest(others, one) for one in _at_work(clone) if one.id not in known}
        found = [job for job in _admitted(others, fresh, wanted) if job.id not in going]
    rows = {job.id: job for job in [*filter(wanted.admits, going.values()), *found, *here]}
    jobs = sorted(rows.values(), key=lambda job: job.id, reverse=True)
    if open_first:
        jobs.sort(key=lambda job: job.ended)
    return jobs[: wanted.limit] if wanted.limit else jobs


def get(store: JobStore, clone: Clone | None, job_id: str) -> JobRecord:
    """One job. Raises JobNotFoundError."""
    try:
        job = views.get(store, seen(clone), job_id)
    except JobNotFoundError:
        going = next((one for one in _at_work(clone) if one.id == job_id), None)
        if going is not None and clone is not None:
            with JobsSeen(clone.repository, clone.ledger) as others:
                return _latest(others, going)
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
    if job.ended and not job.node:
        return Replay(job)
    if archived is None or clone is None or not job.ended:
        return Replay(job, missing=_not_yet(job))
    if not archived.streams:
        return Replay(job)
    with JobsSeen(clone.repository, clone.ledger) as others:
        files = others.streams(archived.node, archived.streams)
    if files is None:
        words = f"The hub does not have what its agent wrote: node {display(archived.node)} has not sent it, or has deleted it."
        return Replay(job, missing=words)
    place = tuple(start)
    return Replay(job, (row for row in packing.unpack(files) if (row[0], row[1].seq) >= place))


def _not_yet(job: JobRecord) -> str:
    if job.offered:
        return "Its agent has written nothing yet: any node of the fleet may take it, and none has."
    if job.ended:
        return f"What its agent wrote is at node {display(job.node)}, which has yet to archive it."
    return f"It runs at node {display(job.node)}: what its agent writes is known there, and here once it has ended."


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
        return _told(others, job_id)


def _told(others: JobsSeen, job_id: str) -> ArchivedJob | None:
    found = [archived for one in others.where(job_id) if (archived := _read(others, one))]
    return max(found, key=lambda one: (one.job.fence, one.job.completed_at), default=None)


def _at_work(clone: Clone | None) -> Iterator[JobRecord]:
    return at_work.elsewhere(clone.current().view, clone.ledger.node.id) if clone else iter(())


def _latest(others: JobsSeen, going: JobRecord) -> JobRecord:
    """A job that is at work, with what its node told of it when it had ended before; as it ended, where that came later."""
    archived = _told(others, going.id)
    if archived is None:
        return going
    before = archived.job
    if before.completed_at >= going.started_at + _SECOND:
        return before
    attempts = (*before.attempts, *going.attempts)
    return replace(before, status=going.status, outcome=None, error="", completed_at=0, attempts=attempts)


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
