"""The page of jobs: what each is at and has cost, schedules, what was spent today, accounts; and one job in a panel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from gitfleet.base.text import counted
from gitfleet.codec import Struct, replace
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import job_board, job_panel
from gitfleet.fleet.views.cost_rows import BudgetRow
from gitfleet.fleet.views.job_board import AgentSpent, JobCard, JobSpending
from gitfleet.fleet.views.job_panel import AttemptLook, JobPanel
from gitfleet.fleet.views.job_tail import TailPiece
from gitfleet.fleet.views.pool_rows import PoolRow
from gitfleet.fleet.views.schedule_rows import ScheduleRow
from gitfleet.jobs.durations import words
from gitfleet.jobs.errors import JobNotFoundError
from gitfleet.jobs.money import spending
from gitfleet.jobs.money.allowance import dollars, hours
from gitfleet.nodes import log_tails
from gitfleet.web.page.page import PageQuery

ASKS = ("id", "attempt")
"""The fields of its address."""
STATES = (
    "asks", "unwatched", "failed", "interrupted", "paused", "running", "queued", "pending", "completed", "cancelled", "skipped",
)  # fmt: skip
"""In the order of chips: what needs a person first."""
_TIGHT = 0.8
"""The share of a budget from which on it is told as running out."""
_LINES = 200
UNKNOWN = "not known"
_SECOND = 1000
_N = TypeVar("_N", int, float)


class CostWords(Struct):
    """What was spent, in words; `share` of what may be (None: there is no limit, or nothing is known); `gap`: what is not known of it."""

    text: str
    share: float | None = None
    tone: str = ""
    gap: str = ""


class JobLine(Struct):
    """A job in the list. `at` in seconds; `step`: the next command, of one that needs a person."""

    key: str
    card: JobCard
    cost: CostWords
    at: int
    step: str


class SpentLine(Struct):
    """What an agent, or all, has spent today; `share` of the most that one has."""

    key: str
    cost: CostWords
    attempts: int
    share: float


class BudgetLine(Struct):
    """A budget of the day."""

    key: str
    cost: CostWords
    reached: bool


class PoolLine(Struct):
    """An account that agents share."""

    key: str
    row: PoolRow


class ScheduleLine(Struct):
    """A schedule: when it fires (`rule`), when next (`due`, in seconds; 0: not), and what came of the last time (`last`: `ran`, `skipped`, "")."""

    key: str
    row: ScheduleRow
    rule: str
    due: int
    last: str
    last_at: int


class AttemptLine(Struct):
    """An attempt in the panel. Times in seconds."""

    key: str
    look: AttemptLook
    cost: CostWords
    took: str


class JobStateCount(Struct):
    """How many jobs that are listed are at a state."""

    state: str
    count: int


class JobsView(Struct):
    """The page. `rows_` are its lists; `panel`: the job that is looked at, `lost`: why there is none of the id that was asked for."""

    total: int
    more: int
    states: tuple[JobStateCount, ...]
    open_: int
    manager: int
    fault: str
    today: CostWords
    jobs: tuple[JobLine, ...]
    schedules: tuple[ScheduleLine, ...]
    spent: tuple[SpentLine, ...]
    budgets: tuple[BudgetLine, ...]
    pools: tuple[PoolLine, ...]
    panel: JobPanel | None
    panel_cost: CostWords
    attempts: tuple[AttemptLine, ...]
    tail: tuple[TailPiece, ...]
    prompt: tuple[str, ...]
    lost: str


def look(fleet: Fleet, asked: PageQuery) -> JobsView:
    """The page as it stands."""
    board = job_board.look(fleet)
    panel, lost = None, ""
    if asked.get("id"):
        number = asked.get("attempt")
        try:
            panel = job_panel.look(fleet, asked.get("id"), attempt=int(number) if number.isdecimal() else 0)
        except JobNotFoundError as error:
            lost = error.message
    counts = board.counts
    return JobsView(
        total=len(board.cards), more=board.more,
        states=tuple(JobStateCount(one, counts[one]) for one in STATES if counts.get(one)),
        open_=sum(not one.ended for one in board.cards),
        manager=board.manager // _SECOND, fault=board.fault, today=_today(board.agents, board.budgets),
        jobs=tuple(map(_line, board.cards)), schedules=tuple(map(_schedule, board.schedules)),
        spent=_spent(board.agents), budgets=tuple(map(_budget, board.budgets)),
        pools=tuple(PoolLine(row["name"], row) for row in board.pools),
        panel=panel, panel_cost=cost_words(panel.card.spent) if panel else CostWords(""),
        attempts=tuple(map(_attempt, panel.attempts)) if panel else (),
        tail=panel.tail if panel else (), prompt=tuple(log_tails.shown(panel.prompt, _LINES)) if panel else (), lost=lost,
    )  # fmt: skip


def cost_words(spent: JobSpending) -> CostWords:
    """What a job has spent, by what its budget limits, else by what is known. Pure."""
    limit = spent.limit
    gap = f"not known of {counted(spent.gaps, 'attempt')}" if spent.gaps else ""
    if limit.money is not None:
        return _of(spent.money, limit.money, dollars, gap)
    if limit.tokens is not None:
        return _of(spent.tokens, limit.tokens, _tokens, gap)
    if limit.time is not None:
        return _of(spent.time, limit.time, hours, "")
    if spent.money is not None:
        return CostWords(dollars(spent.money), gap=gap)
    if spent.tokens is not None:
        return CostWords(_tokens(spent.tokens), gap=gap)
    return CostWords(UNKNOWN if spent.gaps else "")


def _of(amount: _N | None, limit: _N, say: Callable[[_N], str], gap: str) -> CostWords:
    if amount is None:
        return CostWords(f"{UNKNOWN if gap else 'nothing'} of {say(limit)}", 0.0)
    share = min(1.0, amount / limit) if limit else 1.0
    tone = "red" if share >= 1 else "amber" if share >= _TIGHT else ""
    return CostWords(f"{say(amount)} of {say(limit)}", round(share, 3), tone, gap)


def _tokens(count: float) -> str:
    return f"{int(count):,} tokens"


def _line(card: JobCard) -> JobLine:
    cost = cost_words(card.spent)
    if card.ended:  # nothing runs out any more
        cost = replace(cost, tone="")
    return JobLine(
        card.id,
        card,
        cost,
        card.at // _SECOND,
        job_panel.step(card) if card.state == "asks" else "",
    )


def _today(agents: Sequence[AgentSpent], budgets: Sequence[BudgetRow]) -> CostWords:
    """What all have spent today, against the budget of all where there is one."""
    money: float | None = None
    for one in agents:
        money = spending.together(money, one.money)
    gaps = sum(one.gaps for one in agents)
    gap = f"not known of {counted(gaps, 'attempt')}" if gaps else ""
    whole = next((row for row in budgets if row["name"] == spending.FLEET and row["dollars"]), None)
    if whole is not None and whole["dollars"]:
        return _of(money, whole["dollars"], dollars, gap)
    return CostWords("" if money is None else dollars(money), gap=gap)


def _spent(agents: Sequence[AgentSpent]) -> tuple[SpentLine, ...]:
    most = max((one.money or 0.0 for one in agents), default=0.0)
    return tuple(
        SpentLine(
            one.agent,
            cost_words(JobSpending(one.money, one.tokens, one.time, one.gaps)),
            one.attempts,
            round((one.money or 0.0) / most, 3) if most else 0.0,
        )
        for one in agents
    )


def _budget(row: BudgetRow) -> BudgetLine:
    if row["dollars"] is not None:
        cost = _of(row["dollars_spent"], row["dollars"], dollars, "")
    elif row["tokens"] is not None:
        cost = _of(row["tokens_spent"], row["tokens"], _tokens, "")
    else:
        cost = _of(row["time_spent"], row["time"] or 0, hours, "")
    return BudgetLine(row["name"], cost, bool(row["reached"]))


def _schedule(row: ScheduleRow) -> ScheduleLine:
    every = f"{'once, after' if row['once'] else 'every'} {words(row['interval'])}" if row["interval"] else ""
    rule = every or f"{row['cron'] or ''}  {row['timezone']}".strip()
    skipped = row["last_skip"] > row["last_trigger"]
    last = "skipped" if skipped else "ran" if row["last_trigger"] else ""
    at = row["last_skip"] if skipped else row["last_trigger"]
    key = f"{row['agent_name']}/{row['name']}"
    return ScheduleLine(key, row, rule, (row["next_trigger"] or 0) // _SECOND, last, at // _SECOND)


def _attempt(one: AttemptLook) -> AttemptLine:
    took = hours(one.ended - one.started) if one.started and one.ended else ""
    return AttemptLine(one.key, one, cost_words(one.spent), took)
