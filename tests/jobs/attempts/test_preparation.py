"""What is made ready before an agent runs: in which order, in whose stream, and what a failure of it means."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.clone import Clone
from gitfleet.errors import Conflict
from gitfleet.jobs.attempts import plan, start
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.setup.records import UNITS
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.streams import reader
from gitfleet.jobs.words import AttemptOutcome, JobStatus
from gitfleet.sessions.service import Start
from tests.jobs.attempts.test_attempts import Bench
from tests.workbench import PATIENCE, Git, Gitfleet


@pytest.fixture
def bench(clone: Callable[[str], Path], git: Git, gitfleet: Gitfleet) -> Bench:
    """A clone that ignores `.env` and `heavy/`, and has two ports."""
    path = clone("ada")
    rules = {"gitfleet.yaml": "version: 1\nresources:\n  port: 2\n", ".gitignore": ".env\nheavy/\n"}
    git.commit(path, rules)
    git(path, "push", "--quiet", "origin", "HEAD")
    gitfleet(path, "init").ok()
    (path / ".env").write_text("KEY=1\n")
    return Bench(path)


def of_setup(bench: Bench, job: JobRecord) -> list[str]:
    lines = reader.read(f"{bench.folder(job)}/stream.jsonl")
    return [line.text for line in lines if line.type == "setup"]


def test_files_template_and_command_come_before_the_agent_in_this_order(bench: Bench) -> None:
    template = bench.clone.parent / "template"
    (template / "heavy").mkdir(parents=True)
    (template / "heavy/lib").write_text("lib\n")
    job = bench.ran(
        "cat; echo; cat .env heavy/lib heavy/made; echo more > work.txt",
        setup={
            "files": ".env",
            "template": str(template),
            "command": ["sh", "-c", "cat .env heavy/lib > heavy/made; echo built; cat"],
        },
    )
    assert job.outcome is AttemptOutcome.SUCCESS
    assert bench.said(job)[-5:] == ["Tidy up", "KEY=1", "lib", "KEY=1", "lib"]
    assert "built" in of_setup(bench, job)
    assert not any("KEY" in line for line in of_setup(bench, job))


def test_checkouts_own_list_is_read_without_a_word_in_the_agent_file(bench: Bench) -> None:
    (bench.clone / ".worktreeinclude").write_text(".env\n")
    job = bench.ran("cat .env")
    assert bench.said(job)[-1] == "KEY=1"


def test_setup_that_fails_fails_the_attempt_and_the_agent_never_runs(bench: Bench) -> None:
    job = bench.ran("echo ran; touch ran", setup={"command": ["sh", "-c", "echo no luck >&2; exit 3"]})
    assert (job.status, job.outcome) == (JobStatus.FAILED, AttemptOutcome.FAILED)
    assert "the agent was not started" in job.error
    assert "no luck; setup: 'sh' ended with exit code 3" in job.error
    assert "ran" not in bench.said(job)
    assert not Path(job.attempts[0].worktree, "ran").exists()


def test_what_the_setup_leaves_is_not_taken_for_the_agents_work(bench: Bench, git: Git) -> None:
    setup = {"command": ["sh", "-c", "echo s > left.txt; echo s > both.txt; echo A=9 >> src/api/b.py"]}
    job = bench.ran("true", setup=setup)
    assert job.outcome is AttemptOutcome.NO_CHANGE
    job = bench.ran("echo agent >> both.txt", setup=setup)
    assert job.outcome is AttemptOutcome.SUCCESS
    names = git(bench.clone, "diff", "--name-only", job.attempts[0].base, job.attempts[0].commit)
    assert names.split() == ["both.txt"]


def test_units_of_resources_are_handed_on_and_differ(bench: Bench) -> None:
    resources = {"resources": ["res:port"], "command": ["sh", "-c", "echo got $GITFLEET_RES_PORT"]}
    job, shepherd = bench.started("echo ready; exec sleep 1000", setup=resources)
    other = bench.ran("echo $GITFLEET_RES_PORT", setup=resources)
    shepherd.stop(grace=1000)
    assert shepherd.wait(PATIENCE)
    shepherd.close()
    bench.conclude(job)
    assert of_setup(bench, job)[-1] == "got 0"
    assert bench.said(other)[-1] == "1"


def test_units_are_written_down_by_who_goes_on_with_a_start_that_was_cut_short(bench: Bench) -> None:
    job = bench.taken("echo $GITFLEET_RES_PORT", setup={"resources": "res:port"})
    folder, agent = bench.folder(job), plan.agent_of(bench.folder(job))
    shepherd = start._shepherd(bench.store, agent, start._placed(bench.store, job, agent), os.environ)
    start._register(bench.store.get(job.id), agent, shepherd)
    os.unlink(f"{folder}/{UNITS}")
    start.start(bench.store, job.id, os.environ).close()
    assert shepherd.wait(PATIENCE)
    shepherd.close()
    assert bench.said(job)[-1] == "0"
    bench.conclude(job)


def test_unit_that_is_not_free_keeps_the_setup_from_running(bench: Bench) -> None:
    with Clone.open(str(bench.clone)) as clone:
        clone.sessions.start(Start("other", "codex", pid=os.getpid()))
        clone.claims.claim(SessionId("other"), ["res:port:2"])
    job = bench.taken("true", setup={"resources": "res:port", "command": ["touch", "begun"]})
    with pytest.raises(Conflict):
        start.start(bench.store, job.id, os.environ)
    control.stop(bench.folder(job))
    control.Shepherd(bench.folder(job)).wait(PATIENCE)
    job = bench.conclude(job, failure="taken")
    assert not Path(job.attempts[0].worktree, "begun").exists()


def test_setup_that_is_cancelled_ends_with_all_that_it_started(bench: Bench) -> None:
    job, shepherd = bench.started(
        "echo ran", setup={"command": ["sh", "-c", "echo begun; sleep 1000 & wait"]}
    )
    path = f"{bench.folder(job)}/stream.jsonl"
    for line in reader.follow(path, ended=lambda: not control.alive(bench.folder(job))):
        if line.text == "begun":
            break
    state = control.state(bench.folder(job))
    assert state is not None
    assert state.phase == "setup"
    shepherd.stop(grace=1000)
    assert shepherd.wait(PATIENCE)
    shepherd.close()
    job = bench.conclude(job)
    assert job.status is JobStatus.CANCELLED
    assert control.leftovers(bench.folder(job)) == []
    assert "ran" not in bench.said(job)


def test_idle_limit_is_the_agents_alone(bench: Bench) -> None:
    def idle_for(milliseconds: int) -> JobRecord:
        setup = {"command": ["sleep", str(milliseconds / 600)]}
        limits = {"idle": milliseconds, "grace": 100}
        return bench.ran("echo ran; exec sleep 1000", setup=setup, limits=limits)

    job = idle_for(300)
    if "ran" not in bench.said(job):  # a busy machine: it was idle before it had begun
        job = idle_for(15_000)
    assert job.outcome is AttemptOutcome.STALLED
    assert "ran" in bench.said(job)
