"""Budgets of the agent files: which of them a job draws on, whether something is left of each, and what an attempt may spend."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gitfleet.base import files
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent, BudgetAmounts, FleetSettings
from gitfleet.jobs.money import spending, tokens
from gitfleet.jobs.money.allowance import FILE, JOB, Allowance, SpendLimit
from gitfleet.jobs.money.spending import DaySpending, Expense
from gitfleet.jobs.money.tokens import Prices
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shepherd import control, records

_CLAUDE_KEY = "max_budget_usd"


def prices(fleet: FleetSettings) -> Prices:
    """The table of prices in the fleet file."""
    rows = {}
    for model, one in fleet.prices.items():
        row = {
            "input": one.input, "output": one.output, "cache_read": one.cache_read, "cache_write": one.cache_write,
        }  # fmt: skip
        rows[model] = {kind: price for kind, price in row.items() if price is not None}
    return rows


def payers(agent: Agent, fleet: FleetSettings) -> tuple[str, ...]:
    """The named budgets that pay for an agent's jobs, the nearest first."""
    found: list[str] = []
    name = agent.budget.of
    while name is not None and name not in found and name in fleet.budgets:
        found.append(name)
        name = fleet.budgets[name].of
    return tuple(found)


def limits(agent: Agent, fleet: FleetSettings) -> tuple[SpendLimit, ...]:
    """All limits that hold for an attempt of the agent, the nearest first."""

    def each() -> Iterator[SpendLimit]:
        yield _limit(JOB, agent.budget)
        if agent.budget.day is not None:
            yield _limit(spending.of_agent(agent.name), agent.budget.day)
        for name in payers(agent, fleet):
            yield _limit(spending.of_budget(name), fleet.budgets[name])
        yield _limit(spending.FLEET, fleet.budget)

    return tuple(limit for limit in each() if not limit.empty)


def _limit(scope: str, amounts: BudgetAmounts) -> SpendLimit:
    return SpendLimit(scope, amounts.money, amounts.tokens, amounts.time)


def of_attempt(attempt: AttemptRecord, table: Prices) -> Expense:
    """What an attempt that has ended has spent, as far as it is known."""
    money = attempt.cost if attempt.cost is not None else tokens.priced(attempt.usage, table)
    time = max(0, attempt.ended_at - attempt.started_at) if attempt.started_at else 0
    return Expense(money, tokens.total(attempt.usage), time)


def of_job(job: JobRecord, table: Prices) -> Expense:
    """What all attempts of a job have spent that have ended."""
    together = Expense()
    for attempt in job.attempts:
        if attempt.ended_at:
            together = together.plus(of_attempt(attempt, table))
    return together


class BudgetToday(NamedTuple):
    """A budget of the day, and what was spent of it."""

    limit: SpendLimit
    spent: Expense


def of_today(store: JobStore, known: Configuration) -> list[BudgetToday]:
    """All budgets of the day that the files have, that of all agents first."""
    day = DaySpending(spending.path_of(store.folder, spending.today()))
    day.read()
    fleet = known.fleet
    found = [_limit(spending.FLEET, fleet.budget)]
    found += [_limit(spending.of_budget(name), budget) for name, budget in fleet.budgets.items()]
    for agent in known.agents.values():
        if agent.budget.day is not None:
            found.append(_limit(spending.of_agent(agent.name), agent.budget.day))
    return [BudgetToday(limit, day.of(limit.scope)) for limit in found if not limit.empty]


class BudgetHold:
    """A `Hold`: nothing is started for which a budget is spent. A look reads what is new in the file of the day.

    `others` puts there what other nodes have spent, as far as that is due.
    """

    def __init__(
        self,
        store: JobStore,
        configuration: Callable[[], Configuration],
        others: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, self._configuration, self._others = store, configuration, others
        self._day = DaySpending("")
        self._known: dict[str, tuple[str, SpendLimit | None]] = {}
        """Of agents that were asked about: why none of their jobs may start, and what each job may spend."""

    def refresh(self) -> None:
        """See `Hold`."""
        self._others()
        path = spending.path_of(self._store.folder, spending.today())
        if path != self._day.path:
            self._day = DaySpending(path)
            spending.forget(self._store.folder)
        self._day.read()
        self._known = {}

    def why(self, job: JobRecord, agent: Agent) -> str:
        """See `Hold`."""
        if agent.name not in self._known:
            self._known[agent.name] = self._look(agent)
        all_, each = self._known[agent.name]
        if each is not None and job.attempts:
            said = each.reached(of_job(job, prices(self._configuration().fleet)))
            if said:
                return f"{said}; its file may allow more"
        return all_

    def _look(self, agent: Agent) -> tuple[str, SpendLimit | None]:
        found = limits(agent, self._configuration().fleet)
        each = next((limit for limit in found if limit.scope == JOB), None)
        said = (limit.reached(self._day.of(limit.scope)) for limit in found if limit.scope != JOB)
        why = next(filter(None, said), "")
        return f"{why}; it is there again tomorrow" if why else "", each


def write_down(
    store: JobStore, folder: str, job: JobRecord, number: int, agent: Agent, fleet: FleetSettings
) -> None:
    """Put what the attempt `number`, in `folder`, may spend beside what it is to do. Raises LocalStorage."""
    table = prices(fleet)
    path = spending.path_of(store.folder, spending.today())
    allowance = Allowance(
        job.id,
        number,
        agent.name,
        path,
        limits(agent, fleet),
        payers(agent, fleet),
        table,
        of_job(job, table),
    )
    with files.storage(folder):
        records.save(folder, FILE, allowance)


def allowance(folder: str) -> Allowance | None:
    """What the attempt in `folder` may spend; None where that was not written down."""
    try:
        found = records.load(Allowance, folder, FILE)
    except (OSError, ValueError):
        return None
    return found


def left(allowance: Allowance) -> float | None:
    """Dollars that are left of the tightest budget as an attempt begins; None where none limits money."""
    day = DaySpending(allowance.path)
    day.read()
    rest = [
        limit.money - ((allowance.earlier if limit.scope == JOB else day.of(limit.scope)).money or 0.0)
        for limit in allowance.limits
        if limit.money is not None
    ]
    return max(0.0, min(rest)) if rest else None


def client_options(agent: Agent, allowance: Allowance | None) -> dict[str, object]:
    """The options of the agent's client: Claude Code holds itself to what is left of the money, too, by its own count."""
    options = dict(agent.options)
    most = left(allowance) if allowance and agent.adapter == "claude" else None
    if most is not None:
        own = options.get(_CLAUDE_KEY)
        most = min(own, most) if isinstance(own, int | float) else most
        options[_CLAUDE_KEY] = round(max(most, 0.0001), 6)
    return options


def settle(store: JobStore, folder: str, job: JobRecord, attempt: AttemptRecord) -> tuple[str, ...]:
    """Write down what the last attempt of the job has spent, now that it has ended; twice is harmless. Raises LocalStorage.

    What there is to say of budgets that it could not be held to.
    """
    known = allowance(folder)
    if known is None:
        path = spending.path_of(store.folder, spending.today())
        known = Allowance(job.id, attempt.number, job.agent_name, path)
    day = DaySpending(known.path)
    day.read()
    before = day.find(*known.key)
    spent = _final(folder, attempt, known.prices)
    if before is not None:  # what was told while it ran stays known
        money = before.money if spent.money is None else spent.money
        told = before.tokens if spent.tokens is None else spent.tokens
        spent = Expense(money, told, max(spent.time, before.time))
    with files.storage(known.path):
        spending.append(known.path, known.line(spent, over=True), durable=True)
    return tuple(_unheld(known, spent)) if attempt.code is not None or attempt.signal else ()


def _unheld(allowance: Allowance, spent: Expense) -> Iterator[str]:
    limited = allowance.limits
    if spent.money is None and any(limit.money is not None for limit in limited):
        yield "a budget limits its money, but its cost is not known: its agent reported none, and `prices` lacks its model"
    if spent.tokens is None and any(limit.tokens is not None for limit in limited):
        yield "a budget limits its tokens, but its agent reported none"


def _final(folder: str, attempt: AttemptRecord, table: Prices) -> Expense:
    """What it came to; the time of one that was lost up to the last line that it wrote."""
    spent = of_attempt(attempt, table)
    state = control.state(folder)
    if spent.time or not state or not state.started:
        return spent
    last = files.changed_at(os.path.join(folder, records.STREAM)) // 1_000_000
    return Expense(spent.money, spent.tokens, max(0, last - state.started))
