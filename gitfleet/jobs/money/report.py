"""What jobs have cost, summed up by one thing or another. Pure.

What was not told is counted as not told, and never as 0. Dollars are estimates; each row says by whom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TypeVar

from gitfleet.codec import Struct
from gitfleet.jobs.money import spending, tokens
from gitfleet.jobs.money.tokens import Prices
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord

N = TypeVar("N", int, float)


class CostKey(StrEnum):
    """What costs are summed up by."""

    JOB = "job"
    AGENT = "agent"
    BRANCH = "branch"
    ENTRY = "entry"
    DAY = "day"
    MODEL = "model"


class CostSum(Struct):
    """The cost of all attempts of one `key` ("": it is not known, or there is none).

    `jobs`, `attempts`: how many; `running`: those that have not ended, and of which nothing is counted. `tokens` by the kinds of
    `tokens.KINDS`; `untold`: attempts that told none, `partly`: those that told of a part. `client`, `priced`: dollars by the client's own
    estimate and by the table of prices (None: nothing is known); `uncosted`: attempts of which neither is,
    `partly_priced`: those of which the table knows a part. `time` in milliseconds (None: nothing is known);
    `untimed`: attempts of which it is not, since they were lost.
    """

    key: str
    jobs: int = 0
    attempts: int = 0
    running: int = 0
    tokens: Mapping[str, int] = {}
    untold: int = 0
    partly: int = 0
    client: float | None = None
    priced: float | None = None
    uncosted: int = 0
    time: int | None = None
    untimed: int = 0
    partly_priced: int = 0

    @property
    def money(self) -> float | None:
        """All dollars that are known; None where none are."""
        return spending.together(self.client, self.priced)

    @property
    def lacking(self) -> bool:
        """Whether there is more that is not known: attempts without any, or with a price for a part of their tokens."""
        return bool(self.uncosted or self.partly_priced)


class _Part(Struct):
    """One attempt, or what one model did for it."""

    key: str
    job: str
    running: bool = False
    counts: Mapping[str, int] = {}
    gaps: bool = False
    client: float | None = None
    priced: float | None = None
    time: int | None = None


def sums(
    jobs: Iterable[JobRecord],
    by: CostKey,
    prices: Prices,
    *,
    since: int = 0,
    entry_of: Callable[[AttemptRecord], str] = lambda _: "",
) -> tuple[list[CostSum], CostSum]:
    """The rows, the dearest first (days and jobs: the newest), and all of it in one. Attempts that began before `since` (ms) are left out.

    `entry_of`: the merge queue's entry for an attempt.
    """
    rows: dict[str, list[_Part]] = {}
    whole: list[_Part] = []
    for job in jobs:
        for attempt in job.attempts:
            if not attempt.number or _began(job, attempt) < since:
                continue  # the first: of a job that another node has, and that has yet to tell of it
            own = _part("", job, attempt, prices)
            whole.append(own)
            for part in _of_models(job, attempt, prices) if by is CostKey.MODEL else [own]:
                key = part.key if by is CostKey.MODEL else _key(by, job, attempt, entry_of)
                rows.setdefault(key, []).append(part)
    found = [_summed(key, parts) for key, parts in rows.items()]
    if by in {CostKey.DAY, CostKey.JOB}:
        found.sort(key=lambda row: row.key, reverse=True)
    else:
        found.sort(
            key=lambda row: (-(row.money or 0.0), -sum(row.tokens.values()), -(row.time or 0), row.key)
        )
    return found, _summed("", whole)


def _key(
    by: CostKey, job: JobRecord, attempt: AttemptRecord, entry_of: Callable[[AttemptRecord], str]
) -> str:
    match by:
        case CostKey.JOB:
            return job.id
        case CostKey.AGENT:
            return job.agent_name
        case CostKey.BRANCH:
            return attempt.branch
        case CostKey.ENTRY:
            return entry_of(attempt)
        case _:
            return spending.today(_began(job, attempt) / 1000)


def _began(job: JobRecord, attempt: AttemptRecord) -> int:
    return attempt.started_at or attempt.ended_at or job.started_at or job.created_at


def _part(key: str, job: JobRecord, attempt: AttemptRecord, prices: Prices) -> _Part:
    if not attempt.ended_at:
        return _Part(key, job.id, running=True)
    counts: dict[str, int] = {}
    for told in attempt.usage.models.values():
        for kind, count in tokens.billed(told).items():
            counts[kind] = counts.get(kind, 0) + count
    priced = tokens.priced(attempt.usage, prices) if attempt.cost is None else None
    time = max(0, attempt.ended_at - attempt.started_at) if attempt.started_at else None
    return _Part(key, job.id, False, counts, bool(attempt.usage.gaps), attempt.cost, priced, time)


def _of_models(job: JobRecord, attempt: AttemptRecord, prices: Prices) -> Iterator[_Part]:
    """The parts of an attempt by model. A client's estimate is for all of them together, so it is of use only where there is one."""
    whole = _part("", job, attempt, prices)
    models = attempt.usage.models
    if whole.running or not models:
        yield whole
        return
    for model, told in models.items():
        client = attempt.cost if len(models) == 1 else None
        priced = tokens.of_model(model, told, prices) if client is None else None
        yield _Part(model, job.id, False, tokens.billed(told), whole.gaps, client, priced, whole.time)


def _summed(key: str, parts: Iterable[_Part]) -> CostSum:
    parts = list(parts)
    ended = [part for part in parts if not part.running]
    counts = {
        kind: sum(part.counts[kind] for part in ended if kind in part.counts)
        for kind in tokens.KINDS
        if any(kind in part.counts for part in ended)
    }
    return CostSum(
        key,
        jobs=len({part.job for part in parts}),
        attempts=len(parts),
        running=len(parts) - len(ended),
        tokens=counts,
        untold=sum(not part.counts for part in ended),
        partly=sum(part.gaps and bool(part.counts) for part in ended),
        client=_known(part.client for part in ended),
        priced=_known(part.priced for part in ended),
        uncosted=sum(part.client is None and part.priced is None for part in ended),
        time=_known(part.time for part in ended),
        untimed=sum(part.time is None for part in ended),
        partly_priced=sum(part.gaps and part.priced is not None for part in ended),
    )


def _known(amounts: Iterable[N | None]) -> N | None:
    found = [one for one in amounts if one is not None]
    return sum(found) if found else None
