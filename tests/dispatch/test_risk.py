"""What plans over hosts may risk: stakes, mistakes that cost them, and what success earns; decided without disk or clock."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitfleet.dispatch import risk
from gitfleet.dispatch.risk import (
    ALPHA,
    START,
    UNIT,
    ReportMistake,
    RiskBudget,
    StakePlan,
    permitted,
    stake_of,
)
from gitfleet.errors import Malformed, PolicyRefused, UsageError
from gitfleet.ledger.model import NODE, PERSON, Accepted
from tests.claims.world import World

OID, OTHER = "a" * 40, "b" * 40


def plan(number: int) -> str:
    return f"fleet-20261130-120000-{number:04d}"


class RiskWorld(World):
    """A fleet that applies plans."""

    def stake(self, number: int, level: int = ALPHA, oid: str = OID) -> Any:
        return self._do("stake", StakePlan(plan(number), oid, level).encode())

    def report(self, number: int, candidate: str = "c-1", level: int = ALPHA, oid: str = OID) -> Any:
        return self._do("report", ReportMistake(plan(number), oid, level, candidate, "it was mine").encode())

    def _do(self, kind: str, body: dict[str, Any]) -> Any:
        decision = self.ask("ann-1", f"risk.{kind}", node="ann", who=NODE, **body)
        if not isinstance(decision, Accepted):
            raise decision.error
        return decision.answer

    def trust(self, session: str, reason: str = "mended") -> Any:
        decision = self.ask(session, "risk.trust", who=PERSON, reason=reason)
        if not isinstance(decision, Accepted):
            raise decision.error
        return decision.answer

    @property
    def wealth(self) -> int:
        return risk.budget(self.view).wealth


def test_level_of_a_fleet_without_mistakes_is_alpha_and_each_loss_at_the_limit_halves_what_is_staked() -> (
    None
):
    assert permitted(START) == ALPHA
    world, levels = RiskWorld(), []
    for number in range(5):
        levels.append(risk.budget(world.view).level)
        world.stake(number, levels[-1])
        world.report(number, level=levels[-1])
    stakes = [stake_of(level) for level in levels]
    assert stakes[0] == START // 2
    assert all(abs(2 * after - before) <= 4 for before, after in pairwise(stakes))


@given(st.integers(0, START))
def test_permitted_level_is_the_highest_whose_stake_is_half_of_the_wealth(wealth: int) -> None:
    level = permitted(wealth)
    assert stake_of(level) <= wealth // 2 < stake_of(level + 2)


def test_plan_staked_or_reported_twice_counts_once() -> None:
    world = RiskWorld()
    assert world.stake(1).changed
    assert not world.stake(1).changed
    assert world.wealth == START
    assert world.report(1).budget.wealth == START - stake_of(ALPHA)
    assert not world.report(1).changed
    assert world.report(1, "c-2").changed
    assert world.wealth == START - stake_of(ALPHA)
    assert [len(one.reports) for one in risk.staked(world.view)] == [2]


def test_mistake_of_a_plan_that_was_never_staked_costs_its_stake_and_keeps_it_from_being_applied() -> None:
    world = RiskWorld()
    world.report(1)
    assert world.wealth == START - stake_of(ALPHA)
    with pytest.raises(PolicyRefused, match=r"mistake of the plan .* was reported"):
        world.stake(1, 1)


def test_plan_made_before_a_mistake_was_reported_is_refused_where_its_level_is_too_high_now() -> None:
    world = RiskWorld()
    world.stake(1)
    world.report(1)
    with pytest.raises(PolicyRefused, match="may risk"):
        world.stake(2)
    assert world.stake(2, risk.budget(world.view).level).changed


def test_plan_that_is_applied_already_is_not_applied_further_once_a_mistake_of_it_was_reported() -> None:
    world = RiskWorld()
    world.stake(1)
    world.report(1)
    with pytest.raises(PolicyRefused, match=r"mistake of the plan .* was reported"):
        world.stake(1)


def test_two_plans_at_the_limit_that_are_open_together_and_wrong_use_up_all_there_is() -> None:
    world = RiskWorld()
    for number in (1, 2, 3):
        world.stake(number)
    levels = [world.report(number).budget.level for number in (1, 2, 3)]
    assert levels == [permitted(stake_of(ALPHA)), 0, 0]
    assert (world.wealth, risk.budget(world.view).lost) == (0, START)


def test_another_plan_of_the_same_name_is_refused() -> None:
    world = RiskWorld()
    world.stake(1)
    for act in (world.stake, world.report):
        with pytest.raises(PolicyRefused, match="Another plan"):
            act(1, oid=OTHER)


@pytest.mark.parametrize(
    "body",
    [
        {"plan": "x", "oid": OID, "level": ALPHA},
        {"plan": "fleet-../x", "oid": OID, "level": ALPHA},
        {"plan": plan(1), "oid": "HEAD", "level": ALPHA},
        {"plan": plan(1), "oid": OID, "level": 0},
        {"plan": plan(1), "oid": OID, "level": UNIT},
        {"plan": plan(1), "oid": OID, "level": 0.05},
    ],
)
def test_stake_that_is_none_is_malformed(body: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        RiskWorld()._do("stake", body)


def test_plan_that_nobody_complained_of_for_a_week_earns_and_wealth_never_grows_above_its_start() -> None:
    world = RiskWorld()
    world.stake(1)
    world.report(1)
    low = world.wealth
    level = risk.budget(world.view).level
    world.stake(2, level)
    world.now += risk.SETTLES - 1
    world.stake(3, 1)
    assert world.wealth == low
    world.now += 1
    world.stake(4, 1)
    assert world.wealth == low + stake_of(level) * ALPHA // UNIT
    assert [one.settled for one in risk.staked(world.view)] == [False, True, False, False]
    fresh = RiskWorld()
    fresh.stake(1)
    fresh.now += risk.SETTLES
    fresh.stake(2)
    assert fresh.wealth == START


def test_plans_of_long_ago_are_forgotten_and_those_that_are_open_are_not() -> None:
    world = RiskWorld()
    world.stake(1)
    world.now += risk.SETTLES
    world.stake(2)
    world.now += risk.FORGOTTEN
    world.stake(3)
    assert [one.id for one in risk.staked(world.view)] == [plan(2), plan(3)]  # the second was open until now


@pytest.mark.parametrize("wrong", [0.0, 0.05, 0.5, 1.0])
def test_stakes_lost_on_any_path_are_at_most_the_start_and_a_share_of_those_that_turned_out_well(
    wrong: float,
) -> None:
    rng = random.Random(5)
    for _ in range(10):
        world, lost, won = RiskWorld(), 0, 0
        for number in range(30):
            level = min(rng.choice([ALPHA, ALPHA // 5]), risk.budget(world.view).level)
            if not level:  # used up
                break
            world.stake(number, level)
            if rng.random() < wrong:
                world.report(number, level=level)
                lost += stake_of(level)
            else:
                won += stake_of(level)
            world.now += risk.SETTLES
        found = risk.budget(world.view)
        assert lost <= START + won * ALPHA // UNIT
        assert found == RiskBudget("budget", found.wealth, found.lost, found.earned)
        assert found.wealth == START - found.lost + found.earned >= 0
        assert found.lost <= lost


def test_person_gives_back_what_mistakes_have_cost_and_nobody_else_does() -> None:
    world = RiskWorld("ann-1")
    world.take("p-1", "session.start", worktree="/p", agent="", title="", person=True)
    world.report(1)
    with pytest.raises(PolicyRefused, match="Only a person"):
        world.trust("ann-1")
    with pytest.raises(UsageError, match="reason"):
        world.trust("p-1", " ")
    assert world.wealth < START
    assert world.trust("p-1").changed
    assert world.wealth == START
    assert risk.budget(world.view).lost == stake_of(ALPHA)
    assert not world.trust("p-1").changed


def test_reports_of_plans_without_end_fill_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(risk, "MOST_PLANS", 5)
    world = RiskWorld()
    world.stake(0)
    for number in range(1, 12):
        world.now += 1
        world.report(number, level=1)
    assert [one.id for one in risk.staked(world.view)] == [
        plan(0),
        *(plan(number) for number in range(8, 12)),
    ]
