"""Runs and what comes of them."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.errors import Conflict, EntryMoved, PolicyRefused
from gitfleet.mergequeue import model
from gitfleet.sessions import inbox
from tests.mergequeue.queues import CANDIDATE, Queues, pin


def test_run_is_a_ticket_and_its_entries_are_tested(world: Queues) -> None:
    a, b = world.add("a"), world.add("b")
    run = world.run(a, b, lease=30, purpose="the first window")
    (found,) = model.runs(world.view)
    assert (found.id, found.node, [one.id for one in found.entries], found.lease) == (
        run,
        "ada",
        [a.id, b.id],
        30,
    )
    assert {world.entry(one.id).state for one in (a, b)} == {"testing"}
    assert world.take("ada", "queue.renew", run=run)["run"]["renewed"] == 1
    world.take("ada", "queue.end", run=run, outcome="passed")
    assert (model.runs(world.view), world.entry(a.id).state) == ([], "queued")


def test_entry_of_two_runs_is_tested_until_both_are_over(world: Queues) -> None:
    a, b = world.add("a"), world.add("b")
    short, whole = world.run(a, keys=["short"]), world.run(a, b, keys=["whole"])
    world.take("ada", "queue.end", run=short, outcome="passed")
    assert world.entry(a.id).state == "testing"
    world.take("ada", "queue.end", run=whole, outcome="failed", suspects=[b.id])
    assert (world.entry(a.id).state, world.entry(b.id).state) == ("queued", "suspect")
    counts = model.queue(world.view).counts
    assert (counts["runs"], counts["passed"], counts["failed"]) == (2, 1, 1)


def test_the_same_run_is_not_made_twice_unless_the_lease_of_the_first_was_seen_to_lapse(
    world: Queues,
) -> None:
    entry = world.add("a")
    first = world.run(entry)
    body = {
        "target": "main",
        "base": "b" * 40,
        "entries": [pin(entry)],
        "commit": CANDIDATE,
        "tree": "d" * 40,
        "keys": ["k"],
    }
    for node in ("bob", "ada"):
        assert isinstance(world.refuse(node, "queue.take", **body), Conflict)
    world.take("ada", "queue.renew", run=first)
    assert isinstance(world.refuse("bob", "queue.end", run=first, outcome="abandoned", lapsed=0), Conflict)
    world.take("bob", "queue.end", run=first, outcome="abandoned", lapsed=1)
    second = world.take("bob", "queue.take", **body)["run"]["id"]
    assert [run.id for run in model.runs(world.view)] == [second]
    assert isinstance(world.refuse("ada", "queue.renew", run=first), Conflict)
    assert isinstance(world.refuse("ada", "queue.end", run=first, outcome="passed"), Conflict)


def test_run_of_another_node_is_ended_only_by_whoever_saw_its_lease_lapse(world: Queues) -> None:
    entry = world.add("a")
    run = world.run(entry)
    assert isinstance(world.refuse("bob", "queue.renew", run=run), Conflict)
    assert isinstance(world.refuse("bob", "queue.end", run=run, outcome="abandoned"), Conflict)
    assert isinstance(world.refuse("bob", "queue.end", run=run, outcome="abandoned", lapsed=4), Conflict)
    world.take("bob", "queue.end", run=run, outcome="abandoned", lapsed=0)
    assert (model.runs(world.view), world.entry(entry.id).state) == ([], "queued")


def test_paused_queue_is_not_tested_and_a_frozen_one_is(world: Queues) -> None:
    entry = world.add("a")
    body = {
        "target": "main",
        "base": "b" * 40,
        "entries": [pin(entry)],
        "commit": CANDIDATE,
        "tree": "d" * 40,
    }
    world.take("ada-1", "queue.pause", mode="paused", reason="x")
    assert isinstance(world.refuse("ada", "queue.take", **body), PolicyRefused)
    world.take("ada-1", "queue.pause", mode="frozen", reason="x")
    world.take("ada", "queue.take", **body)


def test_run_that_outlives_its_entries_ends_quietly(world: Queues) -> None:
    a, b, c = world.add("a"), world.add("b"), world.add("c")
    run = world.run(a, b, c)
    world.take("ada-1", "queue.drop", entry=a.id)
    world.add("b", at=9)
    world.land(c)
    world.take("ada", "queue.end", run=run, outcome="failed", suspects=[a.id, b.id, c.id])
    assert [world.entry(one.id).state for one in (a, b, c)] == ["dropped", "queued", "landed"]


def test_rejected_entry_goes_back_to_its_session_with_the_evidence(world: Queues) -> None:
    entry = world.add("a")
    evidence = {"words": "2 of 9 tests failed", "log": "FAILED test_a", "verdict": "k"}
    world.now += 5
    world.take("bob", "queue.reject", pin=pin(entry), evidence=evidence)
    after = world.entry(entry.id)
    assert (after.state, after.reason, after.handed) == ("rejected", "gate-failed", world.now)
    assert (after.evidence.log, after.evidence.verdict) == ("FAILED test_a", "k")
    (message,) = inbox.read(world.view, "ada-1")
    assert "a fails its gate, and comes back to you: 2 of 9 tests failed." in message.words


def test_findings_are_noted_together_or_not_at_all(world: Queues) -> None:
    a, b = world.add("a"), world.add("b")
    conflict = {
        "pin": pin(a),
        "state": "conflicted",
        "reason": "conflict",
        "evidence": {"paths": ["src/a.py"], "branch": "z"},
    }
    blocked = {"pin": pin(b), "state": "blocked", "reason": "conflict-ahead", "evidence": {"entry": a.id}}
    world.take("ada", "queue.mark", found=[conflict, blocked])
    assert (world.entry(a.id).state, world.entry(b.id).state) == ("conflicted", "blocked")
    assert any(
        "conflicts with main" in one.words and "src/a.py" in one.words
        for one in inbox.read(world.view, "ada-1")
    )
    again = [{**blocked, "state": "queued", "reason": ""}, {**conflict, "state": "queued", "reason": ""}]
    assert isinstance(world.refuse("ada", "queue.mark", found=again), EntryMoved)
    assert world.entry(b.id).state == "blocked"


def test_expired_entry_holds_those_above(world: Queues) -> None:
    a = world.add("a")
    b = world.add("b", session="bob-1", stack=a.id, needs=[])
    world.put(a, "rejected", reason="gate-failed")
    world.take("ada", "queue.expire", pin=pin(a))
    assert (world.entry(a.id).state, world.entry(b.id).state) == ("expired", "held")


@pytest.mark.parametrize("kind", ["queue.take", "queue.mark", "queue.reject", "queue.expire"])
def test_finding_about_an_older_head_is_refused(world: Queues, kind: str) -> None:
    entry = world.put(world.add("a"), "rejected" if kind == "queue.expire" else "queued")
    old = pin(entry)
    world.put(world.add("a", at=2), entry.state)
    bodies: dict[str, dict[str, Any]] = {
        "queue.take": {
            "target": "main",
            "base": "b" * 40,
            "entries": [old],
            "commit": CANDIDATE,
            "tree": "d" * 40,
        },
        "queue.mark": {"found": [{"pin": old, "state": "blocked"}]},
        "queue.reject": {"pin": old, "evidence": {}},
        "queue.expire": {"pin": old},
    }
    assert isinstance(world.refuse("ada", kind, **bodies[kind]), EntryMoved)
