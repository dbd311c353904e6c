"""Records of jobs: ids, what a reader sees, filters, what a crash leaves, and how long they are kept."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from gitfleet.codec import replace
from gitfleet.errors import UsageError
from gitfleet.jobs.errors import JobNotFoundError
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import RECORD, JobFilter, JobStore
from gitfleet.jobs.words import AttemptOutcome, JobStatus
from tests.jobs.dying import DIES_IN
from tests.workbench import ROOT, Entrant, Race, run


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(str(tmp_path / "state"))


def made(store: JobStore, agent: str = "tidy", **more: Any) -> JobRecord:
    return store.create(JobRecord(job_ids.new(), agent, JobStatus.QUEUED, **more))


def ended(store: JobStore, agent: str = "tidy", status: JobStatus = JobStatus.COMPLETED) -> JobRecord:
    return store.update(made(store, agent).id, lambda job: replace(job, status=status))


def test_job_that_ended_is_opened_again_and_retention_does_not_know_it(store: JobStore) -> None:
    job = ended(store, status=JobStatus.FAILED)
    again = store.reopen(job.id, lambda one: replace(one, status=JobStatus.QUEUED))
    assert store.open_jobs() == [again]
    assert store.counts() == {}
    assert store.retain(0) == []
    assert store.find(JobFilter("tidy")) == [again]
    store.update(job.id, lambda one: replace(one, status=JobStatus.COMPLETED))
    assert (store.open_ids(), store.counts()) == ([], {"completed": 1})


REOPENS = (
    DIES_IN
    + """
import sys
from gitfleet.base import files
from gitfleet.codec import replace
from gitfleet.jobs.records import store
from gitfleet.jobs.words import JobStatus
dies_in({step})
store.JobStore(sys.argv[1]).reopen(sys.argv[2], lambda job: replace(job, status=JobStatus.QUEUED))
"""
)


@pytest.mark.parametrize(
    ("step", "after"),
    [
        ("files, 'touch', after=True", JobStatus.FAILED),
        ("files, 'remove', after=True", JobStatus.FAILED),
        ("store, '_save', after=True", JobStatus.QUEUED),
    ],
)
def test_opening_again_that_was_cut_short_leaves_a_job_that_has_ended_or_has_not(
    store: JobStore, step: str, after: JobStatus
) -> None:
    job = ended(store, status=JobStatus.FAILED)
    argv = [sys.executable, "-c", REOPENS.format(step=step), store.folder, job.id]
    run(argv, Path(store.folder), env={"PYTHONPATH": str(ROOT)}).ended(-signal.SIGKILL)
    store.mend()
    assert store.get(job.id).status is after
    over = after is JobStatus.FAILED
    assert (store.open_ids(), store.counts()) == (([], {"failed": 1}) if over else ([job.id], {}))


def test_open_jobs_that_the_caller_is_sure_of_are_not_looked_at_until_they_go(store: JobStore) -> None:
    one, other = made(store), made(store)
    sure = frozenset([one.id, other.id])
    assert store.open_jobs(sure) == [one, other]
    later = store.update(one.id, lambda job: replace(job, priority=3))
    assert store.open_jobs(frozenset([other.id])) == [later, other]
    store.update(other.id, lambda job: replace(job, priority=3))
    new = made(store)
    assert store.open_jobs(sure) == [later, other, new]
    store.update(other.id, lambda job: replace(job, status=JobStatus.CANCELLED))
    assert store.open_jobs(sure) == [later, new]


@pytest.mark.parametrize("agent", ["", "tidy"])
def test_jobs_with_a_status_are_found_by_their_names_alone(store: JobStore, agent: str) -> None:
    failed, fine, waits = ended(store, status=JobStatus.FAILED), ended(store), made(store)
    os.unlink(os.path.join(store.attempt_folder(fine.id, 1), os.pardir, RECORD))
    for statuses, wanted in (
        (["failed"], [failed]),
        (["failed", "queued"], [waits, failed]),
        (["completed"], []),
    ):
        assert store.find(JobFilter(agent, statuses)) == wanted


def test_open_jobs_are_read_again_when_they_have_changed_and_only_then(store: JobStore) -> None:
    jobs = [made(store) for _ in range(3)]
    for job in jobs:
        aged(store, job)
    first = {one.id: one for one in store.open_jobs()}
    changed = store.update(jobs[0].id, lambda one: replace(one, priority=7))
    young = store.update(jobs[1].id, lambda one: replace(one, priority=1))
    aged(store, young)
    store.update(jobs[2].id, lambda one: replace(one, status=JobStatus.COMPLETED))
    second = {one.id: one for one in store.open_jobs()}
    assert second == {changed.id: changed, young.id: young}
    assert store.open_jobs() == [changed, young]
    assert first[jobs[0].id] == jobs[0]
    aged(store, changed)
    kept = {one.id: one for one in store.open_jobs()}
    again = {one.id: one for one in store.open_jobs()}
    assert all(kept[name] is again[name] for name in kept)


def aged(store: JobStore, job: JobRecord) -> None:
    """Have a record be an hour old."""
    path = Path(store._home(job.id), RECORD)
    old = path.stat().st_mtime - 3600
    os.utime(path, (old, old))


def test_job_that_is_not_opened_again_after_all_stays_as_it_was(store: JobStore) -> None:
    job = ended(store, status=JobStatus.FAILED)

    def refuse(one: JobRecord) -> JobRecord:
        raise UsageError(one.id)

    with pytest.raises(UsageError):
        store.reopen(job.id, refuse)
    assert (store.open_ids(), store.counts(), store.get(job.id)) == ([], {"failed": 1}, job)


def test_ids_that_are_made_in_a_row_are_unique_and_rise() -> None:
    many = [job_ids.new() for _ in range(100_000)]
    assert sorted(set(many)) == many


@pytest.mark.parametrize(
    "text",
    [
        "",
        "job-",
        "../../etc/passwd",
        "job-../../../../../../../../../x",
        "job-" + "0" * 25 + "/",
        "job-" + "Z" * 26,
    ],
)
def test_id_that_is_none_is_refused(store: JobStore, text: str) -> None:
    with pytest.raises(JobNotFoundError) as caught:
        store.get(text)
    assert caught.value.code == "JOB_NOT_FOUND"


def test_record_that_was_kept_is_read_as_it_was(store: JobStore) -> None:
    attempt = AttemptRecord(1, "tidy-1", outcome=AttemptOutcome.SUCCESS, cost=0.25, text="broken \udc80")
    job = made(store, prompt="Tidy up", attempts=(attempt,), priority=-3)
    assert JobStore(store.folder).get(job.id) == job


def test_job_that_has_ended_does_not_change_any_more(store: JobStore) -> None:
    job = ended(store, status=JobStatus.CANCELLED)
    assert store.update(job.id, lambda job: replace(job, status=JobStatus.RUNNING)) == job
    assert store.open_ids() == []


def test_jobs_that_are_asked_for_come_newest_first(store: JobStore) -> None:
    jobs = [ended(store), made(store, "other"), ended(store, status=JobStatus.FAILED), made(store)]
    ids = [job.id for job in jobs]
    assert [job.id for job in store.find(JobFilter())] == ids[::-1]
    assert [job.id for job in store.find(JobFilter(limit=2))] == ids[:1:-1]
    assert [job.id for job in store.find(JobFilter("tidy"))] == [ids[3], ids[2], ids[0]]
    assert [job.id for job in store.find(JobFilter(statuses=("failed",)))] == [ids[2]]
    assert [job.id for job in store.find(JobFilter("../.."))] == [ids[3], ids[1]][:0]
    assert store.counts() == {"completed": 1, "failed": 1}


def test_state_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is no folder"):
        JobStore(str(tmp_path / "file"))


@pytest.mark.parametrize("data", [b"{broken", b"", b"[1]", b'{"id": 5}', b"\xff\x00", None])
def test_job_whose_record_cannot_be_read_is_kept_and_hides_no_other(
    store: JobStore, data: bytes | None
) -> None:
    job, other = made(store), made(store)
    (record,) = Path(store.folder).glob(f"jobs/*/*/{job.id}/{RECORD}")
    if data is None:
        record.unlink()
        record.mkdir()
    else:
        record.write_bytes(data)
    store.mend()
    assert store.open_ids() == [job.id, other.id]
    assert store.find(JobFilter()) == store.open_jobs() == [other]
    with pytest.raises(JobNotFoundError, match="cannot be read"):
        store.get(job.id)
    with pytest.raises(JobNotFoundError):
        store.update(job.id, lambda job: job)
    assert record.is_dir() if data is None else record.read_bytes() == data


def test_what_a_crash_left_half_done_is_mended(store: JobStore) -> None:
    job = ended(store)
    open_folder = Path(store.folder, "open")
    (open_folder / job.id).touch()
    (open_folder / job_ids.new()).touch()
    store.mend()
    assert store.open_ids() == []
    assert store.find(JobFilter("tidy")) == [job]


def test_retention_takes_the_oldest_that_have_ended_and_none_that_runs(store: JobStore) -> None:
    running = made(store)
    jobs = [ended(store) for _ in range(5)]
    others = [ended(store, "other") for _ in range(2)]
    assert store.retain(per_agent=2) == [job.id for job in jobs[:3]]
    assert {job.id for job in store.find(JobFilter())} == {job.id for job in [running, *jobs[3:], *others]}
    assert len(store.retain(per_agent=2, total=1)) == 3
    assert {job.id for job in store.find(JobFilter())} == {running.id, others[1].id}


COUNT = """
import sys
from gitfleet.codec import replace
from gitfleet.jobs.records.store import JobStore
for _ in range(20):
    JobStore(sys.argv[1]).update(sys.argv[2], lambda job: replace(job, priority=job.priority + 1))
"""


def test_record_that_many_change_at_once_loses_no_change(store: JobStore, race: Race, tmp_path: Path) -> None:
    job = made(store)
    argv = (sys.executable, "-c", COUNT, store.folder, job.id)
    env = {"PYTHONPATH": str(ROOT)}
    for done in race([Entrant(argv, tmp_path, env)] * 4):
        done.ok()
    assert store.get(job.id).priority == 80
    assert not [name for _, _, names in os.walk(store.folder) for name in names if name.endswith(".tmp")]
