"""What becomes of the work of attempts: pushed, requested, queued, or left alone; each of them once, whatever happens between."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from gitfleet.clone import Clone
from gitfleet.codec import replace
from gitfleet.errors import (
    Blocked,
    Conflict,
    HubRefused,
    HubUnreachable,
    LocalStorage,
    LockHeld,
    NewerFormat,
    PolicyRefused,
    Unverifiable,
    UsageError,
)
from gitfleet.jobs.attempts import plan
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.delivery import delivering, prompts
from gitfleet.jobs.delivery import work as works
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.delivery_record import Delivery
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.words import AttemptOutcome, JobStatus
from gitfleet.mergequeue import model
from tests.jobs.attempts.test_attempts import Bench
from tests.workbench import ROOT, Git

WORKS = "echo B=3 > src/api/b.py && git commit -qam work"


@pytest.fixture
def bench(member: Path) -> Bench:
    return Bench(member)


def ran(bench: Bench, script: str = WORKS, **more: Any) -> JobRecord:
    return bench.ran(script, claims=["src/"], **more)


def delivery(job: JobRecord) -> Delivery:
    return job.attempts[-1].delivery


def entries(bench: Bench) -> list[model.QueueEntry]:
    with Clone.open(str(bench.clone)) as clone:
        return list(model.readable(clone.current().view))


def branches(git: Git, hub: Path) -> dict[str, str]:
    rows = git(hub, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads/fleet").split("\n")
    return dict(row.split(" ") for row in rows if row)


def deliver(bench: Bench, job: JobRecord) -> Delivery:
    """As whoever comes after a crash, or when the hub is back."""
    agent = plan.agent_of(bench.folder(job))
    return delivering.deliver(job, agent, job.attempts[-1].commit)


def test_work_that_was_checked_is_pushed_for_the_agent(bench: Bench, git: Git, hub: Path) -> None:
    job = ran(bench)
    attempt = job.attempts[0]
    assert branches(git, hub) == {attempt.branch: attempt.commit}
    assert delivery(job) == Delivery(pushed=attempt.commit)
    assert bench.store.expected() == []
    assert attempt.session not in bench.sessions()


@pytest.mark.parametrize(
    ("script", "more"),
    [
        (f"{WORKS}; exit 3", {}),
        (WORKS, {"verify": ["false"], "queue": True}),
        (WORKS, {"commit": {"push": False}}),
        ("true", {"queue": True}),
        ("git commit -q --allow-empty -m nothing", {"commit": {"no_change": "success"}, "queue": True}),
        ("echo odd > other.txt", {"claim_on_edit": False, "queue": True}),
        ("echo odd > other.txt; git add .; git commit -qnm sneaky", {"claim_on_edit": False, "queue": True}),
    ],
    ids=["failed", "unverified", "unwished", "no change", "empty commit", "left uncommitted", "no claim"],
)
def test_nothing_but_checked_work_leaves_the_clone(
    bench: Bench, git: Git, hub: Path, script: str, more: dict[str, Any]
) -> None:
    job = ran(bench, script, **more)
    assert (delivery(job).pushed, delivery(job).entry) == ("", "")
    assert (branches(git, hub), entries(bench)) == ({}, [])


@pytest.mark.parametrize(
    ("leftovers", "committed", "kept"),
    [("commit", True, False), ("keep", False, True), ("fail", False, True)],
)
def test_failed_work_stays_on_its_branch_with_what_was_left(
    bench: Bench, git: Git, leftovers: str, committed: bool, kept: bool
) -> None:
    job = ran(bench, f"{WORKS}; echo C=1 > src/api/c.py; exit 3", commit={"leftovers": leftovers})
    attempt = job.attempts[0]
    assert job.outcome is AttemptOutcome.FAILED
    files = git(bench.clone, "ls-tree", "-r", "--name-only", attempt.branch).split("\n")
    assert ("src/api/c.py" in files, bool(attempt.kept)) == (committed, kept)
    assert git(bench.clone, "show", f"{attempt.branch}:src/api/b.py") == "B=3"
    assert Path(attempt.worktree, "src/api/c.py").is_file()


@pytest.mark.always
def test_success_enters_the_queue_by_itself_for_its_session(bench: Bench, git: Git, hub: Path) -> None:
    job = ran(bench, queue=True)
    attempt, (entry,) = job.attempts[0], entries(bench)
    assert (entry.branch, entry.head, entry.session) == (attempt.branch, attempt.commit, attempt.session)
    assert (entry.title, entry.priority, entry.claims != ()) == ("Tidy up", 50, True)
    assert delivery(job) == Delivery(pushed=attempt.commit, entry=entry.id)
    assert bench.store.expected() == [job.id]


@pytest.mark.parametrize(("priority", "given"), [(0, None), (5, 55), (900, 59), (-900, 0)])
def test_priority_of_an_entry_is_the_jobs_as_far_as_sessions_may_go(priority: int, given: int | None) -> None:
    attempt = AttemptRecord(1, "tidy-2", worktree="/clone/.worktrees/tidy-1")
    job = JobRecord(
        job_ids.new(), "tidy", JobStatus.RUNNING, "\n Tidy up\nall", priority=priority, attempts=(attempt,)
    )
    work = works.of_job(job, Agent.model_validate({"name": "tidy", "command": ["true"]}), "c" * 40)
    assert delivering._priority(work, 59) == given
    assert (work.branch, work.session, work.title) == ("fleet/tidy/tidy-1", "tidy-2", "Tidy up")


def test_delivery_that_was_done_is_found_again(bench: Bench, git: Git, hub: Path) -> None:
    job = ran(bench, queue=True)
    forgotten = replace(job, attempts=(replace(job.attempts[0], delivery=Delivery()),))
    again = deliver(bench, forgotten)
    assert again == delivery(job)
    assert len(entries(bench)) == 1
    assert job.attempts[0].session not in bench.sessions()


def test_hub_that_is_away_is_waited_for(bench: Bench, git: Git, hub: Path, tmp_path: Path) -> None:
    (away := tmp_path / "away").mkdir()
    job = ran(bench, f"{WORKS}; mv {hub} {away}", queue=True)
    assert (job.status, job.outcome) == (JobStatus.COMPLETED, AttemptOutcome.SUCCESS)
    assert "not pushed yet" in delivery(job).waits
    assert bench.store.expected() == [job.id]
    (away / hub.name).rename(hub)
    later = deliver(bench, job)
    assert (later.waits, later.refused, later.pushed) == ("", "", job.attempts[0].commit)
    assert [one.id for one in entries(bench)] == [later.entry]


def test_gate_of_the_user_that_refuses_a_push_is_heeded(bench: Bench, git: Git, hub: Path) -> None:
    hooks = bench.clone / ".git/hooks"
    for name in ("pre-push", "pre-push.before-gitfleet"):
        (hooks / name).write_text("#!/bin/sh\necho 'not on a Monday' >&2; exit 1\n")
        (hooks / name).chmod(0o755)
    job = ran(bench, queue=True)
    assert "not on a Monday" in delivery(job).refused
    assert (job.status, delivery(job).waits) == (JobStatus.COMPLETED, "")
    assert (branches(git, hub), entries(bench), bench.store.expected()) == ({}, [], [])


def test_commits_of_others_on_the_branch_are_never_pushed_over(bench: Bench, git: Git, hub: Path) -> None:
    moves = f"git -C {hub} branch $(git branch --show-current) $(git -C {hub} commit-tree main^{{tree}} -m theirs)"
    job = ran(bench, f"{WORKS}; {moves}")
    assert "has commits on the hub" in delivery(job).refused
    assert list(branches(git, hub).values()) != [job.attempts[0].commit]


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (Conflict("theirs"), True),
        (PolicyRefused("above"), True),
        (Blocked("a gate"), True),
        (UsageError("nothing to land"), True),
        (HubUnreachable("away"), False),
        (HubRefused("no"), False),
        (Unverifiable("unknown"), False),
        (LocalStorage("full"), False),
        (LockHeld("held"), False),
        (NewerFormat("newer"), False),
        (OSError(28, "full"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_a_no_is_final(error: Exception, final: bool) -> None:
    assert delivering._is_no(error) is final
    assert delivering._words(error) != ""


def test_only_the_branch_of_the_attempt_is_pushed(bench: Bench, git: Git, hub: Path) -> None:
    job = ran(bench, f"git switch -q -c mine; {WORKS}", queue=True)
    assert "its own branch" in delivery(job).refused
    assert git(hub, "for-each-ref", "--format=%(refname:short)", "refs/heads") == "main"


def test_work_that_belongs_on_another_branch_does_not_enter_the_queue(
    bench: Bench, git: Git, hub: Path
) -> None:
    git(hub, "branch", "release", "main")
    job = ran(bench, queue=True, base="release")
    assert "the work belongs on release" in delivery(job).refused
    assert entries(bench) == []


def test_pull_request_is_opened_for_the_agent_once(
    bench: Bench, git: Git, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world := tmp_path / "github").mkdir()
    (world / "hub").write_text(str(hub))
    (gh := world / "gh").write_text(
        f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/mergequeue/fake_gh.py "$@"\n'
    )
    gh.chmod(0o755)
    monkeypatch.setenv("GH_WORLD", str(world))
    monkeypatch.setenv("PATH", f"{world}{os.pathsep}{os.environ['PATH']}")
    git(bench.clone, "config", "remote.origin.url", "https://github.com/ada/tool.git")
    git(bench.clone, "config", f"url.{hub}.insteadOf", "https://github.com/ada/tool.git")
    job = ran(bench, commit={"pull_request": True})
    assert delivery(job).request == "https://github.example/pull/1"
    forgotten = replace(job, attempts=(replace(job.attempts[0], delivery=Delivery()),))
    assert deliver(bench, forgotten) == delivery(job)
    (one,) = json.loads((world / "requests.json").read_text())
    assert (one["branch"], one["base"], one["title"]) == (job.attempts[0].branch, "main", "Tidy up")
    assert f"Fleet-Job: {job.id}" in one["body"]


def test_pull_request_that_a_plain_hub_cannot_have_keeps_nothing_from_the_queue(bench: Bench) -> None:
    job = ran(bench, commit={"pull_request": True}, queue=True)
    assert "no pull request: The hub is no GitHub" in delivery(job).refused
    assert [one.id for one in entries(bench)] == [delivery(job).entry]


@pytest.mark.parametrize("queue", [True, False])
def test_clone_without_a_hub_pushes_nothing(lone_member: Path, queue: bool) -> None:
    bench = Bench(lone_member)
    job = ran(bench, queue=queue)
    assert delivery(job) == Delivery(entry="".join(one.id for one in entries(bench)))
    assert bool(delivery(job).entry) is queue


def test_prompt_is_written_down_as_the_agent_got_it(bench: Bench) -> None:
    job = bench.ran("cat", commit={"instruct": True})
    path = Path(bench.folder(job), prompts.NAME)
    said = path.read_text()
    assert said.startswith("Tidy up\n\nHow to hand over")
    assert job.attempts[0].branch in said
    assert "\n".join(bench.said(job)) == said.rstrip("\n")
    assert (job.prompt, path.stat().st_mode & 0o777) == ("Tidy up", 0o600)
