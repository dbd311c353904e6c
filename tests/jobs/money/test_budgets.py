"""Which budgets a job draws on, when one is spent, and what is written down of an attempt."""

from __future__ import annotations

import errno
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from gitfleet.errors import LocalStorage
from gitfleet.jobs.adapters.results import Usage
from gitfleet.jobs.attempts import plan
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent, FleetSettings
from gitfleet.jobs.money import budgets, spending
from gitfleet.jobs.money.allowance import SpendLimit
from gitfleet.jobs.money.budgets import BudgetHold
from gitfleet.jobs.money.spending import FLEET, DaySpending, Expense, SpendingLine
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import records
from gitfleet.jobs.words import JobStatus

PRICES = {"m": {"input": 2.0, "output": 10.0}}
MANY = Usage({"m": {"input_tokens": 1_000_000}})


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(str(tmp_path / "state"))


def agent(**budget: Any) -> Agent:
    return Agent.model_validate({"name": "ada", "runtime": "claude", "budget": budget})


def fleet(**more: Any) -> FleetSettings:
    return FleetSettings.model_validate(more)


def job(*attempts: AttemptRecord) -> JobRecord:
    return JobRecord(job_ids.new(), "ada", JobStatus.QUEUED, attempts=attempts)


def ended(**more: Any) -> AttemptRecord:
    return AttemptRecord(**{"number": 1, "session": "s", "started_at": 1000, "ended_at": 61_000, **more})


def hold(store: JobStore, known: FleetSettings) -> BudgetHold:
    made = BudgetHold(store, lambda: Configuration(MappingProxyType({}), known, (), "", MappingProxyType({})))
    made.refresh()
    return made


def spend(store: JobStore, line: SpendingLine) -> None:
    spending.append(spending.path_of(store.folder, spending.today()), line)


def test_limits_are_those_of_the_job_the_agent_each_name_and_all() -> None:
    found = budgets.limits(
        agent(money=2, of="team", day={"time": "1h"}),
        fleet(
            budget={"money": 40}, budgets={"team": {"tokens": 9, "of": "all"}, "all": {"money": 9}, "x": {}}
        ),
    )
    assert found == (
        SpendLimit("job", money=2),
        SpendLimit("agent ada", time=3_600_000),
        SpendLimit("budget team", tokens=9),
        SpendLimit("budget all", money=9),
        SpendLimit(FLEET, money=40),
    )
    assert budgets.limits(agent(), fleet()) == ()


@pytest.mark.parametrize(
    ("budget", "known", "why"),
    [
        ({"money": 3}, {}, ""),
        ({"money": 2}, {}, "the budget of this job is spent: $2.00 of $2.00 (an estimate); its file may allow more"),
        ({"tokens": 1_000_000}, {}, "the budget of this job is spent: 1,000,000 of 1,000,000 tokens; its file may allow more"),
        ({"time": "1m"}, {}, "the budget of this job is spent: 1m00s of 1m00s; its file may allow more"),
        ({"time": "2m"}, {}, ""),
        ({"day": {"tokens": 500}}, {}, "today's budget of ada is spent: 700 of 500 tokens; it is there again tomorrow"),
        ({"of": "team"}, {"budgets": {"team": {"money": 1}}}, "today's budget team is spent: $1.50 of $1.00 (an estimate); it is there again tomorrow"),
        ({}, {"budget": {"money": 2}}, ""),
        ({}, {"budget": {"tokens": 800}}, "today's budget of all agents is spent: 800 of 800 tokens; it is there again tomorrow"),
        ({}, {"budgets": {"team": {"money": 1}}}, ""),
    ],
)  # fmt: skip
def test_job_waits_where_one_of_its_budgets_is_spent(
    store: JobStore, budget: dict[str, Any], known: dict[str, Any], why: str
) -> None:
    spend(store, SpendingLine("job-1", 1, "ada", ("team",), 1.5, 700, 5))
    spend(store, SpendingLine("job-2", 1, "bob", (), None, 100, 5))
    held = hold(store, fleet(prices=PRICES, **known))
    assert held.why(job(ended(usage=MANY)), agent(**budget)) == why


def test_budget_of_the_day_is_there_again_on_the_next_day(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, ada = fleet(budget={"tokens": 5}), agent()
    spend(store, SpendingLine("job-1", 1, "ada", tokens=5))
    held = hold(store, known)
    assert held.why(job(), ada)
    monkeypatch.setattr(spending, "today", lambda: "9999-12-31")
    held.refresh()
    assert held.why(job(), ada) == ""


def test_what_is_not_known_is_no_sum() -> None:
    table = budgets.prices(fleet(prices=PRICES))
    assert budgets.of_job(job(ended(usage=Usage()), ended(started_at=0)), table) == Expense(
        None, None, 60_000
    )
    assert budgets.of_job(job(ended(usage=MANY), ended(usage=Usage(), cost=0.25)), table).money == 2.25
    assert budgets.of_job(job(AttemptRecord(1, "s")), table) == Expense()


def test_attempt_is_settled_once_with_what_was_told_while_it_ran(store: JobStore) -> None:
    ada, known = agent(tokens=5, of="team"), fleet(budgets={"team": {"money": 9}}, prices=PRICES)
    made = store.create(job())
    taken = plan.take(store, made.id, ada, known)
    folder = store.attempt_folder(made.id, 1)
    allowed = budgets.allowance(folder)
    assert allowed is not None
    assert (allowed.key, allowed.pays) == ((made.id, 1), ("team",))
    spending.append(allowed.path, allowed.line(Expense(0.5, 40, 90_000)))
    for _ in range(2):  # a crash in between
        budgets.settle(store, folder, taken, ended(usage=Usage()))
    day = DaySpending(allowed.path)
    day.read()
    line = day.find(made.id, 1)
    assert line == allowed.line(Expense(0.5, 40, 90_000), over=True)
    budgets.settle(store, folder, taken, ended(usage=MANY))
    day.read()
    assert day.of("budget team") == Expense(2.0, 1_000_000, 90_000)


def test_later_attempt_of_a_job_has_what_the_earlier_ones_left(store: JobStore) -> None:
    made = store.create(job(ended(usage=MANY, cost=0.5)))
    plan.take(store, made.id, agent(money=2))
    found = budgets.allowance(store.attempt_folder(made.id, 2))
    assert found is not None
    assert found.earlier == Expense(0.5, 1_000_000, 60_000)
    assert budgets.left(found) == 1.5


@pytest.mark.parametrize(
    ("runtime", "options", "budget", "told"),
    [
        ("claude", {}, {"money": 2}, {"max_budget_usd": 2.0}),
        ("claude", {"max_budget_usd": 1}, {"money": 2}, {"max_budget_usd": 1}),
        ("claude", {"max_budget_usd": 5}, {"money": 2}, {"max_budget_usd": 2.0}),
        ("claude", {"model": "m"}, {"tokens": 2}, {"model": "m"}),
        ("codex", {}, {"money": 2}, {}),
    ],
)
def test_claude_is_told_what_is_left_of_the_money(
    store: JobStore, runtime: str, options: dict[str, Any], budget: dict[str, Any], told: dict[str, Any]
) -> None:
    one = Agent.model_validate({"name": "ada", "runtime": runtime, "options": options, "budget": budget})
    made = store.create(job())
    plan.take(store, made.id, one)
    assert budgets.client_options(one, budgets.allowance(store.attempt_folder(made.id, 1))) == told


def test_allowance_that_a_full_disk_does_not_take_is_told_as_such(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(records, "save", full)
    with pytest.raises(LocalStorage, match="the disk is full"):
        budgets.write_down(store, store.folder, job(), 1, agent(), fleet())
