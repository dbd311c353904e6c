"""Agents that leave their worktree in another state than they found it: nothing is lost, and nobody else's work is touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.jobs.words import AttemptOutcome, JobStatus
from tests.jobs.attempts.test_attempts import Bench
from tests.workbench import Git, Gitfleet

COMMITS = "echo x > x.txt && git add x.txt && git commit -qm work"


@pytest.fixture
def bench(clone: Callable[[str], Path], gitfleet: Gitfleet) -> Bench:
    path = clone("ada")
    gitfleet(path, "init").ok()
    return Bench(path)


@pytest.mark.parametrize(
    ("script", "words", "committed"),
    [
        ('rm -rf "$PWD"', "was deleted", False),
        (f'{COMMITS} && rm -rf "$PWD"', "was deleted", True),
        (
            f'{COMMITS} && git worktree remove --force "$PWD"',
            "was deleted",
            True,
        ),
    ],
)
def test_agent_that_removes_its_worktree_is_no_success_and_its_branch_stays(
    bench: Bench, git: Git, script: str, words: str, committed: bool
) -> None:
    job = bench.ran(script, claims=["x.txt"])
    attempt = job.attempts[0]
    assert (job.status, job.outcome) == (JobStatus.FAILED, AttemptOutcome.FAILED)
    assert words in job.error
    assert attempt.commit == git(bench.clone, "rev-parse", attempt.branch)
    assert (attempt.commit != attempt.base) is committed
    assert attempt.session not in bench.sessions()


@pytest.mark.parametrize(
    "script",
    ["rm .git", "rm .git && git init -q", "echo 'gitdir: ../../.git' > .git"],
    ids=["gone", "own", "main"],
)
def test_users_own_checkout_is_never_taken_for_a_worktree_that_has_lost_its_way(
    bench: Bench, git: Git, script: str
) -> None:
    (bench.clone / "README.md").write_text("half a sentence of the user\n")
    (bench.clone / "staged.txt").write_text("staged by the user\n")
    git(bench.clone, "add", "staged.txt")
    before = [git(bench.clone, *args) for args in (["status", "--porcelain"], ["rev-parse", "HEAD", "main"])]
    job = bench.ran(f"{script}; echo x > x.txt")
    attempt = job.attempts[0]
    assert job.outcome is AttemptOutcome.FAILED
    assert "is no worktree of its clone any more" in job.error
    assert (Path(attempt.worktree) / "x.txt").read_text() == "x\n"
    after = [git(bench.clone, *args) for args in (["status", "--porcelain"], ["rev-parse", "HEAD", "main"])]
    assert after == before
    assert attempt.session not in bench.sessions()


def test_lock_of_a_git_that_was_killed_keeps_no_work_from_being_committed(bench: Bench, git: Git) -> None:
    job = bench.ran(
        'echo x > x.txt; : > "$(git rev-parse --git-path index.lock)"; : > "$(git rev-parse --git-path HEAD.lock)"; '
        ': > "$(git rev-parse --git-path "refs/heads/$(git branch --show-current)").lock"'
    )
    assert (job.outcome, job.error) == (AttemptOutcome.SUCCESS, "")
    assert git(bench.clone, "show", f"{job.attempts[0].branch}:x.txt") == "x"


def test_lock_of_a_git_that_may_be_at_work_stays(bench: Bench) -> None:
    job, shepherd = bench.started('echo x > x.txt; : > "$(git rev-parse --git-path index.lock)"')
    assert shepherd.wait()
    shepherd.close()
    here = os.open(job.attempts[0].worktree, os.O_RDONLY)
    try:
        before = os.getcwd()
        os.fchdir(here)
        try:
            job = bench.conclude(job)
        finally:
            os.chdir(before)
    finally:
        os.close(here)
    assert job.outcome is AttemptOutcome.FAILED
    assert "index.lock" in job.error
    assert job.attempts[0].kept
