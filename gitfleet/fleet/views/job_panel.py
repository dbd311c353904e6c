"""One job with all that is known of it: its attempts and what each has cost, what became of its work, and the end of what its agent wrote."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gitfleet.base import advice
from gitfleet.base.text import display
from gitfleet.codec import Struct
from gitfleet.fleet.views import job_board, job_tail
from gitfleet.fleet.views.job_board import JobCard, JobSources, JobSpending
from gitfleet.fleet.views.job_tail import TailPiece
from gitfleet.jobs import job_now
from gitfleet.jobs.archives import everywhere
from gitfleet.jobs.attempts import answering
from gitfleet.jobs.delivery import reports
from gitfleet.jobs.money import spending, tokens
from gitfleet.jobs.money.spending import DaySpending
from gitfleet.jobs.records.job_record import AttemptRecord, JobRecord
from gitfleet.jobs.shared import pausing
from gitfleet.jobs.shepherd import control

if TYPE_CHECKING:
    from gitfleet.fleet.fleet import Fleet

AGAIN = frozenset(["failed", "interrupted", "cancelled"])
"""States of which a job can be had once more."""


class AttemptLook(Struct):
    """One attempt. Times in milliseconds since 1970, 0: not yet. `counts`: tokens by kind, `gaps`: what its client did not tell.

    `lines`: what became of its work, and what else there is to say of it.
    """

    key: str
    number: int
    outcome: str
    why: str
    error: str
    started: int
    ended: int
    session: str
    worktree: str
    branch: str
    commit: str
    spent: JobSpending
    counts: tuple[tuple[str, int], ...]
    gaps: tuple[str, ...]
    lines: tuple[str, ...]
    said: str


class JobQuestion(Struct):
    """What an agent wants to know."""

    id: str
    text: str


class JobPanel(Struct):
    """See the module. `missing`: why there is nothing of its agent's output to be had here. `step`: what is to be done, as `advice` names it.

    `attempt` is the one whose output is shown, 0: none.
    """

    card: JobCard
    prompt: str
    priority: int
    created: int
    started: int
    completed: int
    planned: int
    not_before: int
    forked_from: str
    again_of: str
    tasks: tuple[str, ...]
    attempts: tuple[AttemptLook, ...]
    questions: tuple[JobQuestion, ...]
    attempt: int
    tail: tuple[TailPiece, ...]
    missing: str
    step: str


def look(fleet: Fleet, job_id: str, *, attempt: int = 0) -> JobPanel:
    """A job of this clone or of its fleet, as last heard of here, with the output of an attempt (0: the last). No network.

    Raises JobNotFoundError, NoFleet, Corrupt.
    """
    here = job_board.sources(fleet)
    job = everywhere.get(here.store, fleet, job_id)
    now = job_now.of(here.store, [job])[job.id]
    day = DaySpending(spending.path_of(here.store.folder, spending.today()))
    day.read()
    agents = here.known.agents.values() if here.known else ()
    card = job_board.card(job, now, here, day, job_board.paused(pausing.known(fleet.ledger, agents)))
    own = here.store.has(job.id) and not job.node
    numbers = [one.number for one in job.attempts if one.number]
    shown = (attempt if attempt in numbers else numbers[-1]) if own and numbers else 0
    asked = answering.questions(here.store, job) if own and card.state == "asks" else {}
    return JobPanel(
        card=card, prompt=job.prompt, priority=job.priority, created=job.created_at, started=job.started_at,
        completed=job.completed_at, planned=job.planned_at, not_before=job.not_before, forked_from=job.forked_from,
        again_of=job.back.job, tasks=tuple(_task(one.type, one.place, one.title) for one in job.items),
        attempts=tuple(_attempt(job, one, here, day) for one in reversed(job.attempts)),
        questions=tuple(JobQuestion(one, asked[one]) for one in asked), attempt=shown,
        tail=job_tail.end(here.store, job.id, shown) if shown else (),
        missing="" if shown else _missing(job, own=own), step=step(card),
    )  # fmt: skip


def _attempt(job: JobRecord, one: AttemptRecord, here: JobSources, day: DaySpending) -> AttemptLook:
    counts = Counter[str]()
    for told in one.usage.models.values():
        counts.update(tokens.billed(told))
    lines = [*reports.lines(one.delivery), *one.notes, *([one.kept] if one.kept else [])]
    return AttemptLook(
        key=str(one.number), number=one.number, outcome=str(one.outcome or ""), why=one.why, error=one.error,
        started=one.started_at or _begun(job, one, here), ended=one.ended_at, session=one.session, worktree=one.worktree, branch=one.branch,
        commit=one.commit if one.commit != one.base else "",
        spent=job_board.of_attempt(job, one, here.known, day),
        counts=tuple((kind, counts[kind]) for kind in tokens.KINDS if kind in counts),
        gaps=tuple(one.usage.gaps), lines=tuple(lines), said=one.text,
    )  # fmt: skip


def _begun(job: JobRecord, one: AttemptRecord, here: JobSources) -> int:
    """When an attempt began that is not over, as its shepherd wrote it down; 0: it has not, or that is not known here."""
    if one.ended_at or not one.number:
        return 0
    state = control.state(here.store.attempt_place(job.id, one.number))
    return state.started if state else 0


def _task(kind: str, place: str, title: str) -> str:
    return f"{kind} {place}" + (f": {title}" if title and title != place else "")


def _missing(job: JobRecord, *, own: bool) -> str:
    if own:
        return "It has not begun, so nothing was written."
    if job.offered:
        return "Any node of the fleet may take it, and none has."
    if job.ended:
        return f"It ran at node {display(job.node)}; what its agent wrote is asked of the hub by the command below."
    return f"It runs at node {display(job.node)}: what its agent writes is known there, and elsewhere once it has ended."


def step(card: JobCard) -> str:
    """What is to be done with a job, as `advice` names it; "" for nothing."""
    if card.state == "asks":
        return advice.JOB_ANSWER.of(card.id)
    if card.state in AGAIN:
        return advice.JOB_RETRY.of(card.id)
    if card.state == "queued" and not card.node and "nobody runs jobs" in card.why:
        return advice.JOBS_START
    return advice.JOB_LOGS.of(card.id) if card.node and card.ended else ""
