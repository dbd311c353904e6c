"""Scenario 3: entries that are dropped, held or bumped while a runner lands them. What was dropped or held does not land, and what could
not be says as what it has landed.

`round_of` plays some trials on a bench. As a program it plays many, for `scripts/soak --landings`.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

from tests import memory
from tests.e2e.bench import Bench, Branch, Steering
from tests.fleetbench import Fleets
from tests.races.histories import ground
from tests.workbench import Git, Gitfleet, Ran

EACH = 10
"""Trials of one round."""
VERBS = ("drop", "hold", "bump")


def round_of(bench: Bench, dice: random.Random, name: str, count: int = EACH) -> Counter[str]:
    """So many entries, which a runner of one clone lands one by one while another clone forbids them. How often which of the two came first.

    Raises AssertionError where both happened, or neither.
    """
    bench.rules("window: 1", gate="gate: none")
    entries = bench.queue(
        *[Branch(f"{name}-{number}", {f"{name}-{number}.txt": "1\n"}) for number in range(count)]
    )
    bench("bob", "sync").ok()
    verbs = {entry.id: dice.choice(VERBS) for entry in entries}
    met = dice.choice([entries, entries[::-1], dice.sample(entries, k=count)])
    runner = bench.start("ada")
    told = {
        entry.id: bench("bob", "queue", verbs[entry.id], entry.id, *(["7"] if verbs[entry.id] == "bump" else []))
        for entry in met
    }  # fmt: skip
    runner.ended()
    bench.runner("ada")
    landed = bench.landings()
    outcomes: Counter[str] = Counter()
    for entry in bench.now(*entries):
        verb, said = verbs[entry.id], told[entry.id]
        assert (entry.state == "landed") == (entry.id in landed), (entry, said)
        _check(verb, said, entry.landed, entry.state)
        outcomes[f"{verb}: {'done' if said.returncode == 0 else 'too late'}"] += 1
    return outcomes


def _check(verb: str, said: Ran, landed: str, state: str) -> None:
    if said.returncode:
        assert (said.returncode, state) == (10, "landed"), said
        assert "landed" in said.stderr, said
        assert landed[:12] in said.stderr, said
    else:
        assert state == {"drop": "dropped", "hold": "held", "bump": "landed"}[verb], said


def several(seed: int, count: int) -> int:
    """Play trials in a fleet of their own; how many rounds went wrong."""
    memory.use()
    wrong, outcomes = 0, Counter[str]()
    with tempfile.TemporaryDirectory(prefix="gitfleet-landings-") as folder:
        base = ground(Path(folder))
        steering = Steering.at(Path(folder, "steering"))
        with Bench(Fleets(base), Git(), Gitfleet(), steering) as bench:
            for number in range(-(-count // EACH)):
                dice = random.Random(f"{seed}:{number}")
                try:
                    outcomes += round_of(bench, dice, f"s{seed}-{number}", min(EACH, count - number * EACH))
                except Exception:  # noqa: BLE001 - whatever it is, the next round is to be played
                    wrong += 1
                    traceback.print_exc()
    print(", ".join(f"{word} {often}" for word, often in sorted(outcomes.items())), flush=True)
    return wrong


def main() -> int:
    """Play COUNT trials from SEED on, in so many processes."""
    seed, count, jobs = (int(text) for text in sys.argv[1:])
    children = []
    for job in range(jobs):
        process = os.fork()
        if process == 0:
            share = count // jobs + (job < count % jobs)
            os._exit(1 if share and several(seed + job, share) else 0)
        children.append(process)
    return max(1 if os.waitpid(process, 0)[1] else 0 for process in children)


if __name__ == "__main__":
    sys.exit(main())
