"""Jobs that other clones run as their own, as the fleet sees them: by the sessions that their attempts work as.

Where they end, their nodes tell of them in full. Until then this is all that is known: whose they are, where, and since when.
"""

from __future__ import annotations

from collections.abc import Iterator

from gitfleet.base.names import NodeId
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.words import JobStatus
from gitfleet.ledger.model import View
from gitfleet.sessions import session_records
from gitfleet.sessions.session_records import Session

_BETWEEN = ": "


def title(agent_name: str, job_id: str) -> str:
    """What the session of a job's attempt is called, by which others know what it is for."""
    return f"{agent_name}{_BETWEEN}{job_id}"


def elsewhere(view: View | None, own: NodeId) -> Iterator[JobRecord]:
    """The jobs whose attempts are at work on other nodes than our own, as records without a prompt. Pure."""
    for session in session_records.readable(view) if view is not None else ():
        job_id = session.title.rpartition(_BETWEEN)[2]
        if session.node != own and job_ids.is_id(job_id):
            yield _record(session, job_id)


def _record(session: Session, job_id: str) -> JobRecord:
    started = session.started_at * 1000
    attempt = AttemptRecord(
        0, session.id, worktree=session.worktree, branch=session.branch, base=session.base, started_at=started
    )
    return JobRecord(
        id=job_id,
        agent_name=session.agent,
        status=JobStatus.RUNNING,
        created_at=job_ids.made_at(job_id),
        started_at=started,
        attempts=(attempt,),
        node=session.node,
    )
