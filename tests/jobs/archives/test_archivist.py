"""The manager's thread that tells the other nodes of jobs that have ended."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gitfleet.codec import replace
from gitfleet.git import fleetrefs
from gitfleet.jobs.archives import archivist, everywhere, telling_others
from gitfleet.jobs.archives.archivist import Archivist
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import FleetSettings
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.words import JobStatus
from tests.fleetbench import Fleets
from tests.workbench import Git

LOG = logging.getLogger("test of archives")


def archivist_of(fleets: Fleets, store: JobStore, name: str = "ada", *, archive: str = "hub") -> Archivist:
    settings = FleetSettings.model_validate({"history": {"archive": archive}})
    return Archivist(store, str(fleets.clone(name)), lambda: Configuration({}, settings, (), "", {}), LOG)


def ended(store: JobStore) -> str:
    job = store.create(JobRecord(job_ids.new(), "tidy", JobStatus.QUEUED))
    return store.update(job.id, lambda one: replace(one, status=JobStatus.FAILED)).id


def test_jobs_that_end_within_a_minute_go_with_two_pushes_at_most(fleets: Fleets) -> None:
    log, hook = fleets.root / "pushes", fleets.hub / "hooks/pre-receive"
    hook.write_text(f"#!/bin/sh\ncat > {log}.refs\necho push >> {log}\n")
    hook.chmod(0o755)
    store = JobStore(str(fleets.root / "state"))
    jobs, ours = [ended(store)], archivist_of(fleets, store)
    ours.start()
    jobs += [ended(store) for _ in range(5)]
    ours.close()
    ours.close()
    assert len(log.read_text().split()) <= 2
    with fleets.open("bob") as bob:
        bob.ledger.sync(*bob.node_ref.wanted)
        found = everywhere.find(JobStore(str(fleets.root / "other")), bob, JobFilter())
    assert [job.id for job in found] == jobs[::-1]
    again = archivist_of(fleets, store)
    again.start()
    again.close()
    assert len(log.read_text().split()) <= 2


def test_hub_that_is_away_is_told_of_once_and_keeps_nobody_waiting(
    fleets: Fleets, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archivist, "EVERY", 0.01)
    away = fleets.hub.rename(fleets.root / "away")
    store = JobStore(str(fleets.root / "state"))
    job, ours = ended(store), archivist_of(fleets, store)
    with caplog.at_level(logging.WARNING, LOG.name):
        ours.start()
        ours.close()
    assert len([one for one in caplog.records if "not sent" in one.message]) <= 1
    assert store.marks.due() == []
    away.rename(fleets.hub)
    ours.start()
    ours.close()
    with fleets.open("bob") as bob:
        bob.ledger.sync(*bob.node_ref.wanted)
        assert everywhere.get(JobStore(str(fleets.root / "other")), bob, job).id == job


def test_jobs_stay_here_where_the_fleet_file_says_so(fleets: Fleets, git: Git) -> None:
    store = JobStore(str(fleets.root / "state"))
    ended(store)
    ours = archivist_of(fleets, store, archive="local")
    ours.start()
    ours.close()
    assert telling_others.noted(store) == "local"
    assert store.marks.due() == []
    assert fleetrefs.JOBS not in git(fleets.hub, "for-each-ref")


def test_switch_takes_back_what_was_told_though_no_job_ends(fleets: Fleets, git: Git) -> None:
    store = JobStore(str(fleets.root / "state"))
    job, where = ended(store), ["hub"]

    def configured() -> Configuration:
        settings = FleetSettings.model_validate({"history": {"archive": where[0]}})
        return Configuration({}, settings, (), "", {})

    ours = Archivist(store, str(fleets.clone("ada")), configured, LOG)
    ours.start()
    ours.close()
    with fleets.open("ada") as ada:
        ref = fleetrefs.jobs(ada.ledger.node.id)
    assert job in git(fleets.hub, "ls-tree", "-r", ref)
    ours.start()
    where[0] = "local"
    ours.heed()
    ours.close()
    assert git(fleets.hub, "ls-tree", "-r", ref) == ""


def test_repository_without_a_fleet_tells_nobody(repository: Path, fleets: Fleets) -> None:
    store = JobStore(str(fleets.root / "state"))
    job = ended(store)
    ours = Archivist(store, str(repository), lambda: Configuration({}, FleetSettings(), (), "", {}), LOG)
    ours.start()
    ours.close()
    assert store.marks.due() == [job]
