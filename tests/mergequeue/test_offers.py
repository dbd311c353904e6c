"""Handing entries to the host: what the ledger keeps of it, and when it refuses; and the command that asks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from gitfleet.errors import EntryMoved, HubUnreachable, PolicyRefused
from gitfleet.mergequeue import host_hook, model
from gitfleet.mergequeue.model import QueueEntry
from tests.mergequeue.queues import BASE, CANDIDATE, TREE, Queues, landing, pin


def order(*entries: QueueEntry, **more: Any) -> dict[str, Any]:
    rows = [{"pin": pin(entry), "tree": TREE} for entry in entries]
    return {"target": "main", "base": BASE, "entries": rows, "proof": {"gate": "none"}, **more}


def test_entry_that_is_handed_over_has_the_tree_and_the_base(world: Queues) -> None:
    entry = world.add("a")
    world.take("ada", "queue.offer", **order(entry))
    after = world.entry(entry.id)
    assert (after.state, after.reason) == ("queued", "host")
    assert (after.evidence.tree, after.evidence.commit) == (TREE, BASE)


def test_order_is_refused_as_a_landing_would_be(world: Queues) -> None:
    below = world.add("below")
    above = world.add("above", needs=[below.id])
    assert isinstance(world.refuse("ada", "queue.offer", **order(above)), EntryMoved)
    lacking = {"gate": "verdicts", "keys": ["k"], "trust": ["ci"]}
    assert isinstance(world.refuse("ada", "queue.offer", **order(below, proof=lacking)), PolicyRefused)
    world.take("ada-1", "queue.pause", mode="frozen", floor=80, reason="a release")
    assert isinstance(world.refuse("ada", "queue.offer", **order(below)), PolicyRefused)


def test_entry_that_the_host_landed_as_it_was_tested_is_a_landing_of_the_queue(world: Queues) -> None:
    entry, other = world.add("a"), world.add("b", at=2)
    world.take("ada", "queue.offer", **order(entry))
    rows = [{**pin(one), "commit": CANDIDATE, "before": BASE} for one in (entry, other)]
    world.take("ada", "queue.reconcile", entries=rows)
    assert [world.entry(one.id).reason for one in (entry, other)] == ["landed", "landed-elsewhere"]
    (note,) = model.queue(world.view).landings
    assert (note.base, note.commit) == (BASE, CANDIDATE)


def test_entry_that_is_dropped_after_it_was_handed_over_does_not_come_back(world: Queues) -> None:
    entry = world.add("a")
    world.take("ada", "queue.offer", **order(entry))
    world.take("ada-1", "queue.drop", entry=entry.id)
    assert isinstance(world.refuse("ada", "queue.offer", **order(entry)), EntryMoved)
    assert isinstance(world.refuse("ada", "queue.land", **landing(entry)), EntryMoved)


def test_dropped_entry_is_called_landed_only_where_the_host_was_handed_it(world: Queues) -> None:
    entry, other = world.add("a"), world.add("b", at=2)
    world.take("ada", "queue.offer", **order(entry))
    for one in (entry, other):
        world.take("ada-1", "queue.drop", entry=one.id)
    rows = [{**pin(one), "commit": CANDIDATE, "before": BASE} for one in (entry, other)]
    assert isinstance(world.refuse("ada", "queue.reconcile", entries=rows), EntryMoved)
    world.take("ada", "queue.reconcile", entries=rows[:1])
    assert [world.entry(one.id).reason for one in (entry, other)] == ["landed-by-host", "dropped"]
    state = model.queue(world.view)
    assert (state.finished, state.counts["dropped"], state.counts["landed"]) == ((other.id, entry.id), 1, 1)
    assert model.recalled(world.view) == []


def test_entry_that_was_handed_over_anew_is_not_let_go(world: Queues) -> None:
    entry = world.add("a")
    world.take("ada", "queue.offer", **order(entry))
    world.take("ada-1", "queue.hold", entry=entry.id)
    assert [one.id for one in model.recalled(world.view)] == [entry.id]
    world.take("ada-1", "queue.unhold", entry=entry.id)
    world.take("ada", "queue.offer", **order(entry))
    assert model.recalled(world.view) == []
    world.take("ada", "queue.recall", entries=[pin(entry)])
    assert world.entry(entry.id).host.tree == TREE
    world.take("ada-1", "queue.hold", entry=entry.id)
    world.take("ada", "queue.recall", entries=[pin(entry)])
    assert (world.entry(entry.id).host.tree, model.recalled(world.view)) == ("", [])


def test_command_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    with pytest.raises(HubUnreachable, match="did not answer within"):
        host_hook.ask(
            [sys.executable, "-c", script], host_hook.recall("main", [], []), str(tmp_path), limit=0.5
        )


def test_answer_is_freed_of_escapes_and_cut(world: Queues, tmp_path: Path) -> None:
    entry = world.add("a")
    script = (
        "import json, sys; e = json.load(sys.stdin)['entries'][0]; "
        "print(json.dumps({'version': 1, 'entries': [{'id': e['id'], 'state': 'refused', 'words': 'no\\x1b[31m\\n' + 'x' * 9999}]}))"
    )
    wanted = host_hook.order("main", BASE, "merge", [host_hook.Asked(entry, TREE, [])])
    answer = host_hook.ask([sys.executable, "-c", script], wanted, str(tmp_path))[entry.id]
    assert answer.state == "refused"
    assert "\x1b" not in answer.words
    assert "\n" not in answer.words
    assert len(answer.words) <= 400
