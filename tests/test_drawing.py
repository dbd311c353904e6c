"""A run's dear tests fit the budget, each has its chance, and no file or function with enough of them is without any."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from tests import drawing
from tests.drawing import OTHERS, Case, Costs

NAMES = {
    f"tests/{file}.py::test_{function}[{case}]": (file + 1) / 10 + function / 20
    for file in range(4)
    for function in range(3)
    for case in range(5)
}


@pytest.mark.parametrize(
    ("costs", "budget", "price"),
    [
        ([], 1, math.inf),
        ([0, 0], 0, math.inf),
        ([1, 1], 2, math.inf),
        ([1, 4], 4, 2.25),
        ([1, 4, 9, 16], 10, 1),
        ([4, 9], 2.5, 0.25),
        ([1, 100], 0, drawing.LOWEST),
        ([1, 100], -5, drawing.LOWEST),
    ],
)
def test_price_at_which_all_costs_times_their_chances_are_the_budget(
    costs: list[float], budget: float, price: float
) -> None:
    found = drawing.price(costs, budget)
    assert found == pytest.approx(price)
    if drawing.LOWEST < found < math.inf:
        assert sum(cost * drawing.chance(cost, found) for cost in costs) == pytest.approx(budget)


def test_draws_of_many_seeds_have_each_test_as_often_as_its_chance_says() -> None:
    seeds = 500
    counted = Counter(name for seed in range(seeds) for name in drawing.draw(NAMES, seed))
    assert {name: counted[name] / seeds for name in NAMES} == pytest.approx(NAMES, abs=0.12)


def test_each_draw_of_a_file_or_a_function_is_what_its_chances_add_up_to() -> None:
    for seed in range(50):
        drawn = [Case.of(name) for name in drawing.draw(NAMES, seed)]
        for part in (lambda case: case.file, lambda case: (case.file, case.function)):
            wanted: Counter[object] = Counter()
            for name, chance in NAMES.items():
                wanted[part(Case.of(name))] += chance  # type: ignore[assignment]
            got = Counter(map(part, drawn))
            assert [one for one in wanted if abs(got[one] - wanted[one]) >= 1] == []


def test_costs_measured_anew_replace_those_of_the_same_functions_only() -> None:
    here, kept, gone = (
        "tests/test_drawing.py",
        "test_draws_of_many_seeds_have_each_test_as_often_as_its",
        "".join(["test_", "gone"]),
    )
    old = Costs(
        {here: {kept: 3.0, "NAMES": 9.0, gone: 2.0, OTHERS: 0.05}, "tests/test_is_no_more.py": {OTHERS: 1.0}}
    )
    new = old.renewed({f"{here}::NAMES[1]": 0.2, f"{here}::NAMES[2]": 0.4, f"{here}::test_cheap": 0.01})
    assert new == Costs({here: {kept: 3.0, "NAMES": 0.3, OTHERS: 0.01}})
    assert new.own(Case.of(f"{here}::NAMES[3]")) == 0.3
    assert new.own(Case.of(f"{here}::test_cheap")) is None
    assert new.usual(Case.of(f"{here}::test_cheap")) == 0.01
    assert new.usual(Case.of("tests/test_new.py::test_new")) == drawing.NEW
