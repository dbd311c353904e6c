"""Managers that are killed between the steps of firing: each planned time makes one job or has one reason why not."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from gitfleet.jobs.schedules import information, self_schedules
from gitfleet.jobs.schedules.self_schedules import OwnSchedule
from tests.jobs.dying import DIES_IN
from tests.jobs.schedules.desks import DAY, HOUR, NINE, Timeline
from tests.workbench import ROOT
from tests.workbench import run as run_program

DIES = (
    DIES_IN
    + """
import sys
from pathlib import Path
import pytest
from gitfleet.base import files
from gitfleet.jobs import submission
from gitfleet.jobs.records import store as records
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.schedules import plans, self_schedules
from gitfleet.jobs.schedules.ticker import Ticker
from tests.jobs.schedules.desks import HOUR, NINE, Timeline
line = Timeline(Path(sys.argv[1]), pytest.MonkeyPatch())
line.desk.reason = sys.argv[2]
dies_in({step})
line.at(NINE + HOUR)
"""
)
FIRING = [
    "submission, 'new'",
    "plans, 'firing'",
    "Ticker, '_keep', after=True",
    "JobStore, 'create'",
    "files, 'touch', after=True",
    "records, '_save'",
    "JobStore, 'create', after=True",
    "Timeline, '_tell'",
    "plans, 'fired'",
]


def killed(line: Timeline, folder: Path, step: str, reason: str = "") -> None:
    argv: list[str | Path] = [sys.executable, "-c", DIES.format(step=step), folder, reason]
    run_program(argv, folder, env={"PYTHONPATH": str(ROOT)}).ended(-signal.SIGKILL)
    line.store.mend()


@pytest.mark.sample(4)
@pytest.mark.parametrize("step", [*FIRING, "Ticker, '_kept'"])
@pytest.mark.always
def test_time_of_a_manager_that_was_killed_makes_one_job(
    repository: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    line = Timeline(repository, monkeypatch)
    line.schedule("{interval: 1h}")
    line.at(NINE)
    killed(line, repository, step)
    line.at(NINE + HOUR + 1000)
    line.at(NINE + HOUR + 2000)
    assert [job.planned_at for job in line.jobs()] == [NINE + HOUR]
    (shown,) = information.schedules(line.store.folder, line.configuration())
    assert (shown.last_job, shown.next_trigger, shown.last_skip) == (line.jobs()[0].id, NINE + 2 * HOUR, 0)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "step", [*FIRING, "self_schedules, 'forget'", "self_schedules, 'forget', after=True"]
)
def test_single_job_of_a_manager_that_was_killed_is_made_once(
    repository: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    line = Timeline(repository, monkeypatch)
    line.agent("self_schedule: {}")
    made = OwnSchedule(NINE, NINE + DAY, interval=HOUR, once=True)
    self_schedules.shelf(line.store.folder).put("tidy", "self-1", made)
    killed(line, repository, step)
    line.at(NINE + HOUR + 1000)
    line.at(NINE + 2 * HOUR)
    assert [job.planned_at for job in line.jobs()] == [NINE + HOUR]
    assert information.schedules(line.store.folder, line.configuration()) == []


@pytest.mark.sample(1)
@pytest.mark.parametrize("step", ["plans, 'skipped'", "Ticker, '_keep', after=True", "Timeline, '_tell'"])
def test_time_that_a_killed_manager_skipped_is_skipped_once(
    repository: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    line = Timeline(repository, monkeypatch)
    line.desk.reason = "concurrency_limit"
    line.schedule("{interval: 1h}")
    line.at(NINE)
    killed(line, repository, step, line.desk.reason)
    line.at(NINE + HOUR + 1000)
    line.desk.reason = ""
    assert line.at(NINE + HOUR + 2000) == []
    (shown,) = information.schedules(line.store.folder, line.configuration())
    assert (shown.last_skip, shown.skip_reason) == (NINE + HOUR, "concurrency_limit")
