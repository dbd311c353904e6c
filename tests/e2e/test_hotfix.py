"""Scenario 6: a hotfix comes into a busy queue, and then a flood of features; what is oldest and least is not forgotten."""

from __future__ import annotations

from gitfleet.mergequeue.selection import TURN
from tests.e2e.bench import Bench, Branch


def test_hotfix_is_tested_and_lands_next_and_alone(bench: Bench) -> None:
    bench.hold_gates()
    entries = bench.queue(*[Branch(f"b{number}", {f"f{number}.txt": "1\n"}) for number in range(6)])
    runner = bench.start("ada")
    bench.began()
    (hot,) = bench.queue(Branch("hot", {"hot.txt": "!\n"}, priority=95), clone="bob")
    bench.let_go()
    tree = bench.began()
    files = bench.git(bench.clone("ada"), "ls-tree", "--name-only", tree).split()
    landed = "landed" in bench.states(entries[0])
    assert "hot.txt" in files
    assert landed or "f0.txt" not in files
    bench.release_gates()
    bench.let_go()
    runner.ended().ok()
    order = bench.landings()
    assert order.index(hot.id) in {0, 6}
    bench.judge()


def test_oldest_entry_lands_within_its_bound_while_features_flood_in(bench: Bench) -> None:
    bench.rules("window: 2")
    bench.hold_gates()
    (old,) = bench.queue(Branch("old", {"old.txt": "1\n"}, priority=0))
    flood = [Branch(f"b{number}", {f"f{number}.txt": "1\n"}, priority=59) for number in range(3 * TURN)]
    heads = bench.branch(*flood)
    rows = list(zip(flood, heads, strict=True))
    bench.add("bob", rows[:4])
    runner = bench.start("ada")
    for number in range(2 * TURN):
        bench.began()
        bench.add("bob", rows[4 + number : 5 + number])
        if bench.states(old) == ["landed"]:
            break
        bench.let_go()
    else:
        raise AssertionError(f"it waits after {2 * TURN} runs")
    bench.release_gates()
    bench.let_go()
    runner.ended().ok()
    bench.judge()
