"""Costs summed up by one thing or another, with gaps as gaps."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.jobs.adapters.results import Usage
from gitfleet.jobs.money import report
from gitfleet.jobs.money.report import CostKey
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.words import JobStatus

PRICES = {"m": {"input": 1.0, "output": 2.0}}
DAY = 86_400_000
ONE, OTHER = job_ids.new(), job_ids.new()


def attempt(number: int, **more: Any) -> AttemptRecord:
    facts = {"branch": "b1", "started_at": 10 * DAY, "ended_at": 10 * DAY + 1000, **more}
    return AttemptRecord(number, "s", **facts)


JOBS = [
    JobRecord(ONE, "ada", JobStatus.COMPLETED, attempts=(
        attempt(1, usage=Usage({"m": {"input_tokens": 1_000_000}}, ("a part",))),
        attempt(2, usage=Usage({"m": {"inputTokens": 10}, "n": {"outputTokens": 5}}), cost=0.5, started_at=20 * DAY, ended_at=20 * DAY + 500),
    )),
    JobRecord(OTHER, "bob", JobStatus.RUNNING, attempts=(attempt(1, branch="b2"), attempt(2, branch="b2", ended_at=0))),
]  # fmt: skip


def test_whole_counts_each_attempt_once_and_says_what_is_missing() -> None:
    _, whole = report.sums(JOBS, CostKey.AGENT, PRICES)
    assert (whole.jobs, whole.attempts, whole.running) == (2, 4, 1)
    assert dict(whole.tokens) == {"input": 1_000_010, "output": 5}
    assert (whole.client, whole.priced, whole.money, whole.uncosted) == (0.5, 1.0, 1.5, 1)
    assert (whole.untold, whole.partly, whole.partly_priced, whole.time) == (1, 1, 1, 2500)
    assert whole.lacking


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        (CostKey.AGENT, {"ada": 1.5, "bob": None}),
        (CostKey.JOB, {ONE: 1.5, OTHER: None}),
        (CostKey.BRANCH, {"b1": 1.5, "b2": None}),
        (CostKey.ENTRY, {"of b1": 1.5, "of b2": None}),
        (CostKey.MODEL, {"m": 1.00001, "n": None, "": None}),
    ],
)
def test_rows_are_by_what_is_asked_for(by: CostKey, rows: dict[str, float | None]) -> None:
    found, _ = report.sums(JOBS, by, PRICES, entry_of=lambda one: f"of {one.branch}")
    assert {row.key: row.money for row in found} == rows
    if by is not CostKey.JOB:
        assert [row.key for row in found] == list(rows)


def test_estimate_for_several_models_together_is_of_no_single_one() -> None:
    found, _ = report.sums(JOBS, CostKey.MODEL, PRICES)
    by_model = {row.key: row for row in found}
    assert (by_model["m"].client, by_model["m"].priced) == (None, 1.00001)
    assert (by_model["n"].attempts, by_model["n"].uncosted) == (1, 1)


def test_days_are_the_newest_first_and_earlier_attempts_are_left_out() -> None:
    found, _ = report.sums(JOBS, CostKey.DAY, PRICES)
    assert [row.attempts for row in found] == [1, 3]
    found, whole = report.sums(JOBS, CostKey.DAY, PRICES, since=15 * DAY)
    assert (len(found), whole.attempts, whole.money) == (1, 1, 0.5)


def test_nothing_has_no_cost() -> None:
    found, whole = report.sums([], CostKey.AGENT, PRICES)
    assert (found, whole.money, dict(whole.tokens), whole.lacking) == ([], None, {}, False)
