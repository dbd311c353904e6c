"""Scenario 5: one entry of sixteen is at fault, and a check is flaky."""

from __future__ import annotations

import pytest

from tests.e2e.bench import Bench, Branch

CULPRITS = (0, 8, 15)


def branches(culprit: int) -> list[Branch]:
    bad = {"bad/parser": "\n"}
    return [
        Branch(f"b{number}", {f"f{number}.txt": "1\n"} | (bad if number == culprit else {}))
        for number in range(16)
    ]


@pytest.mark.parametrize("flakes", [(), (2,), (3,)], ids=str)
@pytest.mark.parametrize("culprit", CULPRITS)
@pytest.mark.sample(2)
def test_culprit_of_a_batch_is_named_and_the_others_land(
    bench: Bench, culprit: int, flakes: tuple[int, ...]
) -> None:
    bench.queue(Branch("before", {"before.txt": "1\n"}))
    bench.runner("ada").ok()  # the target is known to pass
    entries = bench.queue(*branches(culprit))
    bench.flake(*flakes)
    done = bench.runner("ada").ended(21)
    after = bench.now(*entries)
    assert [number for number, one in enumerate(after) if one.state != "landed"] == [culprit], str(done)
    assert (after[culprit].state, after[culprit].reason) == ("rejected", "gate-failed")
    assert "parser" in after[culprit].evidence.log
    assert after[culprit].evidence.archive
    assert [(one.seq, one.priority) for one in after] == [(one.seq, one.priority) for one in entries]
    # 1, 4 that narrow, 1 of it alone and 1 of the rest; the eighth run is of the oldest; a flake costs as much as a culprit.
    assert len(bench.runs) - 1 <= 8 + 6 * len(flakes), str(done)
    bench.judge()


def test_flake_is_noted_of_the_check_and_nobody_is_blamed(bench: Bench) -> None:
    entries = bench.queue(Branch("one", {"one.txt": "1\n"}))
    bench.flake(1)
    bench.runner("ada").ok()
    assert bench.states(*entries) == ["landed"]
    said = bench("ada", "queue", "stats", "--json").ok().json()["data"]
    assert said["counts"]["flaky"] == 1, said
