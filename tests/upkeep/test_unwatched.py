"""Attempts that nobody watches over any more, ended by a round of upkeep."""

from __future__ import annotations

import os
from pathlib import Path

from gitfleet.clone import Clone
from gitfleet.jobs import job_now
from gitfleet.jobs.attempts import plan, start
from gitfleet.jobs.daemon import presence
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.words import JobStatus
from gitfleet.upkeep import unwatched
from tests.workbench import PATIENCE, Git, Gitfleet

SCRIPT = "trap '' HUP; echo part > part.txt; echo on > {gate}; exec sleep 1000"


def begun(place: Path) -> tuple[JobStore, JobRecord, control.Shepherd]:
    """A job whose agent is at work, and that no manager looks after."""
    gate = place / ".git/gate"
    os.mkfifo(gate)
    store = JobStore(str(place / ".git/gitfleet/jobs"))
    command = ["sh", "-c", SCRIPT.format(gate=gate)]
    agent = Agent.model_validate({"name": "tidy", "working_directory": str(place), "command": command})
    made = store.create(JobRecord(job_ids.new(), "tidy", JobStatus.QUEUED))
    shepherd = start.start(store, plan.take(store, made.id, agent).id, os.environ)
    assert gate.read_text() == "on\n"
    return store, store.get(made.id), shepherd


def end(place: Path) -> list[str]:
    with Clone.open(str(place)) as clone:
        return unwatched.end(clone)


def test_agent_whose_shepherd_and_manager_were_killed_is_ended_and_its_work_kept(
    member: Path, git: Git, gitfleet: Gitfleet
) -> None:
    assert end(member) == []
    store, job, shepherd = begun(member)
    folder = store.attempt_folder(job.id, 1)
    assert end(member) == []
    os.kill(shepherd.pid, 9)
    shepherd.wait(PATIENCE)
    shepherd.close()
    assert control.leftovers(folder)
    seat = presence.lock(store.folder)
    assert seat.acquire(PATIENCE)  # somebody runs the jobs, and ends it
    assert end(member) == []
    seat.release()
    told = gitfleet(member, "maintainer", "run").ok().stdout
    assert f"job {job.id}: what ran of it unwatched was ended; it is interrupted" in told
    assert control.leftovers(folder) == []
    after = store.get(job.id)
    assert job_now.of(store, [after])[job.id].phase == ""
    assert git(member, "show", f"{after.attempts[0].branch}:part.txt") == "part"
    assert end(member) == []
