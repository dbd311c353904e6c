"""`cost`: what jobs have used and cost, as far as it was told, and what is left of the budgets of the day."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from gitfleet.base import clock, text
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.declaring import Option
from gitfleet.cli.jobs import Config, StateDir, config_path, loaded, store_at
from gitfleet.errors import UsageError
from gitfleet.fleet.views import cost_rows
from gitfleet.jobs.durations import milliseconds
from gitfleet.jobs.money import costs
from gitfleet.jobs.money.allowance import dollars, hours
from gitfleet.jobs.money.budgets import BudgetToday
from gitfleet.jobs.money.report import CostKey, CostSum

By = Annotated[
    str,
    Option(
        "--by",
        metavar="WHAT",
        help="job, agent, branch, entry (of the merge queue), day or model.",
        values=CostKey,
    ),
]
Since = Annotated[
    str, Option("--since", metavar="WHEN", help="Only attempts since then: 2d, 12h, or 2026-12-01.")
]
_NONE = {
    CostKey.BRANCH: "(no branch)",
    CostKey.ENTRY: "(not in the queue)",
    CostKey.MODEL: "(model not told)",
}


def cost(by: By = "agent", since: Since = "", config: Config = "", state_dir: StateDir = "") -> Reply:
    """Sum up what jobs used and cost. Dollars are estimates; an unknown cost is shown as a gap, never as 0."""
    start = _moment(since)
    known = loaded(config) if config or os.path.isdir(config_path(config)) else None
    found = costs.costs(store_at(state_dir), ".", known, by=by, since=start)
    data = {
        "by": by,
        "since": start,
        "rows": [cost_rows.cost_row(row, found.about[row.key]) for row in found.rows],
        "total": cost_rows.cost_row(found.total),
        "budgets": [cost_rows.budget_row(one) for one in found.budgets],
    }
    return Reply(data, [*_table(found.by, found.rows, found.total, found.about), *_today(found.budgets)])


def _moment(since: str) -> int:
    """Milliseconds since 1970."""
    if not since:
        return 0
    if stamp := clock.parsed(since):
        return stamp * 1000
    try:
        return clock.milliseconds() - milliseconds(since)
    except ValueError as error:
        words = f"'{text.display(since[:40])}' is neither a moment nor a length of time."
        raise UsageError(words, hint="Write 2d, 12h, or 2026-12-01.") from error


def _table(
    key: CostKey, rows: Sequence[CostSum], total: CostSum, about: Mapping[str, str]
) -> Iterator[str | Grid]:
    if not rows:
        yield "no attempts"
        return
    known = any(about.values())
    cells = [
        (row.key or _NONE.get(key, ""), *_cells(row), *([about[row.key]] if known else [])) for row in rows
    ]
    if len(rows) > 1:
        cells.append(("all", *_cells(total), *([""] if known else [])))
    head = (
        key.upper(),
        "JOBS",
        "ATTEMPTS",
        "TIME",
        "INPUT",
        "CACHED",
        "OUTPUT",
        "DOLLARS",
        *(["ABOUT"] if known else []),
    )
    yield Grid(head, cells, optional=("ABOUT", "ATTEMPTS", "TIME"))
    yield from _gaps(total)


def _cells(row: CostSum) -> tuple[str, ...]:
    counts = row.tokens
    # What is read from the cache and put there are one column here, and two in JSON.
    cached = [counts[kind] for kind in ("cache_read", "cache_write") if kind in counts]
    more = " + ?" if row.untold or row.partly else ""
    shown = [
        f"{sum(some):,}{more}" if some else "?"
        for some in ([counts[kind]] if kind in counts else [] for kind in ("input", "output"))
    ]
    told = f"{sum(cached):,}{more}" if cached else "?"
    money = "?" if row.money is None else dollars(row.money) + (" + ?" if row.lacking else "")
    time = "?" if row.time is None else hours(row.time) + (" + ?" if row.untimed else "")
    return str(row.jobs), str(row.attempts), time, shown[0], told, shown[1], money


def _gaps(total: CostSum) -> Iterator[str]:
    """Where the figures come from, and what is missing."""
    if total.money is not None:
        sources = [
            f"{dollars(amount)} by {whose}"
            for amount, whose in ((total.client, "the clients"), (total.priced, "`prices` in fleet.yaml"))
            if amount is not None
        ]
        yield f"dollars are estimates: {', '.join(sources)}"
    ended = total.attempts - total.running
    if total.uncosted:
        yield f"cost not known of {total.uncosted} of {text.counted(ended, 'attempt')}"
    if total.untold or total.partly:
        part = f", of {total.partly} only a part" if total.partly else ""
        yield f"tokens not known of {total.untold} of {text.counted(ended, 'attempt')}{part}"
    if total.running:
        yield f"{text.counted(total.running, 'attempt')} not ended, and not counted yet"


def _today(found: Sequence[BudgetToday]) -> Iterator[Grid]:
    if not found:
        return
    rows = []
    for limit, spent in found:
        parts = []
        if limit.money is not None:
            parts.append(f"{'?' if spent.money is None else dollars(spent.money)} of {dollars(limit.money)}")
        if limit.tokens is not None:
            parts.append(f"{'?' if spent.tokens is None else f'{spent.tokens:,}'} of {limit.tokens:,} tokens")
        if limit.time is not None:
            parts.append(f"{hours(spent.time)} of {hours(limit.time)}")
        rows.append((limit.scope, ", ".join(parts), "spent" if limit.reached(spent) else ""))
    yield Grid(("BUDGET TODAY", "SPENT", ""), rows)
