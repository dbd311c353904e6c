"""A sample leaves out no more than it says, is the same in every process of a run, and over many runs has everything."""

from __future__ import annotations

import sys

import pytest

from tests import sampling
from tests.sampling import Run
from tests.workbench import ROOT, run

CASES = "tests/githooks/test_matrix.py"
FUNCTION = f"{CASES}::test_gate_alone_stops_what_the_page_says"


def collected(*options: str) -> list[str]:
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *options]
    return [line for line in run(argv, ROOT).ok().stdout.splitlines() if "::" in line]


def test_sample_of_a_seed_is_the_same_again_and_all_and_what_is_named_have_the_rest() -> None:
    one, again = (collected("--randomly-seed=1", "--budget=1", CASES) for _ in range(2))
    everything = collected("--randomly-seed=1", "--all", CASES)
    named = collected("--budget=0", FUNCTION)
    assert one == again
    assert set(one) < set(everything)
    assert one == [test for test in everything if test in one]
    assert set(named) == {test for test in everything if test.startswith(f"{FUNCTION}[")}


def test_shards_of_many_seeds_are_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for seed in range(200):
        monkeypatch.setattr(sampling, "RUN", Run(seed))
        (shard,) = sampling.shards("here", 8)
        assert sampling.shards("here", 8) == [shard]
        found.add(shard)
    monkeypatch.setattr(sampling, "RUN", Run(1, everything=True))
    assert found == set(sampling.shards("here", 8)) == {f"{number}/8" for number in range(8)}


def test_counted_places_of_many_seeds_are_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    found: set[int] = set()
    for seed in range(200):
        monkeypatch.setattr(sampling, "RUN", Run(seed))
        places = sampling.counted("here", 20, step=4)
        assert len(places) == 5
        found.update(places)
    assert found == set(range(20))
