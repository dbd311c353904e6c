"""What the other nodes of the fleet have spent today, put into this clone's file of the day: so budgets of the day are the whole fleet's.

It is as they tell of jobs that have ended, and costs one fetch a minute, only while something waits and a budget of the day holds. Without the hub
it is what was last heard. Anything may be in what they tell: a line that makes no sense is passed over when the file is read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import takewhile

from gitfleet.base import clock, files
from gitfleet.clone import Clone
from gitfleet.errors import Corrupt, FleetError
from gitfleet.git import fleetrefs, refs
from gitfleet.git.remote import Remote
from gitfleet.jobs.archives import archived_job
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.money import budgets, spending
from gitfleet.jobs.money.allowance import JOB
from gitfleet.jobs.money.spending import DaySpending, SpendingLine
from gitfleet.jobs.records import job_ids
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.shared.offering import fleet_of
from gitfleet.nodes.jobs_seen import JobsSeen

EVERY = 60.0
"""Seconds between two looks at the hub."""
_PATIENCE, _LOCK = 10.0, 5.0
_BACK = 3 * 86_400_000
"""Milliseconds that a job may be older than its attempts of today."""


class OthersSpending:
    """`near`: a folder in the clone. For one thread at a time."""

    def __init__(
        self, store: JobStore, near: str, configuration: Callable[[], Configuration], log: logging.Logger
    ) -> None:
        self._store, self._near, self._configuration, self._log = store, near, configuration, log
        self._looked, self._seen, self._day = -EVERY, dict[str, str](), ""

    def refresh(self) -> None:
        """Write down what is new, at most once a minute. Raises nothing: what could not be heard of is heard of later."""
        known = self._configuration()
        if clock.elapsed() - self._looked < EVERY or not _limited(known):
            return
        self._looked = clock.elapsed()
        try:
            with fleet_of(self._near) as clone:
                if clone is not None and clone.ledger.node.hub:
                    self._look(clone, known)
        except (FleetError, OSError) as error:
            self._log.warning("what other nodes have spent is not known: %s", error)

    def _look(self, clone: Clone, known: Configuration) -> None:
        git, node = clone.repository.git, clone.ledger.node
        place = fleetrefs.seen_jobs(node.hub)
        with suppress(FleetError), clone.ledger.lock.held(_LOCK):
            Remote(git, node.hub, node.push).fetch(f"+{fleetrefs.JOBS}*:{place}*", timeout=_PATIENCE)
        seen, today = refs.read(git, place), spending.today()
        if (seen, today) == (self._seen, self._day):
            return
        path = spending.path_of(self._store.folder, today)
        day = DaySpending(path)
        day.read()
        with JobsSeen(clone.repository, clone.ledger) as others, files.storage(path):
            for line in _lines(others, known, today):
                if day.find(line.job, line.attempt) != line:
                    spending.append(path, line)
        self._seen, self._day = dict(seen), today


def _limited(known: Configuration) -> bool:
    """Whether any budget is of the day."""
    return any(
        limit.scope != JOB for agent in known.agents.values() for limit in budgets.limits(agent, known.fleet)
    )


def _lines(others: JobsSeen, known: Configuration, today: str) -> Iterator[SpendingLine]:
    """What each attempt of today has spent, by the prices and the names of this clone's files."""
    table, oldest = budgets.prices(known.fleet), clock.milliseconds() - _BACK
    ids = (one for one in others.newest() if job_ids.is_id(one.id))
    for one in takewhile(lambda one: job_ids.made_at(one.id) >= oldest, ids):
        try:
            data = others.record(one)
            if data is None:
                continue
            job = archived_job.load(data, one.id, one.node).job
        except Corrupt:
            continue
        for attempt in job.attempts:
            if attempt.ended_at and spending.today(attempt.started_at / 1000) == today:
                yield _line(job, attempt, one.node, known, table)


def _line(
    job: JobRecord,
    attempt: AttemptRecord,
    node: str,
    known: Configuration,
    table: Mapping[str, Mapping[str, float]],
) -> SpendingLine:
    agent = known.agents.get(job.agent_name)
    pays = budgets.payers(agent, known.fleet) if agent else ()
    spent = budgets.of_attempt(attempt, table)
    most = max(0, clock.milliseconds() - attempt.started_at)  # their clocks may be anything
    return SpendingLine(
        f"{job.id}@{node}", attempt.number, job.agent_name, pays,
        spent.money, spent.tokens, min(spent.time, most), over=True,
    )  # fmt: skip
