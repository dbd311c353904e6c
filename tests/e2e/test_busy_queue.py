"""Scenario 8: while gates run the queue is changed all the time, and the target moves by hand; as much lands as in quiet."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.e2e.bench import Bench, Branch
from tests.fleetbench import Fleets
from tests.workbench import Git, Gitfleet

COUNT = 12


def runs(bench: Bench, disturb: Callable[[int], None]) -> int:
    """How many gate runs it takes until all have landed, with what happens during each."""
    gate = json.dumps(["sh", str(bench.steering.folder / "gate")])
    bench.rules("window: 3", gate=f"gate: {{unit: {{run: {gate}, inputs: [src/, bad/]}}}}")
    entries = bench.queue(*[Branch(f"b{number}", {f"src/f{number}.txt": "1\n"}) for number in range(COUNT)])
    bench.hold_gates()
    runner = bench.start("ada")
    count = 0
    while True:
        bench.began()
        disturb(count)
        count += 1
        if count * 3 >= COUNT * 2:
            bench.release_gates()
        bench.let_go()
        if count * 3 >= COUNT * 2:
            break
    runner.ended()
    assert set(bench.states(*entries)) == {"landed"}
    bench.judge()
    return len(bench.runs)
