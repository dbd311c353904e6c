"""Whether budgets of agent files can be kept: each that is named is there, none pays for itself, and what they limit will be known. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gitfleet.jobs.definitions import findings
from gitfleet.jobs.definitions.schema import Agent, BudgetRules, FleetSettings

_FILE = "fleet.yaml"
DEFAULT = "default"
"""In `prices`: any model that has no row of its own."""


class BudgetFlaw(NamedTuple):
    """What is wrong, the keys that lead to it, and names that are near to what is there."""

    keys: tuple[str, ...]
    words: str
    near: tuple[str, ...] = ()


def of_agent(agent: Agent, fleet: FleetSettings) -> Iterator[BudgetFlaw]:
    """What is wrong with the budget of an agent."""
    yield from _named(agent.budget, fleet, ("budget",))
    day = agent.budget.day
    if agent.adapter == "command":
        for keys, amounts in ((("budget",), agent.budget), (("budget", "day"), day)):
            said = {"money": amounts.money, "tokens": amounts.tokens} if amounts else {}
            for key, limit in said.items():
                if limit is not None:
                    yield BudgetFlaw(
                        (*keys, key), "cannot be kept, since a command tells no usage; `time` can"
                    )
    money = agent.budget.money is not None or (day is not None and day.money is not None)
    model = str(agent.options.get("model") or "")
    if agent.adapter == "codex" and money and not {model, DEFAULT} & {*fleet.prices}:
        row = f"`prices` in {_FILE} needs {f'a row {model}' if model else f'the row `{DEFAULT}`, since no model is named here'}"
        yield BudgetFlaw(("budget",), f"limits money, and codex tells no cost: {row}")


def of_fleet(fleet: FleetSettings) -> Iterator[BudgetFlaw]:
    """What is wrong with the named budgets."""
    for name, budget in fleet.budgets.items():
        yield from _named(budget, fleet, ("budgets", name))
        chain = [name]
        while (above := fleet.budgets[chain[-1]].of) in fleet.budgets and above is not None:
            if above in chain:
                if above == name:
                    yield BudgetFlaw(
                        ("budgets", name, "of"), f"goes in a circle: {' of '.join([*chain, above])}"
                    )
                break
            chain.append(above)


def _named(budget: BudgetRules, fleet: FleetSettings, keys: tuple[str, ...]) -> Iterator[BudgetFlaw]:
    if budget.of is not None and budget.of not in fleet.budgets:
        near = tuple(findings.nearest(budget.of, list(fleet.budgets)))
        yield BudgetFlaw((*keys, "of"), f"there is no budget {budget.of} in {_FILE}", near)
