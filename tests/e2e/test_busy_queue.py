"""Scenario 8: while gates run the queue is changed all the time, and the target moves by hand; as much lands as in quiet."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.e2e.bench import Bench, Branch

COUNT = 9


@pytest.mark.slow
def test_queue_that_is_never_quiet_lands_as_much_in_as_many_runs(bench: Bench) -> None:
    gate = json.dumps(["sh", str(bench.steering.folder / "gate")])
    bench.rules("window: 3", gate=f"gate: {{unit: {{run: {gate}, inputs: [src/, bad/]}}}}")
    quiet = _runs(bench, "quiet", lambda number: None)
    extra = bench.queue(Branch("extra", {"src/extra.txt": "1\n"}, priority=0), clone="bob")[0]

    def disturb(number: int) -> None:
        bench.push({f"docs/{number}.md": "by hand\n"})
        bench.queue(Branch(f"late{number}", {f"src/late{number}.txt": "1\n"}, priority=1), clone="bob")
        bench("bob", "queue", "bump", extra.id, str(number % 40)).ok()
        if number % 2:
            bench("bob", "queue", "drop", f"late{number}").ok()

    assert _runs(bench, "busy", disturb) * 0.8 <= quiet


def _runs(bench: Bench, name: str, disturb: Callable[[int], None]) -> int:
    """In how many gate runs a number of entries land, with what happens during each."""
    entries = bench.queue(
        *[Branch(f"{name}{number}", {f"src/{name}{number}.txt": "1\n"}) for number in range(COUNT)]
    )
    bench.hold_gates()
    runner = bench.start("ada")
    count = 0
    while bench.began(runner) and count < 2 * COUNT:
        if set(bench.states(*entries)) == {"landed"}:
            bench.release_gates()  # the rest is what was added meanwhile
        else:
            count += 1
            disturb(count)
        bench.let_go()
    runner.ended()
    assert set(bench.states(*entries)) == {"landed"}
    bench.judge(tested=False)
    return count
