"""What the end of the machine has ended is brought back: jobs to where they stopped, sessions to who started them."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import clock
from gitfleet.base.names import SessionId
from gitfleet.cli import schemas
from gitfleet.clients.notes import Note, Notes
from gitfleet.codec import replace
from gitfleet.fleet.views import schema
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control, records
from gitfleet.jobs.words import JobStatus
from gitfleet.sessions import interrupted
from gitfleet.sessions.interrupted import InterruptedSession
from gitfleet.sessions.local import Here, LocalSessions
from tests.workbench import PATIENCE, ROOT, Gitfleet, overlaid

RUNS = """
import asyncio, sys
from gitfleet import FleetManager
async def main():
    async with FleetManager(config_path=sys.argv[1]) as fleet:
        await fleet.trigger("long")
        await fleet.until_idle()
asyncio.run(main())
"""


@pytest.fixture
def ada(member: Path) -> Path:
    return member


@pytest.mark.parametrize("end", ["power", "shutdown"])
def test_job_that_ended_with_its_machine_goes_on_once_after_it(
    ada: Path, gitfleet: Gitfleet, end: str
) -> None:
    gate, again = ada / ".git/begun", ada / ".git/again"
    os.mkfifo(gate)
    (ada / "agents").mkdir()
    script = f"echo 1 >> runs.txt; test -e {again} || {{ echo on > {gate}; exec sleep 1000; }}"
    (ada / "agents/long.yaml").write_text(f"command: [sh, -c, {script!r}]\nworking_directory: ..\n")
    store = JobStore(str(ada / ".git/gitfleet/jobs"))
    argv: list[str | Path] = [sys.executable, "-c", RUNS, ada / "agents"]
    with subprocess.Popen(argv, env=overlaid({"PYTHONPATH": str(ROOT)})) as daemon:
        assert gate.read_text() == "on\n"
        daemon.kill()
    (job,) = store.open_jobs()
    ends(store.attempt_folder(job.id, 1), end)
    again.touch()
    assert f"{job.id}  long   over " in gitfleet(ada, "job", "list").ok().stdout
    assert "would be queued again" in gitfleet(ada, "restore", "--dry-run").ok().stdout
    assert store.get(job.id).status is JobStatus.RUNNING
    told = gitfleet(ada, "restore", "--no-run", "--json").ok().json()["data"]
    schema.validate(schemas.COMMANDS["restore"].data, told)
    assert [(one["job"], one["status"], one["error"]) for one in told["jobs"]] == [(job.id, "queued", "")]
    assert gitfleet(ada, "restore").ok().stdout == "nothing was interrupted\n"
    gitfleet(ada, "run", "--until-idle").ok()
    job = store.get(job.id)
    assert (job.status, len(job.attempts)) == (JobStatus.COMPLETED, 2)
    assert Path(job.attempts[1].worktree, "runs.txt").read_text() == "1\n1\n"


def ends(folder: str, how: str) -> None:
    """Have the attempt end as on a machine that loses its power, or that goes down in order; and be of an earlier boot."""
    state = control.state(folder)
    assert state is not None
    shepherd = control.Shepherd(folder)
    shepherd.fileno()
    if how == "power":
        os.kill(state.shepherd, 9)
        with suppress(ProcessLookupError):  # it may have ended with its shepherd
            os.killpg(state.agent, 9)
    else:
        os.kill(state.shepherd, 15)
    shepherd.wait(PATIENCE)
    shepherd.close()
    state = control.state(folder)
    assert state is not None
    records.save(folder, records.STATE, replace(state, boot="an-earlier-boot"))


def ended(store: JobStore, why: str, ago: int, agent: str = "tidy") -> str:
    attempt = AttemptRecord(1, "tidy-1", why=why, conversation="c")
    job = store.create(JobRecord(job_ids.new(), agent, JobStatus.RUNNING, attempts=(attempt,)))
    over = clock.milliseconds() - ago
    store.update(job.id, lambda one: replace(one, status=JobStatus.INTERRUPTED, completed_at=over))
    return job.id


def test_only_what_the_machine_ended_lately_is_brought_back(ada: Path, gitfleet: Gitfleet) -> None:
    (ada / "agents").mkdir()
    (ada / "agents/tidy.yaml").write_text('command: ["true"]\nworking_directory: ..\n')
    store = JobStore(str(ada / ".git/gitfleet/jobs"))
    day = 86_400_000
    ended(store, "lost", 0)
    ended(store, "rebooted", 9 * day)
    gone = ended(store, "terminated", day, "gone")
    late = ended(store, "rebooted", day)
    assert gitfleet(ada, "restore", "--within", "1h").ok().stdout == "nothing was interrupted\n"
    assert "--within" in gitfleet(ada, "restore", "--within", "soon").ended(2).stderr
    told = gitfleet(ada, "restore", "--no-run", "--json").ok().json()["data"]["jobs"]
    assert [(one["job"], one["status"]) for one in told] == [(gone, "interrupted"), (late, "queued")]
    assert "no agent 'gone'" in told[0]["error"]
    assert told[1]["conversation"] == "c"


def noted(state: str, name: str = "claude-1", **more: Any) -> InterruptedSession:
    made = InterruptedSession(name, "/w/it's", **{"agent": "claude", "at": clock.now(), **more})
    interrupted.keep(state, made)
    return made


def test_session_of_a_client_is_listed_with_what_goes_on_with_it(ada: Path, gitfleet: Gitfleet) -> None:
    state = str(ada / ".git/gitfleet")
    noted(state, title="Tidy \x1b[2J", client="claude", conversation="abc")
    noted(state, "codex-1", agent="codex")
    noted(state, "make-1", agent="make", command="make all")
    said = gitfleet(ada, "restore").ok().stdout
    assert "gitfleet session start --id claude-1 --here -- claude --resume abc" in said
    assert "cd '/w/it'\"'\"'s' && " in said
    assert "-- codex resume --last" in said
    assert "make all" in said
    assert "\x1b" not in said
    told = gitfleet(ada, "restore", "--json").ok().json()["data"]
    schema.validate(schemas.COMMANDS["restore"].data, told)
    assert told["sessions"][2]["resume"] == []


def test_note_goes_when_its_session_is_at_work_again_or_it_is_old(tmp_path: Path) -> None:
    state = str(tmp_path)
    old = noted(state, "old-1", at=clock.now() - interrupted.KEPT - 1)
    again, other = noted(state, "again-1"), noted(state, "other-1")
    LocalSessions(state).remember(Here(SessionId(again.session), "/w", person=True))
    assert interrupted.kept(state) == [other]
    LocalSessions(state).forget(SessionId(again.session))
    assert interrupted.kept(state) == [other]
    assert not Path(state, "interrupted", f"{old.session}.json").exists()


def test_conversations_of_a_session_are_those_that_its_clients_notes_name(tmp_path: Path) -> None:
    notes = Notes(str(tmp_path))
    notes.keep("claude", "0b-1", Note(SessionId("s1")))
    notes.keep("codex", "x" * 200, Note(SessionId("s1")))
    notes.keep("codex", "other", Note(SessionId("s2")))
    notes.bequeath("claude", SessionId("s1"))
    assert notes.conversations("s1") == [("claude", "0b-1")]
