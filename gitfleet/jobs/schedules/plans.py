"""When each schedule fires next, written down before anything is done about it.

A time that has come is dealt with in three steps, each a file: the plan says which job is `firing`; the job is kept; the plan
goes on. So whoever finds the plan after a crash knows by the job whether that time is over, and one time makes one job.
Times are in milliseconds since 1970; 0: never.
"""

from __future__ import annotations

from gitfleet.base import clock
from gitfleet.codec import TEXT, Struct, Text, field, replace
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.schedules.schedule_files import MOMENT, PLANS, ScheduleShelf

_CUT: Text[str] = Text(1000, cut=True)


class SchedulePlan(Struct):
    """`basis`: what the plan was made by; with another it is made anew. `next` is the time after `planned`, once `firing` is a job.

    `last_*`: the planned time, the moment and the job of the last run; and of the last time that made none, with the reason.
    """

    basis: str = field(TEXT)
    planned: int = field(MOMENT)
    firing: str = field(TEXT, default="")
    next: int = field(MOMENT, default=0)
    last_planned: int = field(MOMENT, default=0)
    last_trigger: int = field(MOMENT, default=0)
    last_job: str = field(TEXT, default="")
    last_skip: int = field(MOMENT, default=0)
    skip_reason: str = field(_CUT, default="")
    changed_at: int = field(MOMENT, default=0)


def shelf(state: str) -> ScheduleShelf[SchedulePlan]:
    """The plans of a state directory."""
    return ScheduleShelf(SchedulePlan, state, PLANS)


def settled(store: JobStore, plan: SchedulePlan) -> SchedulePlan:
    """The plan without a job that is firing: the job was kept, and that time is over; or it was not, and the time is still to come."""
    if not plan.firing:
        return plan
    return fired(plan) if store.has(plan.firing) else replace(plan, firing="", next=0)


def firing(plan: SchedulePlan, job_id: str, next: int) -> SchedulePlan:
    """The plan whose time has come, for this job."""
    return replace(plan, firing=job_id, next=next, changed_at=clock.milliseconds())


def fired(plan: SchedulePlan) -> SchedulePlan:
    """The plan whose job was kept: it goes on."""
    now = clock.milliseconds()
    return replace(
        plan, planned=plan.next, firing="", next=0,
        last_planned=plan.planned, last_trigger=now, last_job=plan.firing, changed_at=now,
    )  # fmt: skip


def skipped(plan: SchedulePlan, next: int, reason: str) -> SchedulePlan:
    """The plan whose time makes no job: it goes on."""
    now = clock.milliseconds()
    return replace(
        plan, planned=next, firing="", next=0,
        last_planned=plan.planned, last_skip=plan.planned, skip_reason=reason, changed_at=now,
    )  # fmt: skip


def moved(plan: SchedulePlan | None, basis: str, planned: int) -> SchedulePlan:
    """A plan for another time; what is known of the last run stays."""
    return replace(
        plan or SchedulePlan(basis, planned), basis=basis, planned=planned, changed_at=clock.milliseconds()
    )
