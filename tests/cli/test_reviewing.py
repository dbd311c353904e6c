"""`gitfleet review`: what a session has done, and the one step that comes next."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base.names import SessionId
from gitfleet.cli import schemas
from gitfleet.fleet.views import schema
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus
from gitfleet.sessions import told_conflicts
from gitfleet.sessions.service import Start
from gitfleet.sessions.told_conflicts import Alert, Alerts
from tests.fleetbench import Fleets
from tests.operations import ask
from tests.workbench import UNSEEN, Git, Gitfleet

Review = Callable[[], dict[str, Any]]


@pytest.fixture
def agent() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def alone(fleets: Fleets, git: Git, agent: subprocess.Popen[bytes]) -> Path:
    """A clone that is its own hub, with a session `worker` on a branch `work` that has nothing yet."""
    clone = fleets.clone("alone")
    git(clone, *UNSEEN, "checkout", "--quiet", "-b", "work")
    with fleets.open("alone") as fleet:
        fleet.sessions.start(Start("worker", pid=agent.pid, agent="codex", title="Fix \x1b[2Jit"))
    return clone


def commit(git: Git, clone: Path) -> str:
    (clone / "new \x1bname").write_bytes(b"a\n\tb\x1b[31m\n")
    (clone / "blob").write_bytes(bytes(range(256)))
    git(clone, *UNSEEN, "add", "--all")
    git(clone, *UNSEEN, "commit", "--quiet", "--no-verify", "-m", "work")
    return git(clone, "rev-parse", "work")


@pytest.fixture
def review(alone: Path, gitfleet: Gitfleet) -> Review:
    def review() -> dict[str, Any]:
        data: dict[str, Any] = gitfleet(alone, "review", "worker", "--json").ok().json()["data"]
        schema.validate(schemas.COMMANDS["review"].data, data)
        return data

    return review


def test_session_that_has_committed_nothing_has_no_next_step(alone: Path, review: Review) -> None:
    found = review()
    assert (found["ahead"], found["files"], found["next"], found["dirty"]) == (0, [], "", 0)
    assert found["why"] == "It has nothing yet that the trunk lacks."
    (alone / "new").touch()
    assert review()["why"] == "It has nothing yet that the trunk lacks, but what is not committed."


def test_work_is_shown_safely_and_accepted_by_queueing_its_branch(
    alone: Path, git: Git, fleets: Fleets, gitfleet: Gitfleet, review: Review
) -> None:
    head = commit(git, alone)
    (alone / "left").touch()
    found = review()
    assert (found["branch"], found["head"], found["ahead"], found["dirty"]) == ("work", head, 1, 1)
    rows = [(row["path"], row["added"], row["removed"]) for row in found["files"]]
    assert rows == [("blob", None, None), ("new \x1bname", 2, 0)]
    assert (found["next"], found["entry"], found["diff"]) == (
        "gitfleet queue accept worker",
        None,
        None,
    )
    shown = gitfleet(alone, "review", "worker", "--diff").ok().stdout
    lines = shown.splitlines()
    assert r"worker (codex, alive): Fix \x1b[2Jit" in lines
    assert r"+       b\x1b[31m" in lines
    assert lines[-2:] == [
        "Accepting it queues its branch. What it has not committed stays out.",
        "next: `gitfleet queue accept worker`",
    ]
    assert "\x1b" not in shown
    with fleets.open("alone") as fleet:
        body = {"branch": "work", "head": head, "target": "main", "base": git(alone, "rev-parse", "main")}
        ask(fleet.ledger, "queue.add", "worker", body)
        entry = fleet.queue.find("work").id
    assert review()["next"] == f"gitfleet queue why {entry}"
    git(alone, *UNSEEN, "checkout", "--quiet", "-b", "another", "main")
    found = review()
    assert (found["branch"], found["head"], found["entry"]["id"]) == ("work", head, entry)


def test_work_that_will_conflict_or_fails_its_gate_is_not_to_be_accepted_yet(
    alone: Path, git: Git, fleets: Fleets, gitfleet: Gitfleet, review: Review
) -> None:
    git(alone, *UNSEEN, "checkout", "--quiet", "main")
    (alone / "gitfleet.yaml").write_text("version: 1\nqueue: {gate: 'false', trust: [session, processor]}\n")
    git(alone, *UNSEEN, "add", "--all")
    git(alone, *UNSEEN, "commit", "--quiet", "--no-verify", "-m", "rules")
    git(alone, *UNSEEN, "checkout", "--quiet", "work")
    git(alone, *UNSEEN, "merge", "--quiet", "main")
    head = commit(git, alone)
    gitfleet(alone, "sync").ok()
    gitfleet(alone, "gate", "run", "--commit", head, "--session", "worker").ended(20)
    found = review()
    assert (found["gate"]["known"], found["next"]) == ("failed", f"gitfleet gate status --commit {head}")
    told = Alert("p1", ("work", "main"), ("worker", ""), ("blob",), SessionId("worker"), "they conflict")
    with fleets.open("alone") as fleet:
        fleet.ledger.request(told_conflicts.tell, fleet.ledger.itself, Alerts((told,)))
    found = review()
    assert found["conflicts"] == [{"branch": "main", "session": "", "paths": ["blob"]}]
    assert found["next"] == "gitfleet radar"


def test_jobs_of_the_session_are_told_with_their_cost(alone: Path, review: Review) -> None:
    store = JobStore(str(alone / ".git/gitfleet/jobs"))
    for session, cost in (("worker", 1.25), ("other", 5.0)):
        attempt = AttemptRecord(1, session, started_at=1000, ended_at=2000, cost=cost)
        store.create(JobRecord(job_ids.new(), "tidy", JobStatus.COMPLETED, attempts=(attempt,)))
    assert [(row["agent_name"], row["dollars"]) for row in review()["jobs"]] == [("tidy", 1.25)]


@pytest.mark.parametrize("name", ["nobody", "../x", ""])
def test_session_that_is_not_there_is_an_error(alone: Path, gitfleet: Gitfleet, name: str) -> None:
    assert "Traceback" not in gitfleet(alone, "review", name).ended(2).stderr
