"""What a state directory does with jobs of its fleet: two of one clone, which is its own hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import clock
from gitfleet.clone import Clone
from gitfleet.codec import replace
from gitfleet.dispatch import model
from gitfleet.dispatch.model import SharedJob
from gitfleet.dispatch.rules import LapsedLease
from gitfleet.errors import Conflict, PolicyRefused, UsageError
from gitfleet.jobs.attempts import plan
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.errors import InvalidStateError, JobNotFoundError
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.shared import views, vouching
from gitfleet.jobs.shared.desk import SharedDesk
from gitfleet.jobs.shepherd import lease
from gitfleet.jobs.words import AttemptOutcome, JobStatus


class Desks:
    """Two desks on one ledger."""

    def __init__(self, place: Path) -> None:
        self.clone = Clone.open(str(place))
        self.ledger = self.clone.ledger
        self.ann, self.bob = (
            SharedDesk(self.ledger, JobStore(str(place / ".git" / name))) for name in ("ann", "bob")
        )

    @property
    def view(self) -> Any:
        return self.clone.current().view

    def offer(self, **more: Any) -> str:
        job = JobRecord(job_ids.new(), "tidy", JobStatus.QUEUED, prompt="Tidy up", created_at=1, **more)
        return self.ann.offer(job).id

    def shared(self, job_id: str) -> SharedJob:
        found = model.find(self.view, job_id)
        assert found is not None
        return found

    def end(self, desk: SharedDesk, job_id: str, outcome: AttemptOutcome, status: JobStatus) -> None:
        desk.store.update(job_id, lambda job: replace(job, status=status, outcome=outcome))

    def lapsed(self, job_id: str) -> LapsedLease:
        found = self.shared(job_id).lease
        assert found is not None
        return LapsedLease(found.fence, found.renewed)


@pytest.fixture
def desks(lone_member: Path) -> Any:
    made = Desks(lone_member)
    yield made
    made.clone.close()


def test_job_is_taken_once_runs_under_its_id_and_ends_in_the_ledger(desks: Desks) -> None:
    job = desks.offer(priority=4)
    (taken,) = desks.bob.take({job: None})
    assert desks.ann.take({job: None}) == []
    assert (taken.id, taken.prompt, taken.priority, taken.status) == (job, "Tidy up", 4, JobStatus.QUEUED)
    assert lease.left(desks.bob.store.lease_path(job), taken.fence) > 0
    desks.end(desks.bob, job, AttemptOutcome.SUCCESS, JobStatus.COMPLETED)
    assert [record.ended for record in desks.bob.settle([desks.shared(job)])] == [True]
    end = desks.shared(job).end
    assert end is not None
    assert (end.status, end.outcome) == ("completed", "success")
    desks.bob.told(desks.bob.store.get(job))  # twice is harmless


def test_job_that_was_taken_before_a_crash_is_had_but_not_begun_before_its_renewal(desks: Desks) -> None:
    job = desks.offer()
    desks.bob.take({job: None})
    other = SharedDesk(desks.ledger, JobStore(desks.bob.store.folder))
    os.unlink(desks.bob.store.lease_path(job))
    record = os.path.join(os.path.dirname(desks.bob.store.lease_path(job)), "record.json")
    os.unlink(record)
    (here,) = other.settle([desks.shared(job)])
    assert lease.left(other.store.lease_path(job), here.fence) == 0
    other.renew([desks.shared(job)])
    assert lease.left(other.store.lease_path(job), here.fence) > 0


@pytest.mark.parametrize("begun", [False, True])
def test_job_that_another_one_has_taken_since_is_let_go(desks: Desks, begun: bool) -> None:
    job = desks.offer()
    (taken,) = desks.bob.take({job: None})
    before = desks.shared(job)
    if begun:
        agent = Agent.model_validate({"name": "tidy", "command": ["true"]})
        plan.take(desks.bob.store, job, agent)
    (mine,) = desks.ann.take({job: desks.lapsed(job)})
    assert mine.fence > taken.fence
    desks.bob.renew([before])
    status = desks.bob.store.get(job).status
    assert status is (JobStatus.RUNNING if begun else JobStatus.INTERRUPTED)  # whoever concludes it says so
    desks.end(desks.bob, job, AttemptOutcome.SUCCESS, JobStatus.COMPLETED)
    desks.bob.told(desks.bob.store.get(job))
    assert desks.ann.is_ours(desks.shared(job))


def test_job_that_was_here_before_waits_again_with_its_attempts(desks: Desks) -> None:
    job = desks.offer()
    desks.bob.take({job: None})
    agent = Agent.model_validate({"name": "tidy", "command": ["true"]})
    plan.take(desks.bob.store, job, agent)
    desks.end(desks.bob, job, AttemptOutcome.INTERRUPTED, JobStatus.INTERRUPTED)
    desks.bob.settle([desks.shared(job)])
    assert desks.shared(job).lease is None
    (again,) = desks.bob.take({job: None})
    assert (again.status, len(again.attempts), again.outcome) == (JobStatus.QUEUED, 1, None)
    assert desks.bob.store.open_ids() == [job]
    assert desks.bob.store.retain(0) == []
    assert plan.take(desks.bob.store, job, agent).attempts[1].number == 2


def test_work_leaves_the_clone_only_while_the_job_is_its_own_or_ended_as_such(desks: Desks) -> None:
    job = desks.offer()
    (taken,) = desks.bob.take({job: None})
    path = str(desks.clone.repository.worktree)
    vouching.demand_ours(path, taken, 30)
    assert desks.lapsed(job).renewed == 1
    desks.end(desks.bob, job, AttemptOutcome.SUCCESS, JobStatus.COMPLETED)
    desks.bob.settle([desks.shared(job)])
    vouching.demand_ours(path, taken, 30)
    other = desks.offer()
    (taken,) = desks.bob.take({other: None})
    desks.ann.take({other: desks.lapsed(other)})
    with pytest.raises(Conflict):
        vouching.demand_ours(path, taken, 30)
    vouching.demand_ours("/nowhere", replace(taken, fence=0), 30)


def test_job_of_ones_own_is_not_touched_by_one_of_the_fleet_with_its_id(desks: Desks) -> None:
    job = desks.offer()
    own = JobRecord(job, "mine", JobStatus.QUEUED, prompt="Mine")
    desks.bob.store.create(own)
    assert desks.bob.take({job: None}) == []
    assert desks.bob.store.get(job) == own


def test_prompt_that_is_too_long_is_refused(desks: Desks) -> None:
    job = JobRecord(job_ids.new(), "tidy", JobStatus.QUEUED, prompt="x" * (model.LONGEST_PROMPT + 1))
    with pytest.raises(UsageError, match="65536"):
        desks.ann.offer(job)


def test_jobs_of_the_fleet_are_listed_with_those_of_the_clone(desks: Desks) -> None:
    waits, runs, gone = (desks.offer() for _ in range(3))
    desks.bob.take({runs: None})
    desks.ann.cancel(gone)
    own = desks.ann.store.create(JobRecord(job_ids.new(), "tidy", JobStatus.QUEUED)).id
    found = {job.id: str(job.status) for job in views.find(desks.ann.store, desks.view, JobFilter())}
    assert found == {waits: "queued", runs: "running", gone: "cancelled", own: "queued"}
    node = desks.ledger.node.id
    assert views.get(desks.ann.store, desks.view, runs).node == node
    assert views.get(desks.bob.store, desks.view, runs).node == ""
    assert [job.id for job in views.find(desks.ann.store, desks.view, JobFilter(limit=2))] == [own, gone]
    first = views.find(desks.ann.store, desks.view, JobFilter(limit=3), open_first=True)
    assert [job.id for job in first] == [own, runs, waits]
    only = views.find(desks.ann.store, desks.view, JobFilter(statuses=("cancelled",)))
    assert [job.id for job in only] == [gone]
    with pytest.raises(JobNotFoundError) as told:
        views.get(desks.ann.store, desks.view, job_ids.new())
    assert "sync" in told.value.hint


def test_cancelled_job_is_cancelled_by_who_runs_it(desks: Desks) -> None:
    job = desks.offer()
    desks.bob.take({job: None})
    assert desks.ann.cancel(job).end is None
    assert desks.bob.settle([desks.shared(job)])
    assert desks.bob.store.get(job).status is JobStatus.CANCELLED
    desks.bob.settle([desks.shared(job)])
    end = desks.shared(job).end
    assert end is not None
    assert end.status == "cancelled"
    with pytest.raises(InvalidStateError):
        desks.ann.cancel(job)


def test_more_jobs_than_the_fleet_keeps_are_refused(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "MOST_OPEN", 1)
    desks.offer()
    with pytest.raises(PolicyRefused):
        desks.offer()
    assert clock.parsed("2026-12-01T08:00Z") == clock.parsed("2026-12-01T09:00+01:00") == 1796112000
    assert clock.parsed("soon") == 0
