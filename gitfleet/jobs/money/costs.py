"""What jobs have cost, in this clone and as others have told, with what is left of the budgets of the day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gitfleet.base.text import display
from gitfleet.codec import Struct
from gitfleet.errors import FleetError, UsageError
from gitfleet.jobs.archives import everywhere
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.money import budgets, report
from gitfleet.jobs.money.budgets import BudgetToday
from gitfleet.jobs.money.report import CostKey, CostSum
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.shared.offering import fleet_of, seen
from gitfleet.ledger.model import View
from gitfleet.mergequeue import model, states
from gitfleet.mergequeue.model import QueueEntry


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


class EntryIndex:
    """The entries of a queue, by what attempts know of them: the id that they were delivered as, else their branch, else their session."""

    def __init__(self, entries: Iterable[QueueEntry] = ()) -> None:
        self._by_id: dict[str, QueueEntry] = {}
        self._by_branch: dict[str, QueueEntry] = {}
        self._by_session: dict[str, QueueEntry] = {}
        for entry in sorted(entries, key=lambda one: (one.state == states.LANDED, one.id)):
            self._by_id[entry.id] = entry
            self._by_branch[entry.branch] = entry  # of two the one counts that has landed, else the later
            self._by_session[entry.session] = entry

    @classmethod
    def of(cls, view: View) -> EntryIndex:
        """All entries that the fleet knows of."""
        live = [one for one in model.entries(view) if not isinstance(one, FleetError)]
        return cls([*live, *model.finished(view)])

    def entry_of(self, attempt: AttemptRecord) -> str:
        """The id of the entry; "" where there is none."""
        if attempt.delivery.entry:
            return attempt.delivery.entry
        found = self._by_branch.get(attempt.branch) or self._by_session.get(attempt.session)
        return found.id if found else ""

    def about(self, entry_id: str) -> str:
        """What has become of an entry, with its title; "" for one that is not known here."""
        entry = self._by_id.get(entry_id)
        if entry is None:
            return ""
        how = f"landed as {entry.landed[:12]}" if entry.state == states.LANDED else str(entry.state)
        return f"{how}: {entry.title}" if entry.title else how


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
