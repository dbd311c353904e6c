"""When a task counts as done whose agent has its work land through the merge queue."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gitfleet.clone import Clone
from gitfleet.codec import replace
from gitfleet.jobs.attempts import plan
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.delivery_record import Delivery, WorkBack
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.sources import standing
from gitfleet.jobs.sources.standing import TaskFate
from gitfleet.jobs.words import JobStatus

COMPLETED, FAILED = JobStatus.COMPLETED, JobStatus.FAILED


class Ended:
    """Jobs that have ended, in a store of their own."""

    def __init__(self, place: Path) -> None:
        self.store, self.place = JobStore(str(place / ".git/gitfleet/jobs")), place
        with Clone.open(str(place)) as clone:
            self.view = clone.current().view

    def job(self, status: JobStatus = COMPLETED, *, queue: bool = True, **more: Any) -> JobRecord:
        back = more.pop("back", WorkBack())
        attempt = AttemptRecord(1, "s", delivery=Delivery(**more))
        made = JobRecord(job_ids.new(), "tidy", status, attempts=(attempt,), back=back)
        text = {"name": "tidy", "working_directory": str(self.place), "command": ["x"], "queue": queue}
        agent = Agent.model_validate(text)
        path = os.path.join(self.store.attempt_folder(made.id, 1), plan.NAME)
        Path(path).write_text(agent.model_dump_json())
        return self.store.create(made)

    def of(self, job: JobRecord) -> tuple[TaskFate, str]:
        found = standing.of(self.store, self.view, job)
        return found.standing, found.entry


@pytest.fixture
def ended(lone_member: Path) -> Ended:
    return Ended(lone_member)


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({}, TaskFate.AS_ENDED),
        ({"status": FAILED}, TaskFate.AS_ENDED),
        ({"queue": False, "pushed": "c", "waits": "the hub is away"}, TaskFate.AS_ENDED),
        ({"waits": "the hub is away"}, TaskFate.UNDER_WAY),
        ({"entry": "e"}, TaskFate.UNDER_WAY),
        ({"entry": "e", "became": "landed as 123"}, TaskFate.DONE),
        ({"entry": "e", "became": "back: rejected"}, TaskFate.FAILED),
        ({"refused": "not queued: the rules say no"}, TaskFate.FAILED),
    ],
)
def test_task_stands_as_the_work_of_its_job_does(
    ended: Ended, facts: dict[str, Any], wanted: TaskFate
) -> None:
    assert ended.of(ended.job(**facts)) == (wanted, facts.get("entry", ""))


@pytest.mark.parametrize(
    ("status", "facts", "wanted"),
    [
        (JobStatus.QUEUED, {}, TaskFate.UNDER_WAY),
        (JobStatus.RUNNING, {}, TaskFate.UNDER_WAY),
        (FAILED, {}, TaskFate.FAILED),
        (COMPLETED, {"entry": "e"}, TaskFate.UNDER_WAY),
        (COMPLETED, {"entry": "e", "became": "landed as 123"}, TaskFate.DONE),
    ],
)
def test_job_that_goes_on_with_what_came_back_counts_for_the_task(
    ended: Ended, status: JobStatus, facts: dict[str, Any], wanted: TaskFate
) -> None:
    again = ended.job(status, back=WorkBack(number=1, entry="e"), **facts)
    first = ended.job(entry="e", became="back: rejected", again=again.id)
    assert ended.of(first) == (wanted, "e")
    lost = replace(
        first, attempts=(replace(first.attempts[0], delivery=replace(first.attempts[0].delivery, again=job_ids.new())),)
    )  # fmt: skip
    assert ended.of(lost) == (TaskFate.FAILED, "e")
