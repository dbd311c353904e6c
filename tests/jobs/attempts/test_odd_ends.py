"""Agents that leave their worktree in another state than they found it: nothing is lost, and nobody else's work is touched."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base import advice
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


def test_hook_of_the_user_that_refuses_leaves_the_work_where_it_is(bench: Bench, git: Git) -> None:
    hook = bench.clone / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\necho never on Mondays >&2\nexit 1\n")
    hook.chmod(0o755)
    job = bench.ran("echo x > x.txt")
    attempt = job.attempts[0]
    assert (job.outcome, attempt.commit) == (AttemptOutcome.FAILED, attempt.base)
    assert "1 path left uncommitted: git refused: " in job.error
    assert "never on Mondays" in job.error
    assert git(Path(attempt.worktree), "status", "--porcelain") == "?? x.txt"


@pytest.mark.parametrize(
    ("script", "branch"),
    [("git switch -q --detach", ""), ("git switch -qc mine", "mine")],
    ids=["detached", "another"],
)
def test_work_that_is_not_on_its_own_branch_is_kept_told_and_not_delivered(
    bench: Bench, git: Git, script: str, branch: str
) -> None:
    job = bench.ran(f"{script} && {COMMITS}", claims=["x.txt"])
    attempt = job.attempts[0]
    assert (job.outcome, attempt.branch or branch) == (AttemptOutcome.SUCCESS, branch or attempt.branch)
    assert git(Path(attempt.worktree), "rev-parse", "HEAD") == attempt.commit != attempt.base
    assert attempt.commit[:12] in attempt.delivery.refused
    assert git(bench.clone, "ls-remote", "origin", "refs/heads/fleet/*", "refs/heads/mine") == ""


def test_what_an_agent_does_inside_submodules_is_told_where_it_is_not_on_the_branch(
    bench: Bench, git: Git, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    git(tmp_path, "init", "-q", str(other))
    (other / "lib.txt").write_text("lib\n")
    git(other, "add", ".")
    git(other, "commit", "-qm", "lib")
    file = ("-c", "protocol.file.allow=always")
    git(bench.clone, *file, "submodule", "--quiet", "add", str(other), "lib")
    quiet = ("-c", "core.hooksPath=/dev/null")
    git(bench.clone, *quiet, "commit", "-qm", "with lib")
    git(bench.clone, *quiet, "push", "-q", "origin", "HEAD:main")
    update = "git -c protocol.file.allow=always submodule --quiet update --init"
    job = bench.ran(f"{update} && echo more >> lib/lib.txt && echo x > x.txt")
    attempt = job.attempts[0]
    assert job.outcome is AttemptOutcome.SUCCESS
    assert Path(attempt.worktree, "lib/lib.txt").read_text() == "lib\nmore\n"
    assert git(bench.clone, "diff", "--name-only", attempt.base, attempt.commit) == "x.txt"
    assert attempt.notes[-1] == "what is uncommitted inside submodules stays in the worktree: lib"
    job = bench.ran(f"{update} && cd lib && echo more >> lib.txt && git commit -qam more")
    attempt = job.attempts[0]
    assert git(bench.clone, "diff", "--name-only", attempt.base, attempt.commit) == "lib"
    assert attempt.notes[-1] == "the commits that submodules are at now are pushed by nobody: lib"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux makes orphans the shepherd's")
def test_daemon_that_gave_up_the_session_and_its_mark_is_named_with_a_way_to_plan_its_end(
    bench: Bench,
) -> None:
    daemon = "env -u GITFLEET_SESSION setsid -f sh -c 'echo $$ > ../../place; exec sleep 1000'"
    job = bench.ran(f"mkfifo ../../place; {daemon}; read pid < ../../place; rm ../../place; echo $pid")
    pid = int(bench.said(job)[0])
    try:
        note, offer = job.attempts[0].notes
        assert (
            note
            == f"runs on, outside of the attempt's session and without its mark: process {pid} (sleep 1000)"
        )
        assert offer.startswith(advice.FLEET_PLAN_LEFT.of(job.attempts[0].session))
        assert job.outcome is AttemptOutcome.NO_CHANGE
    finally:
        os.kill(pid, signal.SIGKILL)
