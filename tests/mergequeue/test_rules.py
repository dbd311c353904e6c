"""What sessions and persons ask of the queue, decided."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from gitfleet.base.ids import ulid
from gitfleet.base.names import Oid
from gitfleet.codec import replace
from gitfleet.errors import EntryMoved, NoEntry, NoSession, PolicyRefused, UsageError
from gitfleet.ledger.model import Accepted, Refused, View
from gitfleet.mergequeue import explain, model, naming
from gitfleet.mergequeue.explain import Lineup
from gitfleet.mergequeue.model import EntryEvidence, QueuePause
from gitfleet.sessions import inbox
from tests.mergequeue.queues import Queues, head, pin


def told(world: Queues, session: str) -> list[str]:
    return [message.words for message in inbox.read(world.view, session)]


def test_entries_are_numbered_as_they_come_and_a_branch_has_one(world: Queues) -> None:
    first, other = world.add("a"), world.add("b", session="bob-1")
    assert [(e.seq, e.branch, e.session, e.priority, e.state) for e in (first, other)] == [
        (1, "a", "ada-1", 50, "queued"),
        (2, "b", "bob-1", 50, "queued"),
    ]
    again = world.add("a", session="bob-1", priority=30, title="mine now")
    assert (again.id, again.seq, again.priority, again.title, again.session) == (
        first.id,
        1,
        30,
        "mine now",
        "ada-1",
    )
    assert len(model.readable(world.view)) == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, []),
        ({"priority": 50, "title": ""}, []),
        ({"priority": 9}, ["priority 9 instead of 50"]),
        ({"title": "x"}, ["its title"]),
        ({"at": 2}, [f"its head is {head(2)[:12]}: it is tested anew"]),
    ],
)
def test_branch_that_is_added_again_says_what_has_changed(
    world: Queues, more: dict[str, Any], said: list[str]
) -> None:
    world.add("a")
    body = {"branch": "a", "head": head(more.pop("at", 1)), "target": "main", **more}
    answer = world.take("ada-1", "queue.add", **body)
    assert (answer["new"], answer["changes"]) == (False, said)


def test_new_head_is_tested_anew_at_the_place_that_the_entry_had(world: Queues) -> None:
    entry = world.put(
        world.add("a"), "rejected", reason="gate-failed", handed=5, evidence=EntryEvidence("it fails")
    )
    after = world.add("a", at=2)
    assert (after.state, after.seq, after.tries, after.handed, after.reason) == (
        "queued",
        entry.seq,
        1,
        0,
        "",
    )
    assert (after.head, after.evidence, after.since > entry.since) == (head(2), EntryEvidence(), True)


def test_same_head_is_no_repair(world: Queues) -> None:
    world.put(world.add("a"), "rejected", reason="gate-failed")
    after = world.add("a", priority=10)
    assert (after.state, after.reason, after.tries, after.priority) == ("rejected", "gate-failed", 0, 10)


def test_repairs_are_bounded_but_for_a_person(world: Queues) -> None:
    entry = world.add("a")
    for number in (2, 3):
        world.put(world.entry(entry.id), "rejected")
        assert world.add("a", at=number, most_tries=2).tries == number - 1
    world.put(world.entry(entry.id), "conflicted")
    body: dict[str, Any] = {"branch": "a", "head": head(4), "target": "main", "most_tries": 2}
    assert isinstance(world.refuse("ada-1", "queue.add", **body), PolicyRefused)
    world.take("ada-1", "queue.retry", entry=entry.id)
    world.put(world.entry(entry.id), "conflicted")
    assert not isinstance(world.ask("eve-1", "queue.add", who="person", **body), Refused)


def test_held_entry_stays_held_with_a_new_head_unless_it_waits_for_an_approval(world: Queues) -> None:
    entry = world.put(world.add("a"), "held", reason="hold", evidence=EntryEvidence("not yet"))
    assert (world.add("a", at=2).state, world.entry(entry.id).evidence.words) == ("held", "not yet")
    world.put(world.entry(entry.id), "held", reason="approval")
    assert (world.add("a", at=3).state, world.entry(entry.id).reason) == ("queued", "")


def test_priority_above_the_ceiling_is_a_persons_to_give(world: Queues) -> None:
    body: dict[str, Any] = {"branch": "a", "head": head(1), "target": "main", "priority": 60, "ceiling": 59}
    assert isinstance(world.refuse("ada-1", "queue.add", **body), PolicyRefused)
    assert not isinstance(world.ask("eve-1", "queue.add", who="person", **body), Refused)
    found = model.readable(world.view)[0]
    assert found.priority == 60
    assert isinstance(
        world.refuse("ada-1", "queue.change", entry=found.id, priority=95, ceiling=59), PolicyRefused
    )
    assert (
        world.take("ada-1", "queue.change", entry=found.id, priority=59, ceiling=59)["entry"]["priority"]
        == 59
    )


def test_dependencies_must_be_entries_and_make_no_circle(world: Queues) -> None:
    a = world.add("a")
    b = world.add("b", needs=[a.id])
    c = world.add("c", stack=b.id, needs=[])
    assert (b.needs, c.needs, c.stack) == ((a.id,), (b.id,), b.id)
    body = {"branch": "a", "head": head(1), "target": "main"}
    assert isinstance(world.refuse("ada-1", "queue.add", **body, needs=[c.id]), UsageError)
    assert isinstance(world.refuse("ada-1", "queue.add", **body, needs=[a.id]), UsageError)
    assert isinstance(world.refuse("ada-1", "queue.add", **body, needs=[ulid()]), NoEntry)
    world.take("ada-1", "queue.drop", entry=c.id)
    body = {"branch": "d", "head": head(1), "target": "main"}
    assert isinstance(world.refuse("ada-1", "queue.add", **body, needs=[c.id]), EntryMoved)


def test_dropping_one_of_a_stack_holds_those_above_and_tells_their_sessions(world: Queues) -> None:
    a = world.add("a")
    b = world.add("b", session="bob-1", stack=a.id, needs=[])
    c = world.put(world.add("c", stack=b.id, needs=[]), "rejected")
    d = world.add("d")
    answer = world.take("ada-1", "queue.drop", entry=a.id, reason="no good")
    assert [one["id"] for one in answer["held"]] == [b.id, c.id]
    states = {e.id: (world.entry(e.id).state, world.entry(e.id).reason) for e in (a, b, c, d)}
    assert states == {
        a.id: ("dropped", "dropped"),
        b.id: ("held", "dependency-dropped"),
        c.id: ("held", "dependency-dropped"),
        d.id: ("queued", ""),
    }
    assert any("b is held: a was dropped" in words for words in told(world, "bob-1"))
    assert "has the commits of what was taken out" in str(world.refuse("bob-1", "queue.unhold", entry=b.id))
    world.add("b", session="bob-1", at=7, stack="", needs=[])
    assert (world.entry(b.id).state, world.entry(b.id).needs, world.entry(b.id).stack) == ("queued", (), "")


def test_approval_is_for_persons_at_the_head_that_was_looked_at(world: Queues) -> None:
    entry = world.put(world.add("a"), "held", reason="approval")
    for session in ("ada-1", "eve-1"):
        assert isinstance(world.refuse(session, "queue.unhold", entry=entry.id), EntryMoved)
    decision = world.ask("ada-1", "queue.approve", who="person", pin=pin(entry))
    assert isinstance(decision, Refused)
    assert isinstance(decision.error, PolicyRefused)
    older = replace(entry, head=Oid(head(9)))
    decision = world.ask("eve-1", "queue.approve", who="person", pin=pin(older))
    assert isinstance(decision, Refused)
    assert not isinstance(world.ask("eve-1", "queue.approve", who="person", pin=pin(entry)), Refused)
    assert (world.entry(entry.id).state, world.entry(entry.id).approved) == ("queued", entry.head)


def test_entry_that_somebody_holds_needs_no_approval(world: Queues) -> None:
    entry = world.add("a")
    world.take("ada-1", "queue.hold", entry=entry.id)
    decision = world.ask("eve-1", "queue.approve", who="person", pin=pin(entry))
    assert isinstance(decision, Refused)
    assert isinstance(decision.error, EntryMoved)


def test_pause_needs_a_reason_and_a_drained_queue_takes_only_what_is_urgent(world: Queues) -> None:
    assert isinstance(world.refuse("ada-1", "queue.pause", mode="paused"), UsageError)
    assert isinstance(world.refuse("ada-1", "queue.pause", mode="", reason="x"), UsageError)
    world.take("ada-1", "queue.pause", mode="draining", floor=80, reason="a release")
    there = world.put(world.add("old", priority=85), "queued", priority=10)
    error = world.refuse("ada-1", "queue.add", branch="new", head=head(1), target="main")
    assert isinstance(error, PolicyRefused)
    assert "a release" in error.message
    assert world.add("old", at=2).id == there.id
    assert world.take("bob-1", "queue.resume")["before"]["mode"] == "draining"
    assert model.queue(world.view).pause == QueuePause()
    world.add("new")


def test_whoever_changes_an_entry_of_another_tells_its_session(world: Queues) -> None:
    entry = world.add("a", title="the parser")
    world.take("bob-1", "queue.change", entry=entry.id, priority=20)
    world.take("bob-1", "queue.hold", entry=entry.id, reason="wait for me")
    world.take("bob-1", "queue.drop", entry=entry.id, reason="obsolete")
    assert told(world, "ada-1") == [
        "bob-1 gives a (the parser) priority 20",
        "bob-1 holds a (the parser): wait for me",
        "bob-1 drops a (the parser): obsolete",
    ]
    assert told(world, "bob-1") == []


@pytest.mark.parametrize("kind", ["queue.hold", "queue.drop", "queue.retry", "queue.unhold", "queue.change"])
def test_entry_that_is_none_and_session_that_is_none_are_refused(world: Queues, kind: str) -> None:
    assert isinstance(world.refuse("ada-1", kind, entry=ulid()), NoEntry)
    entry = world.add("a")
    assert isinstance(world.refuse("ada-9", kind, entry=entry.id), NoSession)


def test_finished_entries_are_filed_by_time_and_the_last_are_remembered(world: Queues) -> None:
    ids = []
    for number in range(25):
        entry = world.add(f"b{number}")
        world.take("ada-1", "queue.drop", entry=entry.id)
        ids.append(entry.id)
    known = model.queue(world.view)
    assert known.finished == tuple(ids[-20:])
    assert known.counts["dropped"] == 25
    assert [entry.id for entry in model.finished(world.view)] == ids[::-1]
    assert world.view.names(model.LIVE) == []


def test_entry_for_another_session_belongs_to_it_if_it_is_there(world: Queues) -> None:
    assert world.add("a", owner="bob-1").session == "bob-1"
    assert world.add("b", owner="nobody-1").session == "ada-1"


class Watched:
    """A view that notes which folders and records are read."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.read: list[str] = []

    def get(self, path: str) -> bytes | None:
        self.read.append(path)
        return self._view.get(path)

    def names(self, path: str) -> list[tuple[str, bool]]:
        self.read.append(path)
        return self._view.names(path)

    def files(self, path: str) -> Iterator[str]:
        self.read.append(path)
        return self._view.files(path)

    def load(self, path: str, depth: int | None = None) -> None:
        self.read.append(path)
        self._view.load(path, depth)


def test_finished_entries_cost_those_who_ask_about_the_queue_nothing(world: Queues) -> None:
    for number in range(30):
        world.take("ada-1", "queue.drop", entry=world.add(f"b{number}").id)
    entry = world.add("a")
    watched = Watched(world.view)
    model.readable(watched)
    model.runs(watched)
    known = model.queue(watched)
    assert [naming.find(watched, name).id for name in ("a", entry.id, entry.id[-8:])] == [entry.id] * 3
    lineup = Lineup(watched, model.readable(watched), (), known.pause)
    assert explain.why(lineup, entry).reason == "next"
    assert [path for path in watched.read if path.startswith(model.DONE)] == []
    last = [model.find(watched, one) for one in known.finished]
    assert len([path for path in watched.read if path.startswith(model.DONE)]) == len(last) == 20
    watched.read.clear()
    assert [one.branch for one in islice(model.finished(watched), 3)] == ["b29", "b28", "b27"]
    assert sum(path.endswith(".json") for path in watched.read) <= 30


def test_retry_counts_as_coming_back_and_ends_for_sessions_where_the_rules_say(world: Queues) -> None:
    entry = world.put(world.add("a"), "rejected")
    after = world.entry(world.take("ada-1", "queue.retry", entry=entry.id, most_tries=1)["entry"]["id"])
    assert (after.state, after.tries) == ("queued", 1)
    world.put(after, "rejected")
    error = world.refuse("ada-1", "queue.retry", entry=entry.id, most_tries=1)
    assert isinstance(error, PolicyRefused)
    assert "was handed back 2 times, and may come back 1 time" in error.message
    again = world.ask("eve-1", "queue.retry", who="person", entry=entry.id, most_tries=1)
    assert isinstance(again, Accepted), "a person may"
