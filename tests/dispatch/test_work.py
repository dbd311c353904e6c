"""Tasks of work sources in the ledger; decided without disk or clock."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.base.ids import ulid
from gitfleet.codec import Struct
from gitfleet.dispatch import work
from gitfleet.dispatch.rules import LapsedLease
from gitfleet.dispatch.work import EndWork, HeldTask, RenewWork, TakenWork, TakeWork, TellWork
from gitfleet.errors import Conflict, Malformed, PolicyRefused
from gitfleet.ledger.model import NODE, Accepted
from tests.claims.world import World

SOURCE = "s"


class WorkWorld(World):
    """A fleet whose nodes do tasks of one source."""

    def do(self, node: str, kind: str, body: Struct) -> Any:
        decision = self.ask(f"{node}-1", f"work.{kind}", node=node, who=NODE, **body.encode())
        if not isinstance(decision, Accepted):
            raise decision.error
        return decision.answer

    def taken(self, ref: str = "12", node: str = "ann", job: str = "", **more: Any) -> HeldTask:
        body = TakeWork(SOURCE, ref, job or f"job-{ulid().lower()}", "here", f"Task {ref}", **more)
        found = self.do(node, "take", body).work
        return HeldTask(found.source, found.id, found.lease.fence if found.lease else 0)

    def ended(self, held: HeldTask, status: Any, node: str = "ann", *, told: bool = False) -> Any:
        return self.do(node, "end", EndWork(held, status, told)).work

    def known(self, ref: str = "12") -> TakenWork | None:
        return work.find(self.view, SOURCE, ref)

    def lapsed(self, ref: str = "12") -> LapsedLease:
        found = self.known(ref)
        assert found is not None
        assert found.lease is not None
        return LapsedLease(found.lease.fence, found.lease.renewed)


def test_task_is_had_by_one_job_until_that_has_ended() -> None:
    world = WorkWorld()
    held = world.taken(job="job-one")
    for node in ("bob", "ann"):
        with pytest.raises(Conflict):
            world.taken(node=node)
    assert world.taken(job="job-one") == held  # twice is harmless
    assert world.taken("13", "bob").id != held.id
    assert world.ended(held, "done").end.status == "done"
    with pytest.raises(Conflict):  # its source shows it still
        world.taken(node="bob")
    assert world.ended(held, "done").end.job == "job-one"


@pytest.mark.parametrize("version", ["", "v1"])
def test_task_whose_source_knows_of_its_end_is_forgotten_unless_only_the_ledger_remembers(
    version: str,
) -> None:
    world = WorkWorld()
    held = world.taken(version=version)
    world.ended(held, "failed")
    for _ in range(2):
        world.do("bob", "told", TellWork(held))
    assert (world.known() is not None) is bool(version)
    if version:
        with pytest.raises(Conflict):
            world.taken(version=version)
    assert world.taken(version="v2").fence > held.fence


def test_job_that_is_run_once_more_may_have_its_task_again() -> None:
    world = WorkWorld()
    held = world.taken(job="job-one", version="v")
    world.ended(held, "failed")
    assert world.taken(job="job-one", version="v").fence > held.fence
    found = world.known()
    assert found is not None
    assert (found.takes, found.end) == (1, None)


@pytest.mark.parametrize(("status", "takes"), [("free", 1), ("unused", 0)])
def test_task_that_is_given_up_is_free_and_counted_if_it_was_begun(status: Any, takes: int) -> None:
    world = WorkWorld()
    world.ended(world.taken(), status)
    found = world.known()
    assert (found.takes if found else 0) == takes
    assert world.taken(node="bob").fence


def test_task_that_nobody_brings_to_an_end_has_failed() -> None:
    world = WorkWorld()
    for _ in range(work.MOST_TAKES):
        world.ended(world.taken(), "free")
    assert world.taken(node="bob").fence == 0
    found = world.known()
    assert found is not None
    assert found.end is not None
    assert (found.end.status, found.end.node, found.told) == ("failed", "bob", False)


@pytest.mark.parametrize(
    ("fence", "renewed", "over"), [(0, 1, True), (0, 0, False), (-1, 1, False), (0, 2, False)]
)
def test_lease_is_over_only_as_it_was_watched(fence: int, renewed: int, over: bool) -> None:
    world = WorkWorld()
    held = world.taken()
    other = world.taken("13", "bob")
    assert world.do("ann", "renew", RenewWork((held, other))).kept == (held,)
    lapsed = LapsedLease(held.fence + fence, renewed)
    if not over:
        with pytest.raises(Conflict):
            world.taken(node="bob", lapsed=lapsed)
        return
    after = world.taken(node="bob", lapsed=lapsed)
    assert world.do("ann", "renew", RenewWork((held,))).kept == ()
    with pytest.raises(Conflict):
        world.ended(held, "done")
    with pytest.raises(Conflict):  # by its fence, and another node's name
        world.ended(after, "done")
    assert world.ended(after, "done", "bob").end.node == "bob"


def test_ledger_stays_bounded_and_forgets_no_task_that_somebody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "MOST", 3)
    world = WorkWorld()
    for ref in "abc":
        held = world.taken(ref, version="v")
        if ref != "c":
            world.ended(held, "done", told=True)
    world.taken("d", version="v")
    assert {one.ref for one in work.of_source(world.view, SOURCE)} == {"b", "c", "d"}
    world.taken("e", version="v")
    with pytest.raises(PolicyRefused):
        world.taken("f", version="v")


@pytest.mark.parametrize(
    ("field", "value"), [("source", "../s"), ("source", ""), ("job", "a/b"), ("ref", "x" * 301)]
)
def test_operation_that_cannot_be_meant_is_refused(field: str, value: str) -> None:
    world = WorkWorld()
    body = TakeWork(SOURCE, "12", "job-x", "here").encode() | {field: value}
    decision = world.ask("ann-1", "work.take", node="ann", who=NODE, **body)
    assert not isinstance(decision, Accepted)
    assert isinstance(decision.error, Malformed)


def test_renewal_notes_the_entry_in_which_the_work_waits() -> None:
    world = WorkWorld()
    held = world.taken()
    for entry, wanted in (("", ""), ("e1", "e1"), ("", "e1")):
        assert world.do("ann", "renew", RenewWork((held,), entry)).kept == (held,)
        known = world.known()
        assert known is not None
        assert known.entry == wanted
