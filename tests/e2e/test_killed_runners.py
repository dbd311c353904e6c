"""Scenario 2: runners are killed at every step, three at once; what is queued lands once, and nothing is left lying about."""

from __future__ import annotations

import os
import random
import select

import pytest

from tests.e2e.bench import Bench, Branch
from tests.sampling import RUN, counted
from tests.workbench import Started

NODES = ("ada", "bob", "cyd")
STEPS = 120
"""More git commands than a runner starts for three entries."""


@pytest.mark.sample(2)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", counted("killed runners", STEPS, step=60))
@pytest.mark.always
def test_runner_that_is_killed_at_a_step_leaves_what_the_next_one_finishes(
    bench: Bench, at: int, after: bool
) -> None:
    good, bad, over = bench.queue(
        Branch("good", {"good.txt": "1\n"}), Branch("wrong", {"bad/wrong": "\n"}), Branch("over", {"over.txt": "1\n"})
    )  # fmt: skip
    killed = bench.runner("ada", env=bench.steering.kill(at + 1, after=after))
    assert killed.returncode in {-9, 21}, killed
    done = bench.runner("ada")
    assert done.returncode in {21, 0}, done
    assert bench.states(good, bad, over) == ["landed", "rejected", "landed"]
    bench.judge()


@pytest.mark.slow
def test_three_runners_that_are_killed_again_and_again_land_each_entry_once(bench: Bench) -> None:
    dice = RUN.choice("killed together")
    entries = bench.queue(
        *[Branch(f"b{number}", {f"f{number}.txt": "1\n"} | ({f"bad/{number}": "\n"} if number in {3, 9} else {})) for number in range(14)]
    )  # fmt: skip
    supervise(bench, dice, kills=9)
    states = bench.states(*entries)
    assert [number for number, state in enumerate(states) if state != "landed"] == [3, 9], states
    assert {states[3], states[9]} == {"rejected"}
    bench.judge()


def supervise(bench: Bench, dice: random.Random, kills: int) -> None:
    """Keep a runner going on each node, as a timer does, and kill so many of them; until each has ended by itself."""
    going: dict[int, tuple[str, Started]] = {}

    def begin(node: str) -> None:
        nonlocal kills
        kills -= 1
        env = bench.steering.kill(dice.randrange(1, 60), after=dice.random() < 0.5) if kills >= 0 else {}
        process = bench.start(node, env=env)
        going[os.pidfd_open(process.pid)] = node, process

    for node in NODES:
        begin(node)
    while going:
        for handle in select.select(list(going), [], [])[0]:
            node, process = going.pop(handle)
            os.close(handle)
            if process.ended().returncode == -9:
                begin(node)
