"""Budgets of the day are the whole fleet's: what other nodes have spent counts here, too."""

from __future__ import annotations

import logging
import shutil
from typing import Any

import pytest

from gitfleet.base import clock
from gitfleet.codec import replace
from gitfleet.jobs.adapters.results import Usage
from gitfleet.jobs.archives import telling_others
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent, FleetSettings
from gitfleet.jobs.money import others_spending, spending
from gitfleet.jobs.money.budgets import BudgetHold
from gitfleet.jobs.money.others_spending import OthersSpending
from gitfleet.jobs.money.spending import FLEET, DaySpending, Expense
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.words import JobStatus
from tests.fleetbench import Fleets

DAY = 86_400_000
LOG = logging.getLogger("test of spending")


def known(**settings: Any) -> Configuration:
    agent = Agent.model_validate({"name": "tidy", "command": ["true"], "budget": {"of": "team"}})
    return Configuration({"tidy": agent}, FleetSettings.model_validate(settings), (), "", {})


def ran(fleets: Fleets, name: str, *attempts: AttemptRecord) -> JobRecord:
    """A job of that clone which has ended, and of which it has told the hub."""
    store = JobStore(str(fleets.root / f"state-{name}"))
    job = store.create(JobRecord(job_ids.new(), "tidy", JobStatus.QUEUED, attempts=attempts))
    job = store.update(job.id, lambda one: replace(one, status=JobStatus.FAILED))
    with fleets.open(name) as clone:
        telling_others.note(store, "hub")
        telling_others.tell(clone, store)
        assert telling_others.send(clone) == []
    return job


def attempt(number: int, **more: Any) -> AttemptRecord:
    now = clock.milliseconds()
    return AttemptRecord(
        **{"number": number, "session": "s", "started_at": now - 50, "ended_at": now, **more}
    )


def others(fleets: Fleets, store: JobStore, configuration: Configuration) -> OthersSpending:
    return OthersSpending(store, str(fleets.clone("bob")), lambda: configuration, LOG)


def spent(store: JobStore, scope: str = FLEET) -> Expense:
    day = DaySpending(spending.path_of(store.folder, spending.today()))
    day.read()
    return day.of(scope)


def test_what_another_node_has_spent_today_holds_jobs_back_here(
    fleets: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(others_spending, "EVERY", 0.0)
    rules = known(budget={"money": 3}, budgets={"team": {"tokens": 1000}})
    store = JobStore(str(fleets.root / "state"))
    seen = others(fleets, store, rules)
    hold = BudgetHold(store, lambda: rules, seen.refresh)
    waits = JobRecord(job_ids.new(), "tidy", JobStatus.QUEUED)
    hold.refresh()
    assert hold.why(waits, rules.agents["tidy"]) == ""

    yesterday = clock.milliseconds() - 2 * DAY
    old = attempt(1, cost=40.0, started_at=yesterday, ended_at=yesterday + 5)
    ran(fleets, "ada", old, attempt(2, cost=2.5, usage=Usage({"m": {"input_tokens": 10}})))
    hold.refresh()
    assert spent(store) == Expense(2.5, 10, 50)
    assert spent(store, "budget team").tokens == 10
    ran(fleets, "ada", attempt(1, cost=0.5))
    hold.refresh()
    hold.refresh()
    assert spent(store) == Expense(3.0, 10, 100)
    assert "today's budget of all agents is spent: $3.00 of $3.00" in hold.why(waits, rules.agents["tidy"])

    shutil.rmtree(fleets.hub)
    hold.refresh()
    assert spent(store).money == 3.0


def test_nothing_is_asked_of_the_hub_where_no_budget_is_of_the_day_or_none_is_due(fleets: Fleets) -> None:
    ran(fleets, "ada", attempt(1, cost=2.0))
    store = JobStore(str(fleets.root / "state"))
    others(fleets, store, known()).refresh()
    assert spent(store) == Expense()
    seen = others(fleets, store, known(budget={"money": 3}))
    seen.refresh()
    ran(fleets, "ada", attempt(1, cost=2.0))
    seen.refresh()
    assert spent(store).money == 2.0


def test_time_that_another_node_cannot_have_spent_is_no_time(fleets: Fleets) -> None:
    ran(fleets, "ada", attempt(1, ended_at=clock.milliseconds() + 400 * DAY))
    store = JobStore(str(fleets.root / "state"))
    others(fleets, store, known(budget={"time": "1h"})).refresh()
    assert spent(store).time < 3_600_000
