"""What comes after jobs have ended: deliveries that waited, and entries that came back or left the queue."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gitfleet.clone import Clone
from gitfleet.jobs.attempts import plan, start
from gitfleet.jobs.delivery.following import WorkFollowing
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobFilter
from gitfleet.jobs.words import AttemptOutcome, JobStatus
from gitfleet.mergequeue import model, trials
from gitfleet.mergequeue.model import EntryEvidence, QueueEntry
from gitfleet.mergequeue.requests import Mark, Marked, Reject
from tests.jobs.attempts.test_attempts import Bench
from tests.workbench import PATIENCE, UNSEEN, Git, Gitfleet

WORKS = "cat > ../prompt.txt; echo $$ >> src/api/b.py && git commit -qam work"


@pytest.fixture
def bench(member: Path) -> Bench:
    return Bench(member)


def ran(bench: Bench, script: str = WORKS, again: int = 1, **more: Any) -> JobRecord:
    return bench.ran(script, claims=["src/"], queue={"again": again}, **more)


def entry(bench: Bench, job: JobRecord) -> QueueEntry:
    with Clone.open(str(bench.clone)) as clone:
        found = model.find(clone.current().view, job.attempts[-1].delivery.entry)
    assert found is not None
    return found


def reject(bench: Bench, job: JobRecord, words: str = "its gate ended with exit code 1") -> None:
    """As a runner of the queue does."""
    found = entry(bench, job)
    with Clone.open(str(bench.clone)) as clone:
        body = Reject(found.pin, EntryEvidence(words=words, log="there is a bug\n"))
        clone.ledger.request(trials.reject, clone.ledger.itself, body)


def newest(bench: Bench) -> JobRecord:
    return bench.store.find(JobFilter(limit=1))[0]


def run_again(bench: Bench, job: JobRecord, script: str = WORKS, again: int = 1) -> JobRecord:
    """As a daemon does with the job that goes on."""
    agent = plan.agent_of(bench.folder(job)).model_copy(update={"command": ("sh", "-c", script)})
    taken = plan.take(bench.store, newest(bench).id, agent)
    shepherd = start.start(bench.store, taken.id, os.environ)
    assert shepherd.wait(PATIENCE)
    shepherd.close()
    return bench.conclude(bench.store.get(taken.id))


def test_entry_that_came_back_starts_a_new_attempt_on_its_branch_with_the_evidence(
    bench: Bench, git: Git
) -> None:
    first = ran(bench)
    following = WorkFollowing(bench.store)
    assert following.look() == []
    reject(bench, first)
    (said,) = following.look()
    second = newest(bench)
    assert f"{second.id} goes on with it" in said
    assert (second.status, second.prompt, second.back.number) == (JobStatus.QUEUED, "Tidy up", 1)
    assert bench.store.get(first.id).attempts[-1].delivery.again == second.id
    assert (bench.store.expected(), following.look()) == ([], [])
    second = run_again(bench, first)
    (before,), (after,) = first.attempts, second.attempts
    assert (after.worktree, after.branch, after.base) == (before.worktree, before.branch, before.commit)
    told = Path(after.worktree).parent.joinpath("prompt.txt").read_text()
    assert "| there is a bug\n" in told
    assert told.endswith("The task was:\nTidy up\n")
    found = entry(bench, second)
    assert (second.outcome, found.id, found.head) == (
        AttemptOutcome.SUCCESS,
        entry(bench, first).id,
        after.commit,
    )
    assert (found.state, found.tries, found.session) == ("queued", 1, after.session)
    assert git(bench.clone, "merge-base", "--is-ancestor", before.commit, after.commit) == ""


def test_entry_is_left_to_people_after_so_many_attempts(bench: Bench) -> None:
    first = ran(bench, again=1)
    following = WorkFollowing(bench.store)
    reject(bench, first)
    following.look()
    second = run_again(bench, first)
    reject(bench, second, "it fails still")
    (said,) = following.look()
    assert "came back: rejected: it fails still" in said
    assert newest(bench).id == second.id
    assert (entry(bench, second).state, bench.store.expected()) == ("rejected", [])


def test_attempt_that_mends_nothing_leaves_the_entry_as_it_is(bench: Bench) -> None:
    first = ran(bench, again=5)
    reject(bench, first)
    following = WorkFollowing(bench.store)
    following.look()
    second = run_again(bench, first, "true")
    assert (second.outcome, second.attempts[-1].delivery.entry) == (AttemptOutcome.NO_CHANGE, "")
    assert (entry(bench, first).state, following.look()) == ("rejected", [])


def test_conflict_is_settled_by_a_merge_of_what_the_target_is_now(bench: Bench, git: Git, hub: Path) -> None:
    first = ran(bench)
    tree = git(hub, "rev-parse", "main^{tree}")
    theirs = git(hub, "commit-tree", tree, "-p", "main", "-m", "theirs")
    git(hub, "update-ref", "refs/heads/main", theirs)
    found = entry(bench, first)
    with Clone.open(str(bench.clone)) as clone:
        body = Mark((Marked(found.pin, "conflicted", "conflict", EntryEvidence(paths=("src/api/b.py",))),))
        clone.ledger.request(trials.mark, clone.ledger.itself, body)
    WorkFollowing(bench.store).look()
    merges = "sed -n 's/.*Merge the commit \\([0-9a-f]*\\).*/\\1/p' | xargs git merge -q --no-edit; echo D=4 >> src/api/b.py; git commit -qam mended"
    second = run_again(bench, first, merges)
    assert (second.outcome, second.attempts[-1].delivery.refused) == (AttemptOutcome.SUCCESS, "")
    assert git(bench.clone, "merge-base", "--is-ancestor", theirs, second.attempts[-1].commit) == ""
    assert entry(bench, second).state == "queued"


def test_entry_that_leaves_the_queue_is_told_of_once(bench: Bench, gitfleet: Gitfleet) -> None:
    job = ran(bench)
    gitfleet(bench.clone, "session", "start").ok()
    gitfleet(bench.clone, "queue", "drop", entry(bench, job).id, "--reason", "not wanted").ok()
    following = WorkFollowing(bench.store)
    assert "dropped: not wanted" in following.look()[0]
    assert (following.look(), bench.store.expected()) == ([], [])
    assert bench.store.get(job.id).status is JobStatus.COMPLETED


def test_what_waits_for_the_hub_is_tried_again_and_kept_until_then(
    bench: Bench, git: Git, hub: Path, tmp_path: Path
) -> None:
    (away := tmp_path / "away").mkdir()
    job = ran(bench, f"{WORKS}; mv {hub} {away}")
    following = WorkFollowing(bench.store)
    assert following.look() == []
    assert bench.store.retain(per_agent=0) == []
    (away / hub.name).rename(hub)
    assert following.look() == []  # not before its time
    (said,) = WorkFollowing(bench.store).look()
    assert "pushed at" in said
    assert entry(bench, bench.store.get(job.id)).state == "queued"


def test_work_that_was_brought_up_to_date_since_is_no_repair_by_itself(bench: Bench, git: Git) -> None:
    first = ran(bench)
    reject(bench, first)
    tree = Path(first.attempts[0].worktree)
    tree.joinpath("README.md").write_text("# Up to date\n")
    git(tree, *UNSEEN, "commit", "-qam", "up to date")
    WorkFollowing(bench.store).look()
    second = run_again(bench, first, "true")
    assert (second.outcome, entry(bench, first).state) == (AttemptOutcome.NO_CHANGE, "rejected")


def test_maintainer_looks_after_what_waits(bench: Bench, gitfleet: Gitfleet) -> None:
    first = ran(bench)
    reject(bench, first)
    said = gitfleet(bench.clone, "maintainer", "run").ok()
    assert f"{newest(bench).id} goes on with it" in said.stdout + said.stderr
    assert newest(bench).back.job == first.id


def test_job_that_is_gone_is_expected_no_more(bench: Bench) -> None:
    job = ran(bench)
    home = Path(bench.folder(job)).parent
    home.rename(home.with_name("elsewhere"))
    assert WorkFollowing(bench.store).look() == []
    assert bench.store.expected() == []
