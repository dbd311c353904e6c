"""`queue process` on real hubs: what lands, what does not, and what a round costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger.test_connections import Counter
from tests.queuebench import Queue, hubqueue, queue
from tests.workbench import Git

__all__ = ["hubqueue", "queue"]


@pytest.mark.always
def test_entries_land_as_what_was_tested_and_each_tree_is_tested_once(queue: Queue) -> None:
    entries = [queue.add(name) for name in ("a", "b", "c")]
    queue.process().ok()
    queue.sound(*entries)
    assert queue.tested() == [queue.git(queue.hub, "rev-parse", "main^{tree}")]


def test_bad_entry_is_rejected_and_the_others_land(queue: Queue) -> None:
    good = [queue.add("a"), queue.add("b")]
    bad = queue.add("c", {"bad": "x"})
    done = queue.process("", "--json").ended(21).json()["data"]
    assert [row["id"] for row in done["rejected"]] == [bad.id]
    queue.sound(*good)
    assert queue.now(bad).state == "rejected"


def test_entry_that_is_tried_again_is_run_again_and_lands_when_it_passes(
    queue: Queue, tmp_path: Path
) -> None:
    trouble = tmp_path / "trouble"
    queue.rules(f"test ! -e '{trouble}'")
    retry = ("queue", "retry", "b", "--session", f"{queue.name}-1")
    first = queue.add("a")
    queue.process().ok()
    entry = queue.add("b")
    trouble.touch()
    queue.process().ended(21)
    queue.gitfleet(queue.clone, *retry).ok()
    again = queue.process("", "--json").ended(21).json()["data"]
    assert (again["runs"], queue.now(entry).state) == (2, "rejected")
    trouble.unlink()
    queue.gitfleet(queue.clone, *retry).ok()
    queue.process().ok()
    assert queue.states(first, entry) == ["landed", "landed"]


def test_round_with_nothing_to_do_is_one_fetch_and_no_gate(hubqueue: Queue, tmp_path: Path, git: Git) -> None:
    counter = Counter(hubqueue.clone, tmp_path, git)
    hubqueue.process().ok()
    assert counter.take() == ["fetch"]
    held = hubqueue.add("a")
    hubqueue.gitfleet(hubqueue.clone, "queue", "hold", held.id, "--session", "ada-1").ok()
    hubqueue.process()
    counter.take()
    hubqueue.process()
    assert (counter.take(), hubqueue.tested()) == (["fetch"], [])


def test_entry_lands_with_three_pushes(hubqueue: Queue, git: Git) -> None:
    """One as its run begins, one as that ends, one as it lands."""
    entry = hubqueue.add("a")
    counter = Counter(hubqueue.clone, hubqueue.folder, git)
    hubqueue.process().ok()
    assert hubqueue.now(entry).state == "landed"
    assert counter.take().count("push") == 3
