"""Tasks of two state directories and one fleet: who has them, what a crash leaves, and what the keeper makes of it."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitfleet.clone import Clone
from gitfleet.codec import replace
from gitfleet.dispatch import work
from gitfleet.dispatch.work import TakenWork
from gitfleet.gates import watching
from gitfleet.jobs.attempts import plan
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent, FleetSettings, WorkSourceRules
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.sources.keeper import TaskKeeper
from gitfleet.jobs.sources.source import SourceAway
from gitfleet.jobs.sources.task_desk import TaskDesk
from gitfleet.jobs.words import AttemptOutcome, JobStatus
from tests.jobs.sources.issue_server import TOKEN, IssueServer

LOG = logging.getLogger("tests.sources")


class Taker:
    """A state directory with its desk and its keeper."""

    def __init__(self, place: Path, name: str, rules: WorkSourceRules) -> None:
        self.rules = rules
        self.store = JobStore(str(place / ".git" / name))
        self.desk = TaskDesk(self.store, str(place))
        agent = Agent.model_validate(
            {"name": "tidy", "command": ["true"], "prompt": "Work", "work_source": rules.model_dump()}
        )
        known = Configuration({"tidy": agent}, FleetSettings(), (), "", {})
        self.agent = agent
        self.keeper = TaskKeeper(self.desk, lambda: known, LOG)

    def take(self) -> JobRecord | None:
        job = JobRecord(job_ids.new(), "tidy", JobStatus.QUEUED, prompt="Work", created_at=1)
        made = self.desk.first(self.rules, job, self.desk.look(self.rules))
        return made and self.store.create(made)

    def end(self, job: JobRecord, status: JobStatus, *, begun: bool = True) -> None:
        if begun:
            plan.take(self.store, job.id, self.agent)
        self.store.update(job.id, lambda now: replace(now, status=status, error="why"))


class Fleet:
    """Two of them, and a server with issues."""

    def __init__(self, place: Path, server: IssueServer) -> None:
        rules = WorkSourceRules.model_validate(
            {"type": "github", "repo": "ada/tidy", "url": server.url, "token": "TIDY_TOKEN"}
        )
        self.place, self.server = place, server
        self.ann, self.bob = Taker(place, "ann", rules), Taker(place, "bob", rules)

    def known(self) -> list[TakenWork]:
        with Clone.open(str(self.place)) as clone:
            return work.of_source(clone.current().view, self.ann.desk.source(self.ann.rules).source.id)


@pytest.fixture
def fleet(lone_member: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.setenv("TIDY_TOKEN", TOKEN)
    with IssueServer() as server:
        yield Fleet(lone_member, server)


def test_each_task_is_had_by_one(fleet: Fleet) -> None:
    for number in (1, 2):
        fleet.server.issue(number, "ready", body="Text")
    jobs = [taker.take() for taker in (fleet.ann, fleet.bob, fleet.ann, fleet.bob)]
    assert [[item.ref for item in job.items] if job else None for job in jobs] == [["1"], ["2"], None, None]
    first = jobs[0]
    assert first is not None
    assert first.prompt.endswith("| Issue 1\n|\n| Text\n")
    assert fleet.ann.desk.left(first) > 0
    assert fleet.ann.keeper.why(first, fleet.ann.agent) == ""


@pytest.mark.parametrize(
    ("status", "label"),
    [
        (JobStatus.COMPLETED, "done"),
        (JobStatus.FAILED, "failed"),
        (JobStatus.CANCELLED, "ready"),
        (JobStatus.INTERRUPTED, "ready"),
    ],
)
def test_label_follows_the_job(fleet: Fleet, status: JobStatus, label: str) -> None:
    fleet.server.issue(1, "ready", "bug")
    job = fleet.ann.take()
    assert job is not None
    fleet.ann.keeper.look()
    assert fleet.server.labels(1) == ["bug", "in-progress"]
    assert fleet.bob.take() is None
    fleet.ann.end(job, status)
    fleet.ann.keeper.look()
    assert fleet.server.labels(1) == sorted(["bug", label])
    assert list(fleet.ann.desk.notes.each()) == []
    assert [one.takes for one in fleet.known()] == ([1] if label == "ready" else [])
    assert (fleet.bob.take() is not None) is (label == "ready")


def test_task_that_is_never_brought_to_an_end_has_failed(fleet: Fleet) -> None:
    fleet.server.issue(1, "ready")
    for _ in range(work.MOST_TAKES):
        job = fleet.ann.take()
        assert job is not None
        fleet.ann.end(job, JobStatus.INTERRUPTED)
        fleet.ann.keeper.look()
    assert fleet.server.labels(1) == ["failed"]
    assert fleet.ann.take() is None


def test_source_that_cannot_be_told_is_told_later_by_whoever_looks(fleet: Fleet) -> None:
    fleet.server.issue(1, "ready")
    job = fleet.ann.take()
    assert job is not None
    fleet.server.refuses_writes = 403
    fleet.ann.keeper.look()
    fleet.ann.end(job, JobStatus.COMPLETED)
    other = Taker(fleet.place, "ann", fleet.ann.rules)  # after a restart, so that the source may be asked
    other.keeper.look()
    assert fleet.server.labels(1) == ["ready"]
    assert [(one.end.status if one.end else "", one.told) for one in fleet.known()] == [("done", False)]
    with pytest.raises(SourceAway) as caught:
        fleet.bob.take()
    assert TOKEN not in str(caught.value)
    fleet.server.refuses_writes = 0
    third = Taker(fleet.place, "cid", fleet.ann.rules)
    assert third.take() is None
    assert fleet.server.labels(1) == ["done"]
    assert fleet.known() == []
    last = Taker(fleet.place, "ann", fleet.ann.rules)
    last.keeper.look()
    assert (list(last.desk.notes.each()), fleet.server.labels(1)) == ([], ["done"])


def test_task_of_one_that_died_is_another_ones_after_its_lease_and_its_job_is_stopped(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.server.issue(1, "ready")
    job = fleet.ann.take()
    assert job is not None
    fleet.ann.keeper.look()
    assert fleet.bob.take() is None
    monkeypatch.setattr(watching, "over", lambda runs, *_, **__: {one.id: one.renewed for one in runs})
    taken = fleet.bob.take()
    assert taken is not None
    fleet.ann.keeper.look()
    lost = fleet.ann.store.get(job.id)
    assert (lost.status, lost.outcome) == (JobStatus.INTERRUPTED, AttemptOutcome.INTERRUPTED)
    fleet.ann.keeper.look()
    assert list(fleet.ann.desk.notes.each()) == []
    assert fleet.server.labels(1) == ["in-progress"]
    assert fleet.bob.keeper.why(taken, fleet.bob.agent) == ""


def test_what_a_crash_left_before_the_job_was_there_is_free_again(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.server.issue(1, "ready")
    monkeypatch.setattr(fleet.ann.store, "create", _dies)
    with pytest.raises(KeyboardInterrupt):
        fleet.ann.take()
    assert fleet.ann.keeper.look() > 60  # it may be just being made
    assert fleet.bob.take() is None
    (note,) = fleet.ann.desk.notes.each()
    fleet.ann.desk.notes.put(replace(note, at=0))
    fleet.ann.keeper.look()
    assert list(fleet.ann.desk.notes.each()) == []
    assert fleet.bob.take() is not None


def _dies(job: JobRecord) -> JobRecord:
    del job
    raise KeyboardInterrupt


def test_job_does_not_begin_before_its_lease_is_renewed(fleet: Fleet) -> None:
    fleet.server.issue(1, "ready")
    job = fleet.ann.take()
    assert job is not None
    os.unlink(fleet.ann.store.lease_path(job.id))
    (known,) = fleet.known()
    assert "renewed" in fleet.ann.keeper.why(job, fleet.ann.agent)
    fleet.ann.keeper.look()
    assert fleet.ann.keeper.why(job, fleet.ann.agent) == ""
    (after,) = fleet.known()
    assert known.lease is not None
    assert after.lease == replace(known.lease, renewed=1)


@pytest.mark.parametrize("gone", [False, True])
def test_job_that_is_retried_takes_its_task_again_if_nobody_else_has_it(fleet: Fleet, gone: bool) -> None:
    fleet.server.issue(1, "ready")
    job = fleet.ann.take()
    assert job is not None
    fleet.ann.end(job, JobStatus.FAILED)
    fleet.ann.keeper.look()
    if gone:
        fleet.server.issue(1, "ready")
        assert fleet.bob.take() is not None
    again = fleet.ann.store.reopen(job.id, lambda now: replace(now, status=JobStatus.QUEUED, error=""))
    assert "no longer has the work source" in fleet.ann.keeper.why(
        again, fleet.ann.agent.model_copy(update={"work_source": None})
    )
    assert fleet.ann.keeper.why(again, fleet.ann.agent)
    fleet.ann.keeper.look()
    after = fleet.ann.store.get(job.id)
    assert after.status is (JobStatus.INTERRUPTED if gone else JobStatus.QUEUED)
    if not gone:
        assert fleet.ann.keeper.why(after, fleet.ann.agent) == ""
        assert fleet.server.labels(1) == ["in-progress"]


def test_note_has_no_token_and_is_for_its_user_only(fleet: Fleet) -> None:
    fleet.server.issue(1, "ready")
    job = fleet.ann.take()
    assert job is not None
    (path,) = (Path(fleet.ann.desk.notes.folder) / name for name in os.listdir(fleet.ann.desk.notes.folder))
    assert path.stat().st_mode & 0o777 == 0o600
    assert TOKEN not in path.read_text() + json.dumps(job.encode())


def test_job_that_is_retried_while_the_keeper_waits_is_heard_of(fleet: Fleet) -> None:
    fleet.server.issue(1, "ready")
    job = fleet.ann.take()
    assert job is not None
    fleet.ann.end(job, JobStatus.FAILED)
    fleet.ann.keeper.look()
    heard = threading.Event()
    fleet.ann.keeper.start(heard.set)
    again = fleet.ann.store.reopen(job.id, lambda now: replace(now, status=JobStatus.QUEUED, error=""))
    while fleet.ann.keeper.why(again, fleet.ann.agent):  # also before the keeper's first look
        assert heard.wait(60)
        again = fleet.ann.store.get(job.id)
    fleet.ann.keeper.close()
    assert again.items[0].fence > job.items[0].fence


def test_threads_of_a_keeper_end_with_what_can_be_told(fleet: Fleet) -> None:
    fleet.server.issue(1, "ready")
    job = fleet.ann.take()
    assert job is not None
    fleet.ann.end(job, JobStatus.COMPLETED)
    fleet.ann.keeper.start(lambda: None)
    fleet.ann.keeper.close()
    fleet.ann.keeper.close()
    assert fleet.server.labels(1) == ["done"]


def test_task_that_another_one_has_done_since_it_was_listed_is_not_taken(fleet: Fleet) -> None:
    fleet.server.issue(1, "ready")
    listed = fleet.bob.desk.look(fleet.bob.rules)
    job = fleet.ann.take()
    assert job is not None
    fleet.ann.end(job, JobStatus.COMPLETED)
    fleet.ann.keeper.look()
    assert fleet.server.labels(1) == ["done"]
    mine = JobRecord(job_ids.new(), "tidy", JobStatus.QUEUED, created_at=1)
    assert fleet.bob.desk.first(fleet.bob.rules, mine, listed) is None
    assert fleet.bob.desk.notes.get(mine.id) is None
    assert fleet.known() == []
