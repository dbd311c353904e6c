"""What nodes tell each other of their jobs: records that exchanges bring, streams that only those get who ask."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from gitfleet.errors import HubUnreachable
from gitfleet.fleet.fleet import Fleet
from gitfleet.git import fleetrefs
from gitfleet.nodes import job_refs
from gitfleet.nodes.job_refs import JobRefs, ToldJob
from gitfleet.nodes.jobs_seen import JobsSeen
from tests.fleetbench import Fleets
from tests.nodes.killing import killed, lines_of
from tests.workbench import Git, run

JOB, LATER = "job-01m8n00000aa", "job-01m8n00000bb"
STREAM = {"1/00000": b"packed"}


def tell(fleet: Fleet, job: str = JOB, *, files: Mapping[str, bytes] = STREAM, record: str = "") -> str:
    kept = JobRefs(fleet.repository, fleet.ledger)
    oid = kept.store(job, files)
    kept.change({job: ToldJob((record or f"{job} {oid}").encode(), oid)}, ())
    return oid


def send(fleet: Fleet) -> list[str]:
    return JobRefs(fleet.repository, fleet.ledger).send()


def forget(fleet: Fleet, *jobs: str, anew: bool = False) -> None:
    JobRefs(fleet.repository, fleet.ledger).change({}, jobs, anew=anew)


def seen(fleet: Fleet) -> JobsSeen:
    fleet.ledger.sync(*fleet.node_ref.wanted)
    return JobsSeen(fleet.repository, fleet.ledger)


def told(fleet: Fleet) -> list[str]:
    with seen(fleet) as found:
        return [one.id for one in found.newest()]


def test_records_come_with_an_exchange_and_a_stream_for_who_asks_for_it(fleets: Fleets, git: Git) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        oid = tell(ada)
        tell(ada, LATER, files={"1/00000": b"other"})
        assert told(bob) == []
        assert send(ada) == send(ada) == []
        assert told(bob) == [LATER, JOB]
        assert told(ada) == []
        node, clone = ada.ledger.node.id, fleets.clone("bob")
        with seen(bob) as found:
            assert [found.record(one) for one in found.where(JOB)] == [f"{JOB} {oid}".encode()]
            assert found.where("job-01m8n00000cc") == []
            assert f"{oid} missing" in git(clone, "cat-file", "--batch-check", stdin=oid)
            assert found.streams(node, oid) == STREAM
            assert found.streams(node, "1" * 40) is None
            assert found.warnings == []
        assert f"{oid} missing" in git(clone, "cat-file", "--batch-check", stdin=oid)
        git(fleets.hub, "fsck", "--strict")


def test_stream_comes_from_a_hub_that_knows_refs_alone(fleets: Fleets, git: Git) -> None:
    git(fleets.clone("bob"), "config", "protocol.version", "0")
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        oid = tell(ada)
        send(ada)
        with seen(bob) as found:
            assert found.streams(ada.ledger.node.id, oid) == STREAM
            assert found.streams(ada.ledger.node.id, "1" * 40) is None


def test_stream_without_a_hub_is_an_error_of_the_hub(fleets: Fleets) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        oid = tell(ada)
        send(ada)
        with seen(bob) as found:
            shutil.move(fleets.hub, fleets.root / "away")
            with pytest.raises(HubUnreachable):
                found.streams(ada.ledger.node.id, oid)
        assert "not sent" in "".join(send(ada) or (tell(ada, LATER) and send(ada)))
        shutil.move(fleets.root / "away", fleets.hub)
        assert send(ada) == []
        assert told(bob) == [LATER, JOB]


def test_push_of_one_job_more_sends_that_alone(fleets: Fleets, git: Git) -> None:
    with fleets.open("ada") as ada:
        for number in range(20):
            tell(ada, f"job-01m8n0000{number:03}", files={"1/00000": str(number).encode() * 99})
        send(ada)
        before = objects(fleets.hub, git)
        tell(ada, files={"1/00000": b"new"})
        send(ada)
        # Its record, the folder and the tree of that, two commits; its stream, a folder and a tree, the archive, the index and its tree.
        assert len(objects(fleets.hub, git) - before) <= 11


def objects(place: Path, git: Git) -> set[str]:
    return set(git(place, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split())


def test_job_that_is_told_of_no_more_is_gone_from_the_hub(fleets: Fleets, git: Git) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        oid = tell(ada)
        tell(ada, LATER)
        send(ada)
        forget(ada, JOB, anew=True)
        forget(ada, JOB, anew=True)
        assert send(ada) == []
        assert told(bob) == [LATER]
        git(fleets.hub, "reflog", "expire", "--expire=now", "--all")
        git(fleets.hub, "gc", "--quiet", "--prune=now")
        record = git(fleets.hub, "hash-object", "--stdin", stdin=f"{JOB} {oid}")
        assert "missing" in git(fleets.hub, "cat-file", "--batch-check", stdin=record)
        assert "missing" in git(fleets.hub, "cat-file", "--batch-check", stdin=oid)


def test_commits_of_records_follow_one_another_so_many_times(
    fleets: Fleets, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_refs, "STEPS", 4)
    monkeypatch.setattr(job_refs, "MOST_STREAMS", 3)
    with fleets.open("ada") as ada:
        jobs, streams = fleetrefs.jobs(ada.ledger.node.id), fleetrefs.streams(ada.ledger.node.id)
        lengths = []
        for number in range(6):
            tell(ada, f"job-01m8n0000{number:03}", files={"1/00000": str(number).encode()})
            lengths.append(int(git(fleets.clone("ada"), "rev-list", "--count", jobs)))
        assert lengths == [1, 2, 3, 1, 2, 3]
        assert len(git(fleets.clone("ada"), "rev-parse", f"{streams}^@").split()) == 3


def test_hub_where_refs_only_move_forward_gets_all(fleets: Fleets, git: Git) -> None:
    git(fleets.hub, "config", "receive.denyNonFastForwards", "true")
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        oid = tell(ada)
        assert send(ada) == []
        for job in (LATER, "job-01m8n00000cc"):
            oid = tell(ada, job, files={"1/00000": job.encode()})
            assert send(ada) == []
        forget(ada, JOB, anew=True)
        assert send(ada) == []
        assert told(bob) == ["job-01m8n00000cc", LATER]
        with seen(bob) as found:
            assert found.streams(ada.ledger.node.id, oid) == {"1/00000": b"job-01m8n00000cc"}


def test_archives_of_a_copied_clone_are_not_overwritten(fleets: Fleets) -> None:
    shutil.copytree(fleets.clone("ada"), fleets.clone("copy"), symlinks=True)
    with fleets.open("copy") as copy:
        tell(copy)
        assert send(copy) == []
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        tell(ada, LATER, files={"1/00000": b"other"})
        assert "was this clone copied?" in "".join(send(ada))
        assert told(bob) == [JOB]


def test_process_that_is_killed_before_any_line_leaves_what_the_next_one_makes_up_for(fleets: Fleets) -> None:
    def action(fleet: Fleet) -> None:
        tell(fleet)
        send(fleet)

    with fleets.open("bob") as other:
        lines = lines_of(job_refs, lambda: action(other))
    for stop in range(0, lines, max(1, lines // 8)):
        killed(fleets.clone("ada"), job_refs, action, stop)
        with fleets.open("ada") as ada, fleets.open("bob") as bob:
            action(ada)
            assert told(bob) == [JOB]
            forget(ada, JOB)
            send(ada)


def test_processes_that_tell_at_once_lose_nothing(fleets: Fleets) -> None:
    with fleets.open("ada") as one, fleets.open("ada") as two, fleets.open("bob") as bob:
        kept = JobRefs(one.repository, one.ledger)
        real, others = kept._told, itertools.count()

        def beaten(*args: object, **more: object) -> str | None:
            if not next(others):
                tell(two, LATER)
                send(two)
            return real(*args, **more)  # type: ignore[arg-type]

        kept._told = beaten  # type: ignore[method-assign]
        kept.change({JOB: ToldJob(b"mine", "")}, ())
        assert kept.send() == []
        assert told(bob) == [LATER, JOB]


@pytest.mark.parametrize("bad", ["blob", "commit"])
def test_what_no_node_writes_is_passed_over(fleets: Fleets, git: Git, bad: str) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        tell(ada)
        send(ada)
        clone = fleets.clone("ada")
        oid = (
            git(clone, "hash-object", "-w", "--stdin", stdin="x")
            if bad == "blob"
            else git(clone, "rev-parse", "HEAD")
        )
        git(clone, "push", "--no-verify", "--quiet", "origin", f"{oid}:refs/fleet/jobs/odd-1")
        assert told(bob) == [JOB]
        with seen(bob) as found:
            list(found.newest())
            assert found.where(JOB)
            assert any("odd-1" in words for words in found.warnings) == (bad == "blob")


def test_clone_that_is_its_own_hub_keeps_its_archives(fleets: Fleets) -> None:
    with fleets.open("alone") as alone:
        tell(alone)
        assert send(alone) == []
        assert told(alone) == []


def test_git_finds_nothing_wrong_with_what_was_told(fleets: Fleets) -> None:
    with fleets.open("ada") as ada:
        tell(ada)
    run(["git", "fsck", "--strict", "--no-dangling"], fleets.clone("ada")).ok()
