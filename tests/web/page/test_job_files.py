"""What wakes the pages of jobs and hosts: what agents at work write, what is spent, new plans; and nothing where there are no jobs."""

from __future__ import annotations

import os
from pathlib import Path

from gitfleet.base import clock, identity, statefile
from gitfleet.jobs import waiting
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.waiting import HeldBack
from gitfleet.jobs.words import JobStatus
from gitfleet.web.page import job_files
from tests.fleet.views.test_plan_shelf import planned
from tests.fleetbench import Fleets


def test_clone_without_jobs_has_nothing_to_watch(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        assert job_files.written(fleet) == []


def test_streams_of_jobs_at_work_are_watched_and_those_of_others_are_not(fleets: Fleets) -> None:
    store = JobStore(str(fleets.state("alone") / "jobs"))
    made = [
        store.create(
            JobRecord(
                job_ids.new(), "ada", JobStatus.RUNNING, created_at=clock.milliseconds(), attempts=tries
            )
        )
        for tries in ((AttemptRecord(1, "s"), AttemptRecord(2, "t")), (AttemptRecord(1, "u"),), ())
    ]
    running = {made[0].id: "ada", made[2].id: "ada", job_ids.new(): "gone"}
    held = HeldBack(identity.identify(os.getpid()), running=running)
    statefile.save(os.path.join(store.folder, waiting.FILE), held, mode=0o600, durable=False)
    with fleets.open("alone") as fleet:
        found = job_files.written(fleet)
    streams = [path for path in found if path.endswith("stream.jsonl")]
    assert [Path(path).parent.name for path in streams] == ["attempt-2"]
    assert made[0].id in streams[0]
    assert any("/spent/" in path for path in found)
    assert not Path(streams[0]).parent.exists()  # to look makes nothing


def test_folder_of_plans_changes_with_a_new_plan(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        planned(fleet, 7200, end="aaaa")
        (folder,) = job_files.folders(fleet)
        before = os.stat(folder).st_mtime_ns
        names = set(os.listdir(folder))
        planned(fleet, 60)
        assert set(os.listdir(folder)) > names
        assert os.stat(folder).st_mtime_ns >= before
