"""How well the model's probabilities agree with the labels of the corpus. `python -m tests.onhost.calibration` prints it.

What is kept by its kind is not judged, and is left out of both measures.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from gitfleet.onhost.records import ABANDONED, CLASSES
from tests.onhost.corpus_form import LabelledCase, corpus

EDGES = (0.0, 0.02, 0.1, 0.5, 0.9, 0.99, 1.0)


class ReliabilityBin(NamedTuple):
    """Cases whose probability of being abandoned lies in a range: how many, what was said of them, and what is true."""

    least: float
    most: float
    cases: int
    said: float
    true: float


def judged(cases: Sequence[LabelledCase]) -> list[LabelledCase]:
    """Those of which the model decides."""
    return [case for case in cases if not case.judgement.protected]


def brier(cases: Sequence[LabelledCase]) -> float:
    """The mean over the cases of the squared distance between the posterior and the truth, all classes: 0 is perfect, 2 the worst."""
    total = sum(
        (case.judgement.posterior[name] - (case.label == name)) ** 2 for case in cases for name in CLASSES
    )
    return total / len(cases)


def reliability(cases: Sequence[LabelledCase]) -> list[ReliabilityBin]:
    """Of each range of probabilities that has cases: said and true share of abandoned ones."""
    found = []
    for least, most in itertools.pairwise(EDGES):
        inside = [
            case for case in cases if least <= case.judgement.posterior[ABANDONED] < most + (most == 1.0)
        ]
        if inside:
            said = sum(case.judgement.posterior[ABANDONED] for case in inside) / len(inside)
            true = sum(case.label == ABANDONED for case in inside) / len(inside)
            found.append(ReliabilityBin(least, most, len(inside), said, true))
    return found


def report() -> str:
    """Both, as text."""
    every = corpus()
    cases = judged(every)
    lines = [f"{len(every)} groups, {len(cases)} judged, Brier score {brier(cases):.4f}"]
    lines += [
        f"  P(abandoned) {row.least:4.2f} to {row.most:4.2f}: {row.cases:3d} cases, said {row.said:.3f}, true {row.true:.3f}"
        for row in reliability(cases)
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report())
