"""The jobs of a clone as one look has them: what each is at and has cost, and what was spent today, by which agent and of which budget.

What is not known of a cost is counted as a gap, and is never 0.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from gitfleet.base import clock, files
from gitfleet.base.text import one_line
from gitfleet.codec import Struct
from gitfleet.errors import FleetError
from gitfleet.fleet.views.cost_rows import BudgetRow, budget_row
from gitfleet.fleet.views.pool_rows import PoolRow, pool_row
from gitfleet.fleet.views.schedule_rows import ScheduleRow, schedule_row
from gitfleet.jobs import asking, job_now, submission
from gitfleet.jobs.archives import everywhere
from gitfleet.jobs.daemon import presence
from gitfleet.jobs.delivery import reports
from gitfleet.jobs.job_now import JobNow
from gitfleet.jobs.money import budgets, spending
from gitfleet.jobs.money.allowance import JOB, SpendLimit
from gitfleet.jobs.money.spending import DaySpending
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.records.store import JobFilter, JobStore
from gitfleet.jobs.schedules import information
from gitfleet.jobs.shared import pausing
from gitfleet.jobs.shared.pausing import PoolState
from gitfleet.jobs.words import JobStatus
from gitfleet.ledger import own_node

if TYPE_CHECKING:
    from gitfleet.fleet.fleet import Fleet
    from gitfleet.jobs.definitions.configuration import Configuration

MOST = 200
"""Jobs that a look lists: all that have not ended, and the newest of the others."""
URGENT = ("asks", "unwatched", "paused", "running")
"""States in the order of a list; what is queued comes after these, and what has ended last."""
_TITLE = 160
_EMPTY = SpendLimit(JOB)


class JobSpending(Struct):
    """What a job has spent so far; None: nothing is known. `gaps`: attempts that are over and of which the dollars are not known.

    `limit`: what it may spend.
    """

    money: float | None = None
    tokens: int | None = None
    time: int = 0
    gaps: int = 0
    limit: SpendLimit = _EMPTY


class JobCard(Struct):
    """A job in a list. `state` is its status, or `asks` (an agent waits for a person), `paused` (its pool is), `unwatched`.

    `why`: why it waits, has failed, or what is left to do; `at` in milliseconds since 1970: when it came to be what it is.
    """

    id: str
    title: str
    agent: str
    schedule: str
    state: str
    outcome: str
    why: str
    asks: str
    attempts: int
    node: str
    session: str
    branch: str
    at: int
    ended: bool
    spent: JobSpending


class AgentSpent(Struct):
    """What the attempts of an agent that began today have spent; `gaps`: as in `JobSpending`."""

    agent: str
    attempts: int
    money: float | None
    gaps: int
    tokens: int | None
    time: int


class JobSources(Struct):
    """Where the jobs of a clone are, and the agent files that hold here: None, and why (`fault`), where there are none to be had."""

    store: JobStore
    known: Configuration | None
    fault: str
    config_path: str


class JobBoard(Struct):
    """See the module. `counts`: how many jobs that are listed are at which state; `more`: ended jobs that are not listed, or 0.

    `manager`: since when somebody runs the jobs here, in milliseconds since 1970; 0: nobody does.
    """

    cards: tuple[JobCard, ...]
    counts: Mapping[str, int]
    more: int
    manager: int
    fault: str
    agents: tuple[AgentSpent, ...]
    budgets: tuple[BudgetRow, ...]
    pools: tuple[PoolRow, ...]
    schedules: tuple[ScheduleRow, ...]


def sources(fleet: Fleet) -> JobSources:
    """The jobs in git's own folder, and the agent files that their manager goes by, else those at the top of the main worktree.

    The files are read again when one of them has changed.
    """
    common = fleet.repository.common_dir
    store = JobStore(own_node.jobs_folder(common))
    there = presence.present(store.folder) if os.path.isdir(store.folder) else None
    path = (
        there.config_path if there and there.config_path else os.path.join(os.path.dirname(common), "agents")
    )
    if not os.path.exists(path):
        return JobSources(store, None, "", path)
    try:
        return JobSources(store, _loaded(path, _stamps(path)), "", path)
    except FleetError as error:
        return JobSources(store, None, error.message, path)


def look(fleet: Fleet, *, most: int = MOST) -> JobBoard:
    """The jobs of this clone, and those of its fleet as last heard of here. No network. Raises NoFleet, Corrupt."""
    here = sources(fleet)
    jobs = everywhere.find(here.store, fleet, JobFilter(limit=most), open_first=True)
    now = job_now.of(here.store, jobs)
    day = DaySpending(spending.path_of(here.store.folder, spending.today()))
    day.read()
    known = here.known
    pools = pausing.known(fleet.ledger, known.agents.values() if known else ())
    held = paused(pools)
    cards = tuple(sorted((card(job, now[job.id], here, day, held) for job in jobs), key=_rank))
    manager = presence.present(here.store.folder) if os.path.isdir(here.store.folder) else None
    ended = sum(here.store.counts().values()) if len(jobs) >= most else 0
    return JobBoard(
        cards,
        Counter(one.state for one in cards),
        max(0, ended - sum(one.ended for one in cards)),
        manager.since if manager else 0,
        here.fault,
        _by_agent(day),
        tuple(budget_row(one) for one in budgets.of_today(here.store, known)) if known else (),
        tuple(pool_row(one, clock.now()) for one in pools),
        tuple(map(schedule_row, information.schedules(here.store.folder, known))) if known else (),
    )


def _rank(one: JobCard) -> int:
    """Those that have not ended first, and of them those that need a person. What is alike stays in its order."""
    return len(URGENT) + 1 if one.ended else URGENT.index(one.state) if one.state in URGENT else len(URGENT)


def paused(pools: Iterable[PoolState]) -> dict[str, str]:
    """The agents of which nothing is started now, since their pool is paused, each with that in words. Pure."""
    return {name: pausing.words(pool.pause) for pool in pools if pool.pause for name in pool.agents}


def card(job: JobRecord, now: JobNow, here: JobSources, day: DaySpending, held: Mapping[str, str]) -> JobCard:
    """One job; `held`: see `paused`."""
    last = job.attempt
    state = state_of(job, now, held=job.agent_name in held)
    why = held[job.agent_name] if state == "paused" else now.waits or reports.concern(job)
    return JobCard(
        job.id,
        title(job),
        job.agent_name,
        job.schedule_name,
        state,
        str(job.outcome or ""),
        one_line(why, 300),
        one_line(now.asks, 300),
        len(job.attempts),
        job.node,
        last.session if last else "",
        last.branch if last else "",
        now.asked_at or job.completed_at or job.started_at or job.created_at,
        job.ended,
        spent(job, here.known, day),
    )


def state_of(job: JobRecord, now: JobNow, *, held: bool = False) -> str:
    """What a job is at, in one word; see `JobCard`. Pure."""
    if now.asked_at or now.phase == asking.NEEDS_INPUT:
        return "asks"
    if now.phase == job_now.UNWATCHED:
        return job_now.UNWATCHED
    if held and job.status in {JobStatus.QUEUED, JobStatus.PENDING}:
        return "paused"
    return str(job.status)


def title(job: JobRecord) -> str:
    """What a job is about, in one line: its task, the first line of its prompt, or its agent's name. Pure."""
    tasks = [one_line(item.title or item.place, _TITLE) for item in job.items]
    said = tasks[0] if tasks else one_line(job.prompt, _TITLE)
    more = f" and {len(tasks) - 1} more" if len(tasks) > 1 else ""
    return (said + more) or f"{one_line(job.agent_name, _TITLE)} {job.schedule_name}".strip()


def spent(job: JobRecord, known: Configuration | None, day: DaySpending) -> JobSpending:
    """What a job has spent, with what its running attempt has told so far, if that began today."""
    prices = budgets.prices(known.fleet) if known else {}
    money: float | None = None
    tokens: int | None = None
    time = gaps = 0
    for attempt in job.attempts:
        if not attempt.number:
            continue  # of another node, which has yet to tell of it
        told = budgets.of_attempt(attempt, prices) if attempt.ended_at else None
        if told is None:
            line = day.find(job.id, attempt.number)
            told = line.spent if line else None
        if told is None:
            continue  # it runs, and has told of nothing yet
        gaps += told.money is None and attempt.ended_at > 0
        money, tokens = spending.together(money, told.money), spending.together(tokens, told.tokens)
        time += told.time
    agent = known.agents.get(job.agent_name) if known else None
    limits = budgets.limits(agent, known.fleet) if agent and known else ()
    limit = next((one for one in limits if one.scope == JOB), _EMPTY)
    return JobSpending(money, tokens, time, gaps, limit)


def of_attempt(
    job: JobRecord, attempt: AttemptRecord, known: Configuration | None, day: DaySpending
) -> JobSpending:
    """The same of one attempt."""
    one = JobRecord(job.id, job.agent_name, job.status, attempts=(attempt,))
    return spent(one, known, day)


def _by_agent(day: DaySpending) -> tuple[AgentSpent, ...]:
    """The dearest first."""
    found: dict[str, AgentSpent] = {}
    for line in day.lines():
        was = found.get(line.agent, AgentSpent(line.agent, 0, None, 0, None, 0))
        found[line.agent] = AgentSpent(
            line.agent,
            was.attempts + 1,
            spending.together(was.money, line.money),
            was.gaps + (line.over and line.money is None),
            spending.together(was.tokens, line.tokens),
            was.time + line.time,
        )
    return tuple(
        sorted(
            found.values(), key=lambda one: (-(one.money or 0.0), -(one.tokens or 0), -one.time, one.agent)
        )
    )


def _stamps(path: str) -> tuple[tuple[str, int], ...]:
    names: Sequence[str] = files.names(path) if os.path.isdir(path) else ()
    every = [path, *(os.path.join(path, name) for name in names)]
    return tuple((one, files.changed_at(one)) for one in every)


@lru_cache(maxsize=8)
def _loaded(path: str, stamps: tuple[tuple[str, int], ...]) -> Configuration:
    del stamps
    return submission.load(path)
