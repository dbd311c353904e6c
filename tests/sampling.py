"""What one run tries of what is too much for every run: a sample by the run's seed; with `--all`, everything.

A sample is for what shows the same thing again at a dearer level, or for points and examples of which there is no end.
Of the tests that are left then, the dear ones are drawn to a budget (`drawing.py`), but those marked `always` are in
each run. The seed is the one that pytest-randomly prints: `--randomly-seed=N` repeats order and sample.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import hypothesis
import pytest

from tests import drawing
from tests.drawing import Case

SHARE = 5  # one run tries one in so many examples of hypothesis
LONG = 2.0  # CPU seconds
SLOW = "slow"
SAMPLE = "sample"
ALWAYS = "always"
DRAWN = pytest.StashKey[str]()
"""What a process of the run says of its drawing."""
Test = TypeVar("Test", bound=Callable[..., None])


@dataclass(slots=True)
class Run:
    """The seed of a run, whether it tries everything, and what it may cost."""

    seed: int = 0
    everything: bool = False
    budget: float = drawing.BUDGET

    def choice(self, of: str) -> random.Random:
        """Chooses for the thing of that name: the same in every process of the run."""
        return random.Random(f"{self.seed}:{of}")


RUN = Run()


def add_options(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all", action="store_true", dest="everything", help="leave nothing out, take no sample"
    )
    parser.addoption(
        "--budget",
        type=float,
        default=drawing.BUDGET,
        metavar="SECONDS",
        help="draw of the dear tests what all costs about so many CPU seconds (default: %(default)g; inf: all)",
    )


def configure(config: pytest.Config) -> None:
    """Read the options; pytest-randomly has chosen its seed by now. Without it the sample is always the same."""
    config.addinivalue_line(
        "markers", f"{SAMPLE}(most): a run tries so many of this function's cases, by its seed"
    )
    config.addinivalue_line(
        "markers", f"{ALWAYS}: each run has a case of this function, however dear: it shows a feature"
    )
    config.addinivalue_line(
        "markers", f"{SLOW}: takes long, though perhaps not of the processor, so it is begun first"
    )
    seed = config.getoption("randomly_seed", 0)
    RUN.seed = seed if isinstance(seed, int) else 0
    RUN.everything = config.getoption("everything")
    RUN.budget = config.getoption("budget")


def header() -> str:
    """What a run says of its sample, beside the seed."""
    return (
        "everything is tried" if RUN.everything else "a sample by the seed is tried; --all tries everything"
    )


def examples(most: int, **wanted: Any) -> Callable[[Test], Test]:
    """For a property: up to `most` examples where everything is tried, else a part of them, by the run's seed."""
    settings = hypothesis.settings(
        max_examples=most if RUN.everything else max(10, most // SHARE),
        deadline=None,  # git's speed is the machine's
        print_blob=True,
        **wanted,
    )
    return lambda test: hypothesis.seed(RUN.seed)(settings(test))


def shards(name: str, count: int, *, most: int = 1) -> list[str]:
    """`N/COUNT` for each part that this run tries of what has so many parts: `most` of them, or all."""
    numbers: Sequence[int] = range(count)
    if not RUN.everything and most < count:
        numbers = sorted(RUN.choice(name).sample(numbers, most))
    return [f"{number}/{count}" for number in numbers]


def counted(name: str, end: int, *, step: int) -> range:
    """0, 1, 2 and so on to `end`; in a sample every `step`th of them."""
    return range(end) if RUN.everything else range(RUN.choice(name).randrange(step), end, step)


def choose(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the run does not have, unless it is named on the command line; slow tests come first."""
    named = any("::" in argument for argument in config.args) or config.option.keyword or _failed_only(config)
    if not (RUN.everything or named):
        left_out = _left_out(items)
        left_out |= _not_drawn(config, [item for item in items if item not in left_out])
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]
    costs = drawing.Costs.read()
    items.sort(key=lambda item: not _takes_long(item, costs))


def _takes_long(item: pytest.Item, costs: drawing.Costs) -> bool:
    """Whether it would keep one processor busy after the others are done, were it begun last."""
    return (costs.own(Case.of(item.nodeid)) or 0.0) >= LONG or item.get_closest_marker(SLOW) is not None


def _left_out(items: Sequence[pytest.Item]) -> set[pytest.Item]:
    left_out: set[pytest.Item] = set()
    for name, cases in _cases(items, SAMPLE).items():
        marker = cases[0].get_closest_marker(SAMPLE)
        assert marker is not None
        RUN.choice(name).shuffle(cases)
        left_out.update(cases[marker.args[0] :])
    return left_out


def _failed_only(config: pytest.Config) -> bool:
    """Whether pytest itself picks what failed in the run before, which may have had another seed."""
    return bool(config.getoption("lf", False) or config.getoption("stepwise", False))


def _not_drawn(config: pytest.Config, items: Sequence[pytest.Item]) -> set[pytest.Item]:
    costs = drawing.Costs.read()
    always = _always(items)
    certain, dear = 0.0, dict[str, float]()
    for item in items:
        case = Case.of(item.nodeid)
        own = costs.own(case)
        if own is None or item in always:
            certain += costs.usual(case) if own is None else own
        else:
            dear[item.nodeid] = own
    price = drawing.price(dear.values(), RUN.budget - certain)
    chances = {name: drawing.chance(cost, price) for name, cost in dear.items() if cost > price}
    drawn = drawing.draw(chances, RUN.seed)
    config.stash[DRAWN] = _told(len(items), price, chances, drawn) if chances else ""
    return {item for item in items if item.nodeid in chances and item.nodeid not in drawn}


def _always(items: Sequence[pytest.Item]) -> set[pytest.Item]:
    """One case of each function that is marked so, by the seed."""
    functions = _cases(items, ALWAYS)
    return {RUN.choice(name).choice(cases) for name, cases in functions.items()}


def _cases(items: Sequence[pytest.Item], marker: str) -> dict[str, list[pytest.Item]]:
    """The cases of the functions with that marker, in the same order in every process."""
    functions: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.nodeid):
        if item.get_closest_marker(marker):
            functions[item.nodeid.partition("[")[0]].append(item)
    return functions


def _told(count: int, price: float, chances: dict[str, float], drawn: set[str]) -> str:
    left_out = len(chances) - len(drawn)
    return (
        f"the seed drew {len(drawn)} of {len(chances)} tests that cost more than {price:.2g} CPU seconds, the dearest in "
        f"one run of {1 / min(chances.values()):.0f}: {count - left_out} of {count} tests in all. --budget=inf has them, "
        f"and make test-all what the sample leaves out, too."
    )
