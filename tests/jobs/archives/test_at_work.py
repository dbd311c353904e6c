"""Jobs that another clone runs, or ran, as its own: what is known of them here, and what is said to who wants them dealt with."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from gitfleet.base import clock
from gitfleet.base.names import SessionId
from gitfleet.codec import replace
from gitfleet.fleet.fleet import Fleet
from gitfleet.jobs import reruns, submission
from gitfleet.jobs.archives import at_work, everywhere, jobs_elsewhere, telling_others
from gitfleet.jobs.errors import InvalidStateError, JobNotFoundError
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.words import JobStatus
from gitfleet.sessions.service import Start
from gitfleet.upkeep import exchange
from tests.fleetbench import Fleets

AGENT = "working_directory: ..\ncommand: [cat]\n"


class Looking:
    """`bob` looks at what `ada` is at."""

    def __init__(self, fleets: Fleets) -> None:
        self.there = JobStore(str(fleets.state("ada") / "jobs"))
        self.here = JobStore(str(fleets.state("bob") / "jobs"))
        telling_others.note(self.there, telling_others.HUB)
        self.ada, self.bob = fleets.open("ada"), fleets.open("bob")
        self.near = str(fleets.clone("bob"))
        folder = fleets.clone("bob") / "agents"
        folder.mkdir()
        (folder / "tidy.yaml").write_text(AGENT)
        self.known = submission.load(str(folder))

    def begun(self, job_id: str) -> None:
        title = at_work.title("tidy", job_id)
        self.ada.sessions.start(Start(SessionId(f"tidy-{job_id[-4:]}"), "tidy", title))
        self.told()

    def ended(self, status: JobStatus) -> JobRecord:
        job = JobRecord(
            job_ids.new(), "tidy", JobStatus.RUNNING, prompt="Tidy up", working_directory="/there"
        )
        self.there.create(job)
        done = self.there.update(
            job.id, lambda one: replace(one, status=status, completed_at=clock.milliseconds())
        )
        self.told()
        return done

    def told(self) -> None:
        exchange.sync(self.ada)
        exchange.sync(self.bob)

    def refusal(self, operation: str, job_id: str) -> InvalidStateError:
        rerun = {"retry_job": reruns.retry, "fork_job": reruns.fork}.get(operation)
        ask = partial(jobs_elsewhere.own, self.here, self.near, job_id, operation)
        if rerun is not None:
            ask = partial(rerun, self.here, self.known, job_id, near=self.near)
        with pytest.raises(InvalidStateError) as caught:
            ask()
        assert self.here.open_ids() == []
        return caught.value


@pytest.fixture
def looking(fleets: Fleets) -> Iterator[Looking]:
    found = Looking(fleets)
    yield found
    found.ada.close()
    found.bob.close()


@pytest.mark.parametrize(
    ("operation", "step"),
    [
        ("cancel_job", "Cancel it in that clone"),
        ("retry_job", "Wait for its end"),
        ("fork_job", "Say what the copy"),
        ("answer_job", "Answer it in that clone"),
    ],
)
def test_job_that_runs_in_another_clone_is_left_to_that(looking: Looking, operation: str, step: str) -> None:
    job_id = job_ids.new()
    looking.begun(job_id)
    error = looking.refusal(operation, job_id)
    assert f"runs at node {looking.ada.ledger.node.id}, in {looking.ada.repository.worktree}" in error.message
    assert error.hint.startswith(step)


@pytest.mark.parametrize(
    ("operation", "status", "step"),
    [
        ("cancel_job", JobStatus.FAILED, "There is nothing to cancel"),
        ("retry_job", JobStatus.FAILED, "Retry it in that clone"),
        ("retry_job", JobStatus.COMPLETED, "A copy of it can be made here"),
        ("answer_job", JobStatus.FAILED, "It asks nothing"),
    ],
)
def test_job_that_ended_in_another_clone_is_told_of(
    looking: Looking, operation: str, status: JobStatus, step: str
) -> None:
    error = looking.refusal(operation, looking.ended(status).id)
    assert f"has ended at node {looking.ada.ledger.node.id}: {status}" in error.message
    assert error.hint.startswith(step)


def test_job_that_ended_in_another_clone_is_forked_here(looking: Looking) -> None:
    job = looking.ended(JobStatus.FAILED)
    made = reruns.fork(looking.here, looking.known, job.id, near=looking.near)
    assert (made.prompt, made.forked_from, made.working_directory) == ("Tidy up", job.id, "")
    assert looking.here.open_ids() == [made.id]


def test_job_that_runs_in_another_clone_is_forked_with_a_prompt(looking: Looking) -> None:
    job_id = job_ids.new()
    looking.begun(job_id)
    made = reruns.fork(looking.here, looking.known, job_id, prompt="Only docs", near=looking.near)
    assert (made.agent_name, made.prompt) == ("tidy", "Only docs")


def test_unknown_job_stays_unknown(looking: Looking) -> None:
    for job_id in (job_ids.new(), "../x"):
        with pytest.raises(JobNotFoundError):
            jobs_elsewhere.own(looking.here, looking.near, job_id, "cancel_job")
        with pytest.raises(JobNotFoundError):
            reruns.fork(looking.here, looking.known, job_id, near=looking.near)


def test_job_that_is_tried_again_in_another_clone_is_shown_as_running(looking: Looking) -> None:
    job = looking.ended(JobStatus.FAILED)

    def shown(clone: Fleet = looking.bob) -> list[tuple[str, str, str]]:
        found = everywhere.find(looking.here, clone, JobFilter())
        assert [everywhere.get(looking.here, clone, one.id) for one in found] == found
        return [(one.id, one.status, one.prompt) for one in found]

    assert shown() == [(job.id, "failed", "Tidy up")]
    looking.there.reopen(job.id, lambda one: replace(one, completed_at=one.completed_at - 2000))
    looking.there.update(job.id, lambda one: replace(one, status=JobStatus.FAILED))
    looking.begun(job.id)
    assert shown() == [(job.id, "running", "Tidy up")]
    assert everywhere.find(looking.here, looking.bob, JobFilter(statuses=("failed",))) == []
    replay = everywhere.replay(looking.here, looking.bob, job.id)
    assert (list(replay.lines), "here once it has ended" in replay.missing) == ([], True)


def test_job_of_a_session_of_this_clone_is_not_told_of_as_another_ones(
    fleets: Fleets, tmp_path: Path
) -> None:
    with fleets.open("ada") as fleet:
        title = at_work.title("tidy", job_ids.new())
        fleet.sessions.start(Start(SessionId("tidy-1"), "tidy", title))
        assert list(at_work.elsewhere(fleet.current().view, fleet.ledger.node.id)) == []
        assert everywhere.find(JobStore(str(tmp_path / "other")), fleet, JobFilter()) == []
