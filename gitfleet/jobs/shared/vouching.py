"""Whether a job of the fleet is still this node's, before its work leaves the clone: asked of the hub, since another node may have begun it."""

from __future__ import annotations

from gitfleet.clone import Clone
from gitfleet.dispatch import model, rules
from gitfleet.dispatch.rules import HeldLease, RenewJobs
from gitfleet.errors import Conflict
from gitfleet.jobs.records.job_record import JobRecord


def demand_ours(path: str, job: JobRecord, patience: float) -> None:
    """Raise Conflict where a job that any node may run is another one's by now, and the hub's errors while that cannot be told.

    Otherwise it is ours for the time of a lease, or has ended as ours. `path` is in the repository whose fleet it is.
    """
    if not job.fence:
        return
    with Clone.open(path, patience=patience) as clone:
        ledger = clone.ledger
        told = ledger.request(rules.renew, ledger.itself, RenewJobs((HeldLease(job.id, job.fence),)))
        known = model.find(clone.current().view, job.id)
        ended_here = known is not None and known.end is not None and known.end.fence == job.fence
        if job.id in told.kept or known is None or ended_here:
            return
    raise Conflict(
        "The fleet heard nothing of this job for too long, so another node does it.",
        hint="Its work is on its branch; deliver it by hand, if it is the better one.",
    )
