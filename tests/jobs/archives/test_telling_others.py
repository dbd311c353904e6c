"""What is due of ended jobs is told once, whatever is killed when, and goes with the job."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitfleet.codec import replace
from gitfleet.errors import HubUnreachable
from gitfleet.fleet.fleet import Fleet
from gitfleet.git import fleetrefs
from gitfleet.jobs.archives import everywhere, telling_others
from gitfleet.jobs.errors import JobNotFoundError
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.streams.cursors import StreamCursor
from gitfleet.jobs.streams.writer import StreamWriter
from gitfleet.jobs.words import JobStatus
from gitfleet.nodes.jobs_seen import JobsSeen
from gitfleet.upkeep import exchange
from tests.fleetbench import Fleets
from tests.nodes.killing import killed, lines_of
from tests.workbench import Git


class Both:
    """Two clones: jobs end in `ada`, and are looked at in `bob`."""

    def __init__(self, fleets: Fleets) -> None:
        self.fleets = fleets
        self.ada, self.bob = fleets.open("ada"), fleets.open("bob")
        self.store, self.other = (JobStore(str(fleets.state(name) / "jobs")) for name in ("ada", "bob"))
        telling_others.note(self.store, telling_others.HUB)

    def ended(self, *said: str, **more: Any) -> JobRecord:
        attempts = tuple(AttemptRecord(number, "s") for number in range(1, len(said) + 1))
        job = self.store.create(
            JobRecord(job_ids.new(), "tidy", JobStatus.RUNNING, attempts=attempts, **more)
        )
        for number, words in enumerate(said, 1):
            path = os.path.join(self.store.attempt_folder(job.id, number), "stream.jsonl")
            with StreamWriter(path) as stream:
                stream.write("stdout", words.encode(), at=1)
                stream.write("system", b"over", at=2)
        return self.store.update(job.id, lambda one: replace(one, status=JobStatus.COMPLETED))

    def sync(self) -> list[str]:
        before = exchange.sync(self.ada).warnings
        return [*before, *exchange.sync(self.bob).warnings]

    def elsewhere(self, limit: int = 0) -> list[str]:
        return [job.id for job in everywhere.find(self.other, self.bob, JobFilter(limit=limit))]

    def replay(self, job_id: str, start: StreamCursor) -> list[tuple[int, int, str]]:
        found = everywhere.replay(self.other, self.bob, job_id, start)
        return [(number, line.seq, line.text) for number, line in found.lines]


@pytest.fixture
def both(fleets: Fleets) -> Iterator[Both]:
    made = Both(fleets)
    yield made
    made.ada.close()
    made.bob.close()


def test_job_that_ended_is_replayed_in_another_clone_after_a_sync(both: Both) -> None:
    job = both.ended("one", "two", prompt="Tidy up")
    with pytest.raises(JobNotFoundError) as caught:
        everywhere.get(both.other, both.bob, job.id)
    assert "sync" in caught.value.hint
    assert both.sync() == []
    assert everywhere.get(both.other, both.bob, job.id) == replace(job, node=both.ada.ledger.node.id)
    whole = [(1, 1, "one"), (1, 2, "over"), (2, 1, "two"), (2, 2, "over")]
    assert both.replay(job.id, StreamCursor()) == whole
    assert both.replay(job.id, StreamCursor(1, 2)) == whole[1:]
    assert both.replay(job.id, StreamCursor(2, 2)) == whole[3:]
    here = everywhere.replay(both.store, both.ada, job.id, StreamCursor(1, 2)).lines
    assert [(number, line.seq, line.text) for number, line in here] == whole[1:]
    assert both.store.marks.due() == []
    shutil.rmtree(both.fleets.hub)
    with pytest.raises(HubUnreachable):
        both.replay(job.id, StreamCursor())


def test_many_jobs_cost_one_push(both: Both, git: Git) -> None:
    jobs = [both.ended(str(number)) for number in range(5)]
    log = both.fleets.root / "pushes"
    hook = both.fleets.hub / "hooks/pre-receive"
    hook.write_text(f"#!/bin/sh\ncat >> {log}\necho push >> {log}\n")
    hook.chmod(0o755)
    assert telling_others.exchange(both.ada) == telling_others.exchange(both.ada) == []
    assert log.read_text().split("\n").count("push") == 1
    both.sync()
    assert both.elsewhere() == [job.id for job in reversed(jobs)]
    assert both.elsewhere(limit=2) == [job.id for job in reversed(jobs)][:2]


def test_jobs_of_both_clones_are_listed_newest_first(both: Both) -> None:
    old, middle = both.ended("a"), both.other.create(JobRecord(job_ids.new(), "tidy", JobStatus.QUEUED))
    new = both.ended("b")
    both.sync()
    assert both.elsewhere() == [new.id, middle.id, old.id]
    assert both.elsewhere(limit=1) == [new.id]
    assert both.elsewhere(limit=2) == [new.id, middle.id]
    found = everywhere.find(both.other, both.bob, JobFilter(statuses=("completed",), limit=1))
    assert [job.id for job in found] == [new.id]
    assert everywhere.find(both.other, both.bob, JobFilter("other")) == []


def test_page_of_many_jobs_reads_no_more_than_it_shows(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        both.ended(str(number))
        both.other.create(JobRecord(job_ids.new(), "tidy", JobStatus.QUEUED))
    both.sync()
    reads: list[object] = []

    def counted(owner: type, name: str) -> None:
        real = getattr(owner, name)

        def reading(*args: object) -> object:
            reads.append(args)
            return real(*args)

        monkeypatch.setattr(owner, name, reading)

    counted(JobStore, "get")
    counted(JobsSeen, "record")
    assert len(both.elsewhere(limit=5)) == 5
    assert len(reads) <= 10


def test_job_that_is_retained_no_more_goes_from_the_hub(both: Both) -> None:
    jobs = [both.ended(str(number)) for number in range(3)]
    both.sync()
    assert len(both.store.retain(1)) == 2
    assert both.sync() == []
    assert both.elsewhere() == [jobs[2].id]
    assert both.store.marks.told() == [jobs[2].id]


def test_job_that_was_never_told_leaves_no_mark_when_it_goes(both: Both) -> None:
    both.ended("a")
    both.store.retain(0)
    assert (both.store.marks.due(), both.store.marks.told()) == ([], [])


def test_job_whose_record_changes_after_its_end_is_told_again(both: Both) -> None:
    job = both.ended("a")
    both.sync()
    both.store.amend(job.id, lambda one: replace(one, error="not delivered"))
    assert both.store.marks.due() == [job.id]
    both.sync()
    assert everywhere.get(both.other, both.bob, job.id).error == "not delivered"


def test_job_that_has_not_ended_is_not_told(both: Both) -> None:
    job = both.ended("a")
    both.store.reopen(job.id, lambda one: replace(one, status=JobStatus.QUEUED))
    both.sync()
    assert both.elsewhere() == []
    both.store.update(job.id, lambda one: replace(one, status=JobStatus.FAILED))
    both.sync()
    assert both.elsewhere() == [job.id]


def test_switch_keeps_jobs_here_and_takes_back_what_was_told(both: Both, git: Git) -> None:
    job = both.ended("secret")
    both.sync()
    telling_others.note(both.store, telling_others.LOCAL)
    later = both.ended("secret, too")
    assert both.sync() == []
    assert both.elsewhere() == []
    assert (both.store.marks.due(), both.store.marks.told()) == ([], [])
    jobs = fleetrefs.jobs(both.ada.ledger.node.id)
    assert git(both.fleets.hub, "rev-list", "--count", jobs) == "1"
    assert git(both.fleets.hub, "ls-tree", "-r", jobs) == ""
    assert {one.id for one in both.store.find(JobFilter())} == {job.id, later.id}


def test_nothing_is_told_before_a_manager_was_at_work(both: Both) -> None:
    os.unlink(os.path.join(both.store.folder, "archive"))
    job = both.ended("a")
    both.sync()
    assert both.elsewhere() == []
    assert both.store.marks.due() == [job.id]


def test_process_that_is_killed_before_any_line_leaves_what_the_next_one_tells(both: Both) -> None:
    def action(fleet: Fleet) -> None:
        telling_others.exchange(fleet)

    both.ended("warm up")
    lines = lines_of(telling_others, lambda: action(both.ada))
    for stop in range(0, lines, max(1, lines // 5)):
        job = both.ended("a")
        killed(both.fleets.clone("ada"), telling_others, action, stop)
        both.sync()
        assert both.elsewhere(limit=1) == [job.id]
        assert both.replay(job.id, StreamCursor()) == [(1, 1, "a"), (1, 2, "over")]
        assert both.store.marks.due() == []


def test_record_of_another_node_that_cannot_be_read_is_passed_over(both: Both, tmp_path: Path) -> None:
    job = both.ended("a")
    both.sync()
    clone, ref = both.fleets.clone("bob"), fleetrefs.seen_jobs("origin") + both.ada.ledger.node.id
    assert both.elsewhere() == [job.id]
    run = Git()
    blob = run(clone, "hash-object", "-w", "--stdin", stdin="{}")
    index = {"GIT_INDEX_FILE": str(tmp_path / "index")}
    for name in (f"{job.id[:9]}/{job.id}.json", "job-zzzzz/job-zzzzz.json"):
        run(clone, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", env=index)
    tree = run(clone, "write-tree", env=index)
    run(clone, "update-ref", ref, run(clone, "commit-tree", tree, "-m", "x"))
    assert both.elsewhere() == []
    with pytest.raises(JobNotFoundError):
        everywhere.get(both.other, both.bob, job.id)
