"""When a budget is spent while an attempt runs: as a rule, and with programs that tell usage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gitfleet.jobs.adapters.command import CommandAdapter
from gitfleet.jobs.adapters.results import Usage
from gitfleet.jobs.money import spending
from gitfleet.jobs.money.allowance import JOB, Allowance, SpendLimit
from gitfleet.jobs.money.spending import FLEET, DaySpending, Expense, SpendingLine
from gitfleet.jobs.shepherd import control, records
from gitfleet.jobs.shepherd.spending import SpendWatch
from tests.jobs.shepherd.agents import SLEEP, ended, heard, python, ran, spec

ASSISTANT = {
    "type": "assistant",
    "message": {"id": "m1", "model": "m", "content": [], "usage": {"input_tokens": 600, "output_tokens": 50}},
}
RESULT = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "result": "done",
    "modelUsage": {"m": {"inputTokens": 9000}},
    "total_cost_usd": 3.5,
}


class Counter(CommandAdapter):
    """An adapter that has told what a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.told = Usage()
        self.cost: float | None = None

    def spent(self) -> tuple[Usage, float | None]:
        return self.told, self.cost

    def use(self, tokens: int) -> None:
        self.told = Usage({"m": {"inputTokens": tokens}})


def allowance(folder: Path, *limits: SpendLimit, **more: object) -> Allowance:
    path = spending.path_of(str(folder), "2026-11-30")
    return Allowance("job-1", 1, "ada", path, limits, prices={"m": {"input": 1.0}}, before=Usage(), **more)  # type: ignore[arg-type]


def test_time_is_over_when_it_is_due(tmp_path: Path) -> None:
    limit = SpendLimit(JOB, time=60_000)
    watch = SpendWatch(allowance(tmp_path, limit, earlier=Expense(time=20_000)), Counter(), 100.0)
    assert not watch.passed(100.0)
    assert watch.due == 140.0
    assert watch.passed(140.0)
    assert watch.words == "the budget of this job is spent: 1m00s of 1m00s"
    assert not Path(tmp_path, "spent").exists()  # nobody else draws on it


@pytest.mark.parametrize(
    ("limit", "before", "after"),
    [
        (SpendLimit(JOB, tokens=500), 499, 500),
        (SpendLimit(JOB, money=0.001), 999, 1000),
        (SpendLimit("agent ada", tokens=500), 499, 500),
    ],
)
def test_tokens_and_money_are_looked_at_when_the_client_has_said_something(
    tmp_path: Path, limit: SpendLimit, before: int, after: int
) -> None:
    counter = Counter()
    watch = SpendWatch(allowance(tmp_path, limit), counter, 0.0)
    assert not watch.passed(0.0)
    counter.use(before)
    watch.heard(0.1)
    assert watch.due == 1.0  # no more than once a second
    assert not watch.passed(1.0)
    counter.use(after)
    watch.heard(5.0)
    assert watch.due == 5.0
    assert watch.passed(5.0)


def test_clients_own_estimate_goes_before_the_prices(tmp_path: Path) -> None:
    counter = Counter()
    watch = SpendWatch(allowance(tmp_path, SpendLimit(JOB, money=2)), counter, 0.0)
    counter.use(5_000_000)
    counter.cost = 0.5
    assert not watch.passed(0.0)


def test_what_a_conversation_had_used_before_is_not_counted_again(tmp_path: Path) -> None:
    counter = Counter()
    counter.told = Usage({"m": {"input_tokens": 700}}, conversation=True)
    allowed = allowance(tmp_path, SpendLimit(JOB, tokens=500))
    known = Allowance.decode({**allowed.encode(), "before": {"models": {"m": {"input_tokens": 300}}}})
    assert not SpendWatch(known, counter, 0.0).passed(0.0)
    assert SpendWatch(allowed, counter, 0.0).passed(0.0)


def test_two_attempts_that_share_a_budget_hear_of_each_other(tmp_path: Path) -> None:
    allowed = allowance(tmp_path, SpendLimit(FLEET, tokens=1000))
    counter = Counter()
    watch = SpendWatch(allowed, counter, 1.0)
    counter.use(600)
    assert not watch.passed(1.0)
    assert watch.due == 31.0
    spending.append(allowed.path, SpendingLine("job-2", 1, "bob", tokens=400))
    assert watch.passed(31.0)
    assert watch.words == "today's budget of all agents is spent: 1,000 of 1,000 tokens"
    day = DaySpending(allowed.path)
    day.read()
    assert day.of("agent ada").tokens == 600


def test_others_are_told_when_something_was_used_and_now_and_then(tmp_path: Path) -> None:
    allowed, counter = allowance(tmp_path, SpendLimit(FLEET, tokens=1000)), Counter()
    watch = SpendWatch(allowed, counter, 0.0)
    for now in (1.0, 2.0, 3.0, 31.5):
        watch.passed(now)
    for now, due in ((32.0, 62.0), (36.0, 37.0), (37.0, 67.0), (43.0, 73.0)):
        counter.use(int(now))
        watch.passed(now)
        assert watch.due == due
    lines = [json.loads(line) for line in Path(allowed.path).read_text().split("\n") if line]
    assert [line["time"] for line in lines] == [1000, 31_500, 32_000, 37_000, 43_000]


def test_attempt_that_reaches_its_budget_is_stopped_and_says_which(tmp_path: Path) -> None:
    made = spec(
        *python(f"print({json.dumps(ASSISTANT)!r}, flush=True)", SLEEP),
        adapter="claude",
        allowance=allowance(tmp_path, SpendLimit(JOB, tokens=500)),
    )
    shepherd = control.start(str(tmp_path), made)
    end = ended(tmp_path, shepherd)
    assert (end.why, end.outcome) == ("budget", "budget")
    assert end.error == "the budget of this job is spent: 650 of 500 tokens"
    assert end.result is not None
    assert end.result.usage.models == {"m": {"inputTokens": 600, "outputTokens": 50}}


def test_time_of_a_budget_ends_an_attempt_that_says_nothing(tmp_path: Path) -> None:
    end = ran(tmp_path, spec(*python(SLEEP), allowance=allowance(tmp_path, SpendLimit(JOB, time=50))))
    assert (end.why, end.outcome) == ("budget", "budget")


def test_attempt_that_has_given_its_result_is_not_stopped_for_what_it_cost(tmp_path: Path) -> None:
    made = spec(
        *python(f"print({json.dumps(RESULT)!r}, flush=True)", "input()"),
        adapter="claude",
        stdin="x\n",
        allowance=allowance(tmp_path, SpendLimit(JOB, money=1)),
    )
    end = ran(tmp_path, made)
    assert (end.why, end.outcome) == ("exited", "success")


def test_budget_on_a_disk_that_takes_nothing_is_kept_by_what_is_known(tmp_path: Path) -> None:
    Path(tmp_path, "spent").write_text("no folder")
    made = spec(
        *python(f"print({json.dumps(ASSISTANT)!r}, flush=True)", SLEEP),
        adapter="claude",
        allowance=allowance(tmp_path, SpendLimit(FLEET, tokens=500)),
    )
    assert ended(tmp_path, control.start(str(tmp_path), made)).outcome == "budget"
    assert heard(tmp_path, b"{")
    assert records.load(records.EndRecord, str(tmp_path), records.END) is not None
