"""What jobs have cost, in this clone and as others have told, with what is left of the budgets of the day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gitfleet.base.text import display
from gitfleet.codec import Struct
from gitfleet.errors import UsageError
from gitfleet.jobs.archives import everywhere
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.money import budgets, report
from gitfleet.jobs.money.budgets import BudgetToday
from gitfleet.jobs.money.entries import EntryIndex
from gitfleet.jobs.money.report import CostKey, CostSum
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.shared.offering import fleet_of, seen


class CostReport(Struct):
    """Costs summed up `by` one thing, of attempts since `since` (milliseconds since 1970; 0: all that are kept); see `report.sums`.

    `about`: what there is to say of a row, by its key. `budgets`: those of the day, with what was spent of each.
    """

    by: CostKey
    since: int
    rows: tuple[CostSum, ...]
    total: CostSum
    about: Mapping[str, str]
    budgets: tuple[BudgetToday, ...]


def costs(
    store: JobStore, near: str, known: Configuration | None, *, by: str = CostKey.AGENT, since: int = 0
) -> CostReport:
    """The costs of the jobs of the clone at `near`, and of those of its fleet; `known` has the prices and the budgets. Raises UsageError."""
    if by not in set(CostKey):
        raise UsageError(
            f"Costs cannot be summed up by '{display(by[:40])}'.", hint=f"One of {', '.join(CostKey)}."
        )
    key = CostKey(by)
    prices = budgets.prices(known.fleet) if known else {}
    with fleet_of(near) as clone:
        jobs = everywhere.find(store, clone, JobFilter())
        view = seen(clone) if key is CostKey.ENTRY else None
        index = EntryIndex.of(view) if view else EntryIndex()
    rows, total = report.sums(jobs, key, prices, since=since, entry_of=index.entry_of)
    about = {row.key: _about(key, row.key, index, jobs) for row in rows}
    today = budgets.of_today(store, known) if known else []
    return CostReport(key, since, tuple(rows), total, about, tuple(today))


def _about(key: CostKey, name: str, index: EntryIndex, jobs: Iterable[JobRecord]) -> str:
    if key is CostKey.ENTRY:
        return index.about(name)
    if key is CostKey.JOB:
        job = next(one for one in jobs if one.id == name)
        return f"{job.agent_name}, {job.status}"
    return ""
