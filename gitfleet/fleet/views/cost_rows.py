"""What jobs cost, as rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from gitfleet.jobs.money.budgets import BudgetToday
from gitfleet.jobs.money.report import CostSum


class CostRow(TypedDict):
    """The cost of all attempts of one `key`. What is not known is null, and never 0."""

    key: str
    """The job, agent, branch, entry, day or model; empty: it is not known, or there is none."""
    about: str
    """What there is to say of it, such as what has become of an entry."""
    jobs: int
    attempts: int
    running: int
    """Attempts that have not ended; nothing of them is counted."""
    tokens: dict[str, int]
    """By kind, without overlap: `input`, `cache_read`, `cache_write`, `output`; a kind that was not told is absent."""
    untold: int
    """Attempts that told no tokens."""
    partly: int
    """Attempts that told only a part of their tokens."""
    dollars: float | None
    """An estimate: the two that follow together."""
    dollars_by_client: float | None
    """By the clients' own estimates."""
    dollars_by_prices: float | None
    """By the prices in `fleet.yaml`, for attempts whose client told nothing."""
    uncosted: int
    """Attempts whose cost is not known."""
    partly_priced: int
    """Attempts of whose tokens only a part was told, and priced."""
    time: int | None
    """Milliseconds that attempts ran."""
    untimed: int
    """Attempts of which that is not known."""


class BudgetRow(TypedDict):
    """A budget of the day. A limit that is null does not exist; what was spent is null where nothing is known."""

    name: str
    """`all agents`, `budget NAME` or `agent NAME`."""
    dollars: float | None
    dollars_spent: float | None
    tokens: int | None
    tokens_spent: int | None
    time: int | None
    """In milliseconds."""
    time_spent: int
    reached: str
    """That it is spent, in words; empty: something is left."""


class CostAnswer(TypedDict):
    """`cost`. Days are of the zone of the machine; an attempt belongs to the day on which it began."""

    by: str
    since: int
    """In milliseconds since 1970; 0: all jobs that are kept."""
    rows: list[CostRow]
    total: CostRow
    budgets: list[BudgetRow]


def cost_row(row: CostSum, about: str = "") -> CostRow:
    """A sum as a row."""
    counts: Mapping[str, int] = row.tokens
    return {
        "key": row.key,
        "about": about,
        "jobs": row.jobs,
        "attempts": row.attempts,
        "running": row.running,
        "tokens": dict(counts),
        "untold": row.untold,
        "partly": row.partly,
        "dollars": row.money,
        "dollars_by_client": row.client,
        "dollars_by_prices": row.priced,
        "uncosted": row.uncosted,
        "partly_priced": row.partly_priced,
        "time": row.time,
        "untimed": row.untimed,
    }


def budget_row(one: BudgetToday) -> BudgetRow:
    """A budget of the day as a row."""
    limit, spent = one
    return {
        "name": limit.scope,
        "dollars": limit.money,
        "dollars_spent": spent.money,
        "tokens": limit.tokens,
        "tokens_spent": spent.tokens,
        "time": limit.time,
        "time_spent": spent.time,
        "reached": limit.reached(spent),
    }
