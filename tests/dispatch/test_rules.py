"""What becomes of jobs that any node may run; decided without disk or clock."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.base.ids import ulid
from gitfleet.codec import Struct
from gitfleet.dispatch import model, rules
from gitfleet.dispatch.model import SharedJob
from gitfleet.dispatch.rules import EndJob, HeldLease, LapsedLease, OfferJob, RenewJobs, StopJob, TakeJob
from gitfleet.errors import Conflict, Malformed, PolicyRefused, UsageError
from gitfleet.ledger.model import NODE, Accepted
from tests.claims.world import World


class JobWorld(World):
    """A fleet whose nodes run each other's jobs."""

    def do(self, node: str, kind: str, body: Struct) -> Any:
        decision = self.ask(f"{node}-1", f"job.{kind}", node=node, who=NODE, **body.encode())
        if not isinstance(decision, Accepted):
            raise decision.error
        return decision.answer

    def offered(self, node: str = "ann", **more: Any) -> str:
        job = f"job-{ulid().lower()}"
        self.do(node, "offer", OfferJob(job, "tidy", "do it", 1, **more))
        return job

    def taken(self, job: str, node: str = "bob", lapsed: LapsedLease | None = None) -> SharedJob:
        found: SharedJob = self.do(node, "take", TakeJob(job, "here", lapsed)).job
        return found

    def had(self, job: str, node: str = "bob") -> HeldLease:
        """The lease of a job that the node takes."""
        lease = self.taken(job, node).lease
        assert lease is not None
        return HeldLease(job, lease.fence)

    def known(self, job: str) -> SharedJob:
        found = model.find(self.view, job)
        assert found is not None
        return found


def test_job_is_taken_by_one_node_and_ends_there() -> None:
    world = JobWorld()
    job = world.offered(priority=3)
    held = world.had(job)
    for node in ("cid", "bob"):
        with pytest.raises(Conflict):
            world.taken(job, node)
    assert model.prompt(world.view, job) == "do it"
    done = world.do("bob", "end", EndJob(held, "completed", "success", branch="w", commit="a" * 40)).job
    assert (done.end.status, done.end.node, done.end.branch, done.lease) == ("completed", "bob", "w", None)
    assert (model.open_jobs(world.view), model.prompt(world.view, job)) == ([], "")
    assert world.do("bob", "end", EndJob(held, "completed")).job == done
    with pytest.raises(Conflict):
        world.taken(job, "cid")


def test_job_that_is_offered_twice_stays_as_it_is() -> None:
    world = JobWorld()
    job = world.offered()
    held = world.had(job)
    again = OfferJob(job, "other", "do more", 2)
    assert world.do("cid", "offer", again).job.agent == "tidy"
    world.do("bob", "end", EndJob(held, "failed"))
    assert world.do("ann", "offer", again).job.end.status == "failed"


@pytest.mark.parametrize(
    ("fence", "renewed", "over"), [(0, 1, True), (0, 0, False), (-1, 1, False), (0, 2, False)]
)
def test_lease_is_over_only_as_it_was_watched(fence: int, renewed: int, over: bool) -> None:
    world = JobWorld()
    job = world.offered()
    held = world.had(job)
    assert world.do("bob", "renew", RenewJobs((held,))).kept == (job,)
    lapsed = LapsedLease(held.fence + fence, renewed)
    if not over:
        with pytest.raises(Conflict):
            world.taken(job, "cid", lapsed)
        return
    after = world.taken(job, "cid", lapsed)
    assert after.lease is not None
    assert (after.lease.node, after.takes) == ("cid", 2)
    assert world.do("bob", "renew", RenewJobs((held,))).lost == (job,)
    with pytest.raises(Conflict):
        world.do("bob", "end", EndJob(held, "completed"))


@pytest.mark.parametrize(
    ("status", "takes", "end"),
    [
        ("interrupted", 1, ""),
        ("interrupted", model.MOST_TAKES, "interrupted"),
        ("queued", model.MOST_TAKES, ""),
        ("failed", 1, "failed"),
        ("cancelled", 1, "cancelled"),
    ],
)
def test_interrupted_job_is_offered_again_but_not_for_ever(status: Any, takes: int, end: str) -> None:
    world = JobWorld()
    job = world.offered()
    for _ in range(takes - 1):
        world.do("bob", "end", EndJob(world.had(job), "interrupted"))
    after = world.do("bob", "end", EndJob(world.had(job), status)).job
    assert (after.end.status if after.end else "") == end
    assert after.lease is None
    if not end:
        assert world.taken(job, "cid").lease


def test_job_whose_nodes_all_died_is_not_begun_again() -> None:
    world = JobWorld()
    job = world.offered()
    lapsed = None
    for _ in range(model.MOST_TAKES):
        lease = world.taken(job, "bob", lapsed).lease
        assert lease is not None
        lapsed = LapsedLease(lease.fence, 0)
    after = world.taken(job, "cid", lapsed)
    assert after.end is not None
    assert (after.end.status, after.lease) == ("interrupted", None)


@pytest.mark.parametrize("took", [False, True])
def test_cancelled_job_ends_at_once_where_nobody_runs_it(took: bool) -> None:
    world = JobWorld()
    job = world.offered()
    held = world.had(job) if took else None
    told = world.do("cid", "stop", StopJob(job))
    assert told.job.stop
    assert (told.job.end is None) is took
    if held:
        assert world.do("bob", "end", EndJob(held, "interrupted")).job.end.status == "cancelled"
    again = world.do("cid", "stop", StopJob(job))
    assert again.before
    with pytest.raises(UsageError):
        world.do("cid", "stop", StopJob("job-unknown"))


def test_cancelled_job_of_a_node_that_died_is_not_begun_again() -> None:
    world = JobWorld()
    job = world.offered()
    held = world.had(job)
    world.do("cid", "stop", StopJob(job))
    after = world.taken(job, "cid", LapsedLease(held.fence, 0))
    assert after.end is not None
    assert after.end.status == "cancelled"


def test_leases_of_a_node_are_renewed_together() -> None:
    world = JobWorld()
    mine = [world.had(world.offered()) for _ in range(3)]
    other = world.had(world.offered(), "cid")
    told = world.do("bob", "renew", RenewJobs((*mine, other)))
    assert (told.kept, told.lost) == (tuple(one.job for one in mine), (other.job,))
    leases = [world.known(one.job).lease for one in (*mine, other)]
    assert [lease.renewed for lease in leases if lease] == [1, 1, 1, 0]


def test_ledger_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "MOST_OPEN", 3)
    monkeypatch.setattr(model, "KEPT", 2)
    world = JobWorld()
    jobs = [world.offered() for _ in range(3)]
    with pytest.raises(PolicyRefused):
        world.offered()
    for job in jobs:
        world.do("ann", "stop", StopJob(job))
    assert [one.id for one in model.ended_jobs(world.view)] == jobs[1:]
    assert world.offered()


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../x"},
        {"agent": "a b"},
        {"prompt": "x" * (model.LONGEST_PROMPT + 1)},
        {"ttl": 0},
        {"priority": 9999},
    ],
)
def test_offer_of_another_form_is_refused(change: dict[str, Any]) -> None:
    world = JobWorld()
    body = {**OfferJob("job-1", "tidy", "", 1).encode(), **change}
    decision = world.ask("ann-1", "job.offer", node="ann", who=NODE, **body)
    assert isinstance(getattr(decision, "error", None), Malformed)


def test_renewal_of_nothing_is_malformed() -> None:
    with pytest.raises(Malformed):
        JobWorld().do("ann", "renew", RenewJobs(()))
    assert rules.MOST_LEASES >= model.MOST_OPEN
