"""Which of the dear tests a run has, so that it costs about BUDGET however much the suite grows.

`tests/costs.json` has what a case of each dear function cost when `make test-costs` was last run. From this and the
budget follows a price: a test that costs no more is in every run, one that costs c is in it with the chance
sqrt(price / c). So a test of four times the price is in every second run, one of 25 times the price in every fifth.
The seed draws, evenly over files and functions: where the chances of a file or a function add up to one or more, at
least one of its tests is in each run. A test without a cost of its own is in each run.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

BUDGET = 480.0
"""CPU seconds of all tests of a run; the processes of pytest itself need some 40 more."""
RECORD = Path(__file__).with_name("costs.json")
OTHERS = ""
"""In the record of a file: what a case of a function costs that has no cost of its own."""
LOWEST = 0.02
"""The least price, where the tests that are in each run leave nothing of the budget: each test keeps a chance."""
NEW = 0.12
"""What to expect of a test in a file without costs: the mean of the suite."""
DEAR = 0.1
"""Functions whose cases cost as many CPU seconds have a cost of their own."""


class Case(NamedTuple):
    """A test: its file, its function, and what tells it from the other cases of the function."""

    file: str
    function: str
    case: str

    @classmethod
    def of(cls, nodeid: str) -> Case:
        name, _, case = nodeid.partition("[")
        file, _, function = name.partition("::")
        return cls(file, function, case)


@dataclass(frozen=True, slots=True)
class Costs:
    """What tests have cost, in CPU seconds for each case: by file and function."""

    recorded: Mapping[str, Mapping[str, float]]

    @classmethod
    def read(cls) -> Costs:
        return cls(json.loads(RECORD.read_text(encoding="utf-8")))

    def own(self, case: Case) -> float | None:
        """What a case of this function cost; None when that is little or not known."""
        return self.recorded.get(case.file, {}).get(case.function)

    def usual(self, case: Case) -> float:
        """What to expect of a case without a cost of its own."""
        return self.recorded.get(case.file, {}).get(OTHERS, NEW)

    def renewed(self, measured: Mapping[str, float]) -> Costs:
        """With what these tests, by name, have cost now; without functions and files that are no more."""
        costs = {
            file: {name: cost for name, cost in functions.items() if name in text or name == OTHERS}
            for file, functions in self.recorded.items()
            if (text := _text(file))
        }
        for file, functions in _by_function(measured).items():
            means = {name: round(fmean(cases), 2) for name, cases in functions.items()}
            dear = {name: mean for name, mean in means.items() if mean >= DEAR}
            cheap = [cost for name, cases in functions.items() if name not in dear for cost in cases]
            kept = {name: cost for name, cost in costs.get(file, {}).items() if name not in means}
            costs[file] = kept | dear | ({OTHERS: round(fmean(cheap), 3)} if cheap else {})
        return Costs(costs)

    def write(self) -> None:
        RECORD.write_text(json.dumps(self.recorded, indent=0, sort_keys=True) + "\n", encoding="utf-8")


def _text(file: str) -> str:
    path = RECORD.parent.parent / file
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _by_function(measured: Mapping[str, float]) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = {}
    for name, cost in measured.items():
        case = Case.of(name)
        found.setdefault(case.file, {}).setdefault(case.function, []).append(cost)
    return found


def price(costs: Iterable[float], budget: float) -> float:
    """The price at which these costs, each times its chance, add up to `budget`; infinite where all may run."""
    ascending = sorted(cost for cost in costs if cost > 0)
    spent, roots = 0.0, math.fsum(map(math.sqrt, ascending))
    for cost in ascending:
        if spent + math.sqrt(cost) * roots > budget:
            return max(LOWEST, (max(0.0, budget - spent) / roots) ** 2)
        spent += cost
        roots -= math.sqrt(cost)
    return math.inf


def chance(cost: float, price: float) -> float:
    """How likely a test that costs so much is in a run."""
    return 1.0 if cost <= price else math.sqrt(price / cost)


def draw(chances: Mapping[str, float], seed: object) -> set[str]:
    """Names of tests, each as likely as `chances` says; neighbours by file and function share them evenly."""

    def dice(name: str) -> float:
        return random.Random(f"{seed}:{name}").random()

    def place(name: str) -> tuple[str, float, float]:
        case = Case.of(name)
        return case.file, dice(case.function), dice(name)

    reached, drawn = dice(""), set()
    for name in sorted(chances, key=place):
        before, reached = reached, reached + chances[name]
        if math.floor(before) < math.floor(reached):
            drawn.add(name)
    return drawn
