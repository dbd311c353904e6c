"""Schedules of agents whose jobs any node may run, in several clones of one fleet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitfleet.clone import Clone
from gitfleet.dispatch import model
from gitfleet.dispatch.model import SharedJob
from gitfleet.jobs.definitions.schema import Schedule
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.schedules import fleetwide, plans
from gitfleet.jobs.shared.desk import SharedDesk
from tests.jobs.schedules.desks import HOUR, MINUTE, NINE, Timeline

NOON = NINE + 3 * HOUR


@pytest.mark.parametrize(
    ("rules", "planned", "same"),
    [
        ({"cron": "0 * * * *"}, NINE, True),
        ({"cron": "0 * * * *"}, NINE + HOUR, False),
        ({"interval": "1h"}, NINE + 59 * MINUTE, True),
        ({"interval": "1h"}, NINE + HOUR, False),
    ],
)
def test_job_of_a_time_has_one_id_everywhere(rules: dict[str, Any], planned: int, same: bool) -> None:
    made = Schedule.model_validate(rules)
    first, other = (fleetwide.job_id("tidy", "s", made, when) for when in (NINE, planned))
    assert job_ids.is_id(first)
    assert job_ids.made_at(first) == NINE
    assert (first == other) is same
    assert first != fleetwide.job_id("tidy", "t", made, NINE)


@pytest.fixture
def lines(members: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> list[Timeline]:
    found = [Timeline(members(name), monkeypatch) for name in ("ada", "bob")]
    for line in found:
        line.agent("anywhere: true\nschedules: {s: {cron: '0 * * * *'}}")
    return found


def offered(line: Timeline) -> list[SharedJob]:
    with Clone.open(str(line.agents.parent)) as clone:
        clone.ledger.refresh(30.0)
        return [*model.ended_jobs(clone.current().view), *model.open_jobs(clone.current().view)]


def test_time_makes_one_job_of_two_clones(lines: list[Timeline]) -> None:
    ada, bob = lines
    for line in lines:
        line.at(NINE + MINUTE)
        line.at(NINE + HOUR)
    (job,) = offered(ada)
    assert (job.agent, job.schedule, offered(bob)) == ("tidy", "s", [job])
    assert [name for name, _ in ada.events] == ["schedule:triggered"]
    assert [(name, event.reason) for name, event in bob.events] == [("schedule:skipped", "elsewhere")]
    assert ada.store.open_ids() == bob.store.open_ids() == []
    bob.at(NINE + 2 * HOUR)
    assert bob.events[-1][1].reason == "overlap"
    with Clone.open(str(ada.agents.parent)) as clone:
        SharedDesk(clone.ledger, ada.store).cancel(job.id)
    offered(bob)
    bob.at(NOON)
    ada.at(NOON)
    assert len(offered(ada)) == 2
    assert [name for name, _ in bob.events][-1] == "schedule:triggered"


def test_time_whose_manager_was_killed_after_the_offer_makes_no_second_job(lines: list[Timeline]) -> None:
    ada, _ = lines
    ada.at(NINE + MINUTE)
    shelf = plans.shelf(ada.store.folder)
    plan = shelf.get("tidy", "s")
    assert plan is not None
    ada.at(NINE + HOUR)
    shelf.put("tidy", "s", plan)
    ada.at(NINE + HOUR)
    assert len(offered(ada)) == 1


def test_schedules_of_other_agents_stay_each_clones_own(lines: list[Timeline]) -> None:
    ada, _ = lines
    ada.agent("schedules: {s: {cron: '0 * * * *'}}")
    ada.at(NINE + MINUTE)
    assert ada.at(NINE + HOUR) == [NINE + HOUR]
    assert offered(ada) == []
