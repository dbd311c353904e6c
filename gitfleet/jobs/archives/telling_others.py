"""What is due of a state directory's ended jobs, told in this node's refs: here first, and to the hub by one push for all of them.

Works in any process, with a manager and without; what was cut short is done again. Whether jobs are told at all is up to `fleet.yaml`,
which managers read: they leave word of it in the state directory, and without such a word nothing is told.
"""

from __future__ import annotations

import os

from gitfleet.base import files
from gitfleet.clone import Clone
from gitfleet.jobs.archives import archived_job, packing
from gitfleet.jobs.errors import JobNotFoundError
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd.records import STREAM
from gitfleet.ledger import own_node
from gitfleet.nodes.job_refs import JobRefs, ToldJob

HUB, LOCAL = "hub", "local"
_NOTE = "archive"
_AT_ONCE = 64
_PATIENCE = 30.0


def note(store: JobStore, where: str) -> bool:
    """Leave word of where jobs are archived: `hub` or `local`; whether that is new. Raises LocalStorage."""
    if noted(store) == where:
        return False
    path = os.path.join(files.folder(store.folder, mode=0o700), _NOTE)
    files.replace(path, where.encode(), mode=0o600)
    return True


def noted(store: JobStore) -> str:
    """What was left; "" where no manager has been at work yet."""
    return (files.read(os.path.join(store.folder, _NOTE)) or b"").decode("utf-8", "replace")


def tell(clone: Clone, store: JobStore) -> None:
    """Tell in our refs of what is due; not yet on the hub. Raises LockHeld, LocalStorage."""
    where = noted(store)
    due = store.marks.due() if where else []
    if where == LOCAL:  # of what was told before, nothing is any more
        due = sorted({*due, *store.marks.told()})
    for start in range(0, len(due), _AT_ONCE):
        _tell(clone, store, due[start : start + _AT_ONCE], told=where == HUB)


def waits(clone: Clone) -> bool:
    """Whether the hub was not seen to have all that is told here. No connection."""
    return bool(JobRefs(clone.repository, clone.ledger).waiting())


def send(clone: Clone) -> list[str]:
    """Bring to the hub what waits; warnings back. No connection where nothing does."""
    kept = JobRefs(clone.repository, clone.ledger)
    if not kept.waiting():
        return []
    node_ref = clone.node_ref
    with clone.peers() as peers:
        warning = node_ref.duplicate(peers)
    return [warning] if warning else kept.send()


def exchange(clone: Clone) -> list[str]:
    """Both, for the jobs of the clone itself; warnings back. Costs a look at two folders where there is nothing."""
    store = JobStore(own_node.jobs_folder(clone.repository.common_dir))
    if not (store.marks.due() or store.marks.told()):
        return []
    tell(clone, store)
    return send(clone)


def _tell(clone: Clone, store: JobStore, due: list[str], *, told: bool) -> None:
    kept = JobRefs(clone.repository, clone.ledger)
    jobs, gone, now = {}, [], {}
    for job_id in due:
        try:
            job = store.get(job_id)
        except JobNotFoundError:
            if not store.has(job_id):
                gone.append(job_id)
            continue
        if job.ended and told:
            store.marks.begin(job_id)
            streams = packing.pack(_streams(store, job))
            oid = kept.store(job_id, streams) if streams else ""
            now[job_id] = ToldJob(archived_job.dump(job, oid, clone.ledger.node.id), oid)
            jobs[job_id] = job
        elif job.ended:
            gone.append(job_id)
    if now or gone:
        kept.change(now, gone, anew=not told)
    with store.lock.held(_PATIENCE):
        for job in store.those(jobs):
            if job == jobs[job.id]:
                store.marks.settle(job.id, gone=False)
        for job_id in gone:
            store.marks.settle(job_id, gone=True)


def _streams(store: JobStore, job: JobRecord) -> list[tuple[int, str]]:
    return [
        (one.number, os.path.join(store.attempt_place(job.id, one.number), STREAM)) for one in job.attempts
    ]
