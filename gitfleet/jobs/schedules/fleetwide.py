"""Schedules of agents whose jobs any node may run: of all clones that plan a time, one has its job made.

Each names that job by the schedule and its time, so the ledger keeps the first, and the others hear that it is there. A cron expression plans
the same times everywhere; an interval begins when a clone first sees it, so there the stretch counts that a time lies in.
"""

from __future__ import annotations

from gitfleet.clone import Clone
from gitfleet.codec import replace
from gitfleet.dispatch import model
from gitfleet.dispatch.model import SharedJob
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Schedule
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.schedules.known import KnownSchedule
from gitfleet.jobs.shared.desk import SharedDesk
from gitfleet.jobs.words import SkipReason


def applies(one: KnownSchedule) -> bool:
    """Whether its times are the whole fleet's: its agent's file has all its jobs run anywhere, and it is no schedule of the agent's own. Pure."""
    return bool(one.agent.anywhere) and one.own is None


def job_id(agent_name: str, name: str, rules: Schedule, planned: int) -> str:
    """The id of the job of a planned time (milliseconds since 1970), the same in every clone. Pure."""
    moment = planned if rules.interval is None else planned - planned % rules.interval
    return job_ids.derived(moment, f"{agent_name} {name} {moment}")


def offer(store: JobStore, known: Configuration, one: KnownSchedule, job: JobRecord) -> SkipReason | None:
    """Offer the job of a time that has come to the fleet, under its id; None where that was the first, else why it makes none here.

    Twice is harmless. Raises NoFleet, PolicyRefused, HubError.
    """
    with Clone.open(one.agent.working_directory) as clone:
        if any(_before(other, job) for other in model.open_jobs(clone.current().view)):
            return SkipReason.OVERLAP
        desk = SharedDesk(clone.ledger, store)
        desk.offer(replace(job, working_directory=""), known.fleet.lease // 1000)
        there = model.find(clone.current().view, job.id)
        own = there is None or (there.node, there.made) == (clone.ledger.node.id, job.created_at)
        return None if own else SkipReason.ELSEWHERE


def _before(other: SharedJob, job: JobRecord) -> bool:
    """Whether it is an earlier job of the same schedule."""
    return (other.agent, other.schedule) == (job.agent_name, job.schedule_name) and other.id != job.id
