"""Attempts from their start to their end, with real agents (shell commands), sessions, claims and worktrees."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base.names import SessionId
from gitfleet.clone import Clone
from gitfleet.codec import replace
from gitfleet.errors import Conflict, NoRepository, UsageError
from gitfleet.jobs import job_now
from gitfleet.jobs.attempts import (
    barrier,
    cancelling,
    conclusion,
    environment,
    plan,
    start,
    verifying,
)
from gitfleet.jobs.definitions.schema import Agent, LimitRules
from gitfleet.jobs.errors import InvalidStateError
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control, family
from gitfleet.jobs.shepherd.records import EndRecord
from gitfleet.jobs.streams import reader
from gitfleet.jobs.words import AttemptOutcome, EndCause, JobStatus
from gitfleet.sessions import session_records
from gitfleet.sessions.service import Start
from gitfleet.worktrees.ensure import Wish
from tests.workbench import PATIENCE, Git, Gitfleet

Run = Callable[..., JobRecord]


class Bench:
    """One clone of a fleet, with a store of jobs."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        self.store = JobStore(str(clone / ".git/gitfleet/jobs"))

    def taken(self, script: str, **more: Any) -> JobRecord:
        """A job of an agent that is this shell script, about to begin."""
        given = {"command": ["sh", "-c", script], **more}
        agent = Agent.model_validate({"name": "tidy", "working_directory": str(self.clone), **given})
        job = JobRecord(job_ids.new(), "tidy", JobStatus.QUEUED, prompt="Tidy up")
        return plan.take(self.store, self.store.create(job).id, agent)

    def started(self, script: str, **more: Any) -> tuple[JobRecord, control.Shepherd]:
        job = self.taken(script, **more)
        shepherd = start.start(self.store, job.id, os.environ)
        return self.store.get(job.id), shepherd

    def ran(self, script: str, **more: Any) -> JobRecord:
        job, shepherd = self.started(script, **more)
        assert shepherd.wait(PATIENCE)
        shepherd.close()
        return self.conclude(job)

    def conclude(self, job: JobRecord, **more: Any) -> JobRecord:
        return conclusion.conclude(self.store, job.id, os.environ, **more)

    def folder(self, job: JobRecord) -> str:
        return self.store.attempt_folder(job.id, len(job.attempts))

    def said(self, job: JobRecord) -> list[str]:
        return [
            line.text for line in reader.read(f"{self.folder(job)}/stream.jsonl") if line.source == "stdout"
        ]

    def sessions(self) -> list[str]:
        with Clone.open(str(self.clone)) as clone:
            return [one.id for one in session_records.readable(clone.current().view)]


@pytest.fixture
def bench(member: Path) -> Bench:
    return Bench(member)


def test_agent_that_commits_is_a_success_with_its_commit_on_its_branch(bench: Bench, git: Git) -> None:
    job = bench.ran("echo B=3 > src/api/b.py && git commit -qam work && echo done", claims=["src/"])
    attempt = job.attempts[0]
    assert (job.status, job.outcome, job.error) == (JobStatus.COMPLETED, AttemptOutcome.SUCCESS, "")
    assert git(bench.clone, "rev-parse", attempt.branch) == attempt.commit != attempt.base
    assert git(bench.clone, "status", "--porcelain", "--", ":!gitfleet.yaml") == ""
    assert attempt.session not in bench.sessions()


def test_what_an_agent_leaves_is_committed_for_it(bench: Bench, git: Git) -> None:
    job = bench.ran("echo new > new.txt; echo B=3 > src/api/b.py")
    assert (job.outcome, job.error, job.attempts[0].kept) == (AttemptOutcome.SUCCESS, "", "")
    assert git(bench.clone, "show", f"{job.attempts[0].branch}:new.txt") == "new"


def test_agent_that_fails_keeps_its_work_and_its_worktree(bench: Bench, git: Git) -> None:
    job = bench.ran("echo half > half.txt; echo oops >&2; exit 3")
    attempt = job.attempts[0]
    assert (job.status, job.outcome, attempt.code) == (JobStatus.FAILED, AttemptOutcome.FAILED, 3)
    assert "oops" in job.error
    assert git(bench.clone, "show", f"{attempt.branch}:half.txt") == "half"
    assert Path(attempt.worktree).is_dir()


@pytest.mark.parametrize("script", ["true", "git commit -q --allow-empty -m nothing"])
def test_agent_that_changes_nothing_is_told_by_the_diff(bench: Bench, script: str) -> None:
    job = bench.ran(script)
    assert (job.status, job.outcome) == (JobStatus.COMPLETED, AttemptOutcome.NO_CHANGE)


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (EndCause.WALL, "stopped after 5m, its limit (`limits.wall`)"),
        (EndCause.IDLE, "stopped after 30s without a word, its limit (`limits.idle`)"),
        (EndCause.HANDSHAKE, "stopped, since it had not answered at all"),
        (EndCause.EXITED, ""),
    ],
)
def test_attempt_that_reached_a_limit_says_which(why: EndCause, words: str) -> None:
    limits = LimitRules.model_validate({"wall": "5m", "idle": "30s"})
    assert conclusion._limit_reached(EndRecord(why, "failed"), limits) == words


def test_work_that_does_not_pass_its_check_is_a_failure(bench: Bench) -> None:
    job = bench.ran("echo bad > word.txt", verify=["sh", "-c", "cat word.txt; ! grep -q bad word.txt"])
    assert job.outcome is AttemptOutcome.FAILED
    assert "verify ended with 1: bad" in job.error


def test_agent_gets_only_what_it_is_allowed_and_whose_it_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "s")
    monkeypatch.setenv("MY_ONE", "1")
    monkeypatch.setenv("TRACEPARENT", f"00-{'a' * 32}-{'b' * 16}-01")
    theirs = {"MODE": "fast", "GITFLEET_SESSION": "another", "GITFLEET_JOBS": "/nowhere"}
    job = bench.ran("env; cat", env={"allow": "MY_*", "set": theirs})
    found = dict(line.partition("=")[::2] for line in bench.said(job) if "=" in line)
    assert (found["MY_ONE"], found["MODE"], found["GITFLEET_SESSION"]) == (
        "1",
        "fast",
        job.attempts[0].session,
    )
    assert found["GITFLEET_JOBS"] == bench.store.folder
    assert "SECRET" not in found
    assert found["TRACEPARENT"].startswith(f"00-{'a' * 32}-")
    assert "b" * 16 not in found["TRACEPARENT"]
    assert f"gitfleet.job.id={job.id}" in found["OTEL_RESOURCE_ATTRIBUTES"]
    assert bench.said(job)[-1] == "Tidy up"


def test_claims_are_held_before_the_agent_runs(bench: Bench, gitfleet: Gitfleet) -> None:
    job = bench.ran(
        f"{' '.join(gitfleet.argv('claims', '--json'))}", claims=["src/"], env={"set": gitfleet.environment()}
    )
    assert f'"{job.attempts[0].session}"' in "".join(bench.said(job))


def test_agent_whose_claims_are_taken_does_not_run(bench: Bench, gitfleet: Gitfleet) -> None:
    with Clone.open(str(bench.clone)) as clone:
        clone.sessions.start(Start("other", "codex", pid=os.getpid()))
        clone.claims.claim(SessionId("other"), ["src/"])
    job = bench.taken("echo ran > ran.txt", claims=["src/"])
    with pytest.raises(Conflict) as caught:
        start.start(bench.store, job.id, os.environ)
    control.stop(bench.folder(job))
    control.Shepherd(bench.folder(job)).wait(PATIENCE)
    job = bench.conclude(job, failure=caught.value.message)
    assert job.status is JobStatus.FAILED
    assert "other" in job.error
    assert bench.said(job) == []
    assert not Path(job.attempts[0].worktree, "ran.txt").exists()


def test_program_that_is_not_there_is_said_before_anything_runs(bench: Bench) -> None:
    job = bench.taken("", command=["no-such-program"])
    with pytest.raises(UsageError, match="no-such-program"):
        start.start(bench.store, job.id, os.environ)


def test_attempt_that_runs_is_not_concluded(bench: Bench) -> None:
    job, shepherd = bench.started("echo ready; exec sleep 1000")
    with pytest.raises(InvalidStateError):
        bench.conclude(job)
    shepherd.stop(grace=1000)
    assert shepherd.wait(PATIENCE)
    shepherd.close()
    job = bench.conclude(job)
    assert (job.status, job.outcome) == (JobStatus.CANCELLED, AttemptOutcome.CANCELLED)
    assert bench.conclude(job) == job


def test_start_that_was_cut_short_is_gone_on_with_and_nothing_runs_twice(bench: Bench) -> None:
    job = bench.taken("echo once >> runs.txt; git add runs.txt; git commit -qm once", claims=["runs.txt"])
    agent = plan.agent_of(bench.folder(job))
    placed = start._placed(bench.store, job, agent)
    first = start._shepherd(bench.store, agent, placed, os.environ)
    assert barrier.closed(bench.folder(job))
    for _ in range(2):
        start.start(bench.store, job.id, os.environ).close()
    assert first.wait(PATIENCE)
    first.close()
    with pytest.raises(start.AttemptOver):
        start.start(bench.store, job.id, os.environ)
    job = bench.conclude(job)
    assert job.outcome is AttemptOutcome.SUCCESS
    assert Path(job.attempts[0].worktree, "runs.txt").read_text() == "once\n"


def test_attempt_whose_shepherd_was_killed_is_interrupted_and_nothing_of_it_runs_on(bench: Bench) -> None:
    job, shepherd = bench.started("echo part > part.txt; exec sleep 1000")
    os.kill(shepherd.pid, 9)
    shepherd.wait(PATIENCE)
    shepherd.close()
    assert job_now.of(bench.store, [job])[job.id].phase == job_now.UNWATCHED
    taken_over = replace(job, node="another-node")
    assert job_now.of(bench.store, [taken_over])[job.id].phase == ""
    job = bench.conclude(job)
    assert (job.status, job.outcome) == (JobStatus.INTERRUPTED, AttemptOutcome.INTERRUPTED)
    assert control.leftovers(bench.folder(job)) == []


def test_pattern_of_allowed_variables_admits_beginnings_only() -> None:
    assert environment._admits(["LC_*"], "LC_ALL")
    assert not environment._admits(["LC_*", "PATH"], "MY_PATH")


def test_what_takes_more_disk_than_it_may_is_not_committed(bench: Bench, git: Git) -> None:
    script = "head -c 3000000 /dev/zero > big; echo ready; exec sleep 1000"
    job = bench.ran(script, limits={"disk": "2M", "grace": 100})
    attempt = job.attempts[0]
    assert (job.outcome, attempt.why) == (AttemptOutcome.FAILED, "disk")
    assert "limits.disk" in job.error
    assert "1 path left uncommitted" in attempt.kept
    assert git(bench.clone, "rev-parse", attempt.branch) == attempt.base
    assert Path(attempt.worktree, "big").exists()


@pytest.mark.parametrize(
    ("given", "trace", "flags", "state"),
    [
        ({}, "", "01", None),
        ({"TRACEPARENT": "nonsense", "TRACESTATE": "a=1"}, "", "01", None),
        ({"TRACEPARENT": f"00-{'0' * 32}-{'b' * 16}-01"}, "", "01", None),
        ({"TRACEPARENT": f"00-{'a' * 32}-{'b' * 16}-00", "TRACESTATE": "a=1"}, "a" * 32, "00", "a=1"),
    ],
)
def test_span_is_in_our_trace_or_in_that_of_its_job(
    given: dict[str, str], trace: str, flags: str, state: str | None
) -> None:
    first, second = environment._trace(given, "job-1"), environment._trace(given, "job-1")
    (_, id_, span, last), other = first["TRACEPARENT"].split("-"), second["TRACEPARENT"].split("-")
    assert (id_, last, first.get("TRACESTATE")) == (trace or other[1], flags, state)
    assert span not in {other[2], "b" * 16}
    assert trace or id_ != environment._trace(given, "job-2")["TRACEPARENT"].split("-")[1]


def test_success_whose_work_cannot_be_committed_is_a_failure_that_keeps_it(bench: Bench) -> None:
    job = bench.ran("echo odd > other.txt", claim_on_edit=False)
    attempt = job.attempts[0]
    assert job.outcome is AttemptOutcome.FAILED
    assert job.error == attempt.kept
    assert "1 path left uncommitted" in attempt.kept
    assert Path(attempt.worktree, "other.txt").is_file()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("rm .git", "its `.git` was taken away"),
        ('cd /; rm -rf "$HERE"', "was deleted"),
    ],
)
def test_agent_that_takes_its_worktree_away_has_failed_and_nothing_of_the_users_is_committed_for_it(
    bench: Bench, git: Git, script: str, words: str
) -> None:
    Path(bench.clone, "mine.txt").write_text("not for the agent\n")
    before = git(bench.clone, "rev-parse", "HEAD")
    work = "echo B=3 > src/api/b.py && git commit -qam work && HERE=$PWD &&"
    job = bench.ran(f"{work} {script}", claims=["src/"])
    attempt = job.attempts[0]
    assert (job.status, job.outcome) == (JobStatus.FAILED, AttemptOutcome.FAILED)
    assert words in job.error
    assert attempt.commit == git(bench.clone, "rev-parse", attempt.branch) != attempt.base
    assert git(bench.clone, "rev-parse", "HEAD") == before
    assert "?? mine.txt" in git(bench.clone, "status", "--porcelain")
    assert attempt.session not in bench.sessions()


def test_lock_of_a_git_that_was_killed_does_not_keep_the_work_from_being_committed(
    bench: Bench, git: Git
) -> None:
    job = bench.ran("echo new > new.txt; touch $(git rev-parse --git-dir)/index.lock; exit 3")
    assert (job.outcome, job.attempts[0].kept) == (AttemptOutcome.FAILED, "")
    assert git(bench.clone, "show", f"{job.attempts[0].branch}:new.txt") == "new"


def waits(path: Path, script: str = "") -> str:
    """A script that says which process it is through the pipe at `path`, and then waits."""
    os.mkfifo(path)
    return f"{script} echo $$ > {path}; exec sleep 1000"


def test_verify_that_is_cancelled_ends_with_all_that_it_started(bench: Bench, tmp_path: Path) -> None:
    script = waits(tmp_path / "begun", f"setsid sleep 1000 & echo $! > {tmp_path}/other;")
    job, shepherd = bench.started("echo new > new.txt", verify=["sh", "-c", script])
    assert shepherd.wait(PATIENCE)
    shepherd.close()
    with ThreadPoolExecutor(1) as pool:
        concluded = pool.submit(bench.conclude, job)
        pid = int((tmp_path / "begun").read_text())
        cancelling.ask(bench.store, job.id)
        ended = concluded.result(PATIENCE)
    assert (ended.status, ended.error) == (JobStatus.CANCELLED, "")
    assert ended.attempts[0].commit not in {"", ended.attempts[0].base}
    for one in (pid, int((tmp_path / "other").read_text())):
        assert family.member(one) is None or family.member(one).zombie  # type: ignore[union-attr]


def test_verify_of_a_manager_that_was_killed_is_ended_before_it_runs_again(
    bench: Bench, tmp_path: Path
) -> None:
    job, shepherd = bench.started("echo new > new.txt", verify=["true"])
    assert shepherd.wait(PATIENCE)
    shepherd.close()
    orphan = waits(tmp_path / "begun")
    env = {**os.environ, "GITFLEET_SESSION": job.attempts[0].session}
    Path(bench.folder(job), verifying.UNDER_WAY).touch()
    with subprocess.Popen(["sh", "-c", orphan], env=env, start_new_session=True) as left:
        (tmp_path / "begun").read_text()
        assert bench.conclude(job).outcome is AttemptOutcome.SUCCESS
        assert left.wait(PATIENCE) < 0
    assert not Path(bench.folder(job), verifying.UNDER_WAY).exists()


def test_attempt_is_not_begun_in_a_worktree_that_is_none_any_more(bench: Bench) -> None:
    job = bench.taken("echo ran > ran.txt")
    before = bench.sessions()
    with Clone.open(str(bench.clone)) as clone:
        managed = clone.worktrees.ensure(Wish(agent="tidy", session=job.attempts[0].session)).managed
    Path(managed.path, ".git").unlink()
    plan.change(bench.store, job.id, worktree=managed.path, branch=managed.branch, base=managed.base_commit)
    with pytest.raises(NoRepository, match="was taken away"):
        start.start(bench.store, job.id, os.environ)
    control.Shepherd(bench.folder(job)).stop()
    control.Shepherd(bench.folder(job)).wait(PATIENCE)
    assert bench.conclude(job, failure="gone").outcome is AttemptOutcome.FAILED
    assert bench.sessions() == before
    assert not (bench.clone / "ran.txt").exists()


def test_job_whose_work_is_being_looked_at_is_not_shown_as_one_that_nobody_ends(bench: Bench) -> None:
    job, shepherd = bench.started("true")
    assert shepherd.wait(PATIENCE)
    shepherd.close()
    assert job_now.of(bench.store, [job])[job.id].phase == job_now.OVER
    with bench.store.job_lock(job.id).held(1):
        assert job_now.of(bench.store, [job])[job.id].phase == job_now.CHECKING
