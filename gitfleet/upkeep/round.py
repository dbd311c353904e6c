"""One round of upkeep of a clone: its worktrees, its dead sessions, its exchange with the hub.

A step that fails is named and keeps no other from running; a worktree that fails is one outcome among others. What each
step does is told in its own module: this one only puts them in a row. Run by people, by the launcher before it starts
something, and by the maintainer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from gitfleet.claims.conflict_text import kept_by
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.git import git_worktrees
from gitfleet.upkeep import deliveries, exchange, forgetting, reaping, renewing, runner, unwatched
from gitfleet.upkeep.maintainer import Options
from gitfleet.upkeep.reaping import Reaped
from gitfleet.worktrees import cleanup
from gitfleet.worktrees.outcome import PARTIAL, Outcome, summary
from gitfleet.worktrees.reconcile_plan import ReconcileTerms
from gitfleet.worktrees.removable import CleanupTerms
from gitfleet.worktrees.service import Selection, Worktrees

Step = Literal[
    "fetch", "reconcile", "sessions", "cleanup", "renewal", "sync", "forget", "jobs", "queue", "metrics"
]


@dataclass(frozen=True, slots=True)
class StepFailure:
    """A step that could not be done, and why."""

    step: Step
    message: str
    hint: str = ""


@dataclass(slots=True)
class Round:
    """What one round did, or with `dry_run` would do. `warnings` are no failures."""

    outcomes: list[Outcome] = field(default_factory=list)
    reaped: list[Reaped] = field(default_factory=list)
    failures: list[StepFailure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    dry_run: bool = False

    @property
    def code(self) -> int:
        """0, or 21 when something has to be looked after."""
        return PARTIAL if self.failures or any(one.failed for one in self.outcomes) else 0

    def words(self) -> list[str]:
        """It all in lines: first what calls for attention."""
        lines = [f"failed: {failure.step}: {failure.message}" for failure in self.failures]
        shown = [one for one in self.outcomes if one.failed] + [
            one for one in self.outcomes if not one.failed
        ]
        lines += [
            f"{one.action}: {one.session}: {one.result}{f' ({one.reason})' if one.reason else ''}"
            for one in shown
        ]
        ended = "would end" if self.dry_run else "ended"
        lines += [
            f"session {one.session} {ended}: its process is gone{_released(one)}" for one in self.reaped
        ]
        counts = ", ".join(f"{count} {result}" for result, count in sorted(summary(self.outcomes).items()))
        lines += [f"lost: {text}" for text in self.lost]
        lines += [*self.settled, *[f"session {name} renewed: it is at work" for name in self.renewed]]
        return [*lines, f"worktrees: {counts or 'none'}"]


def run(
    clone: Clone,
    options: Options,
    *,
    dry_run: bool = False,
    ledger: bool = True,
    processing: bool = False,
) -> Round:
    """One round. Without `ledger` only the worktrees are looked after. Raises nothing that one step does.

    `processing`: the work of jobs is looked after, and the merge queue comes last, where policy has the maintainer process it.

    With `dry_run` nothing is changed, and nothing exchanged with the hub but what a look at it needs.
    """
    done = Round(dry_run=dry_run)
    worktrees = clone.worktrees
    steps: list[tuple[Step, Callable[[], object]]] = [
        ("reconcile", lambda: _reconcile(worktrees, options, done, dry_run=dry_run))
    ]
    if not git_worktrees.linked(clone.repository.git):
        steps.clear()
    if (
        processing and ledger and not dry_run
    ):  # before their sessions are ended, under which their work is committed
        steps.append(("jobs", lambda: done.settled.extend(unwatched.end(clone))))
    if ledger:
        steps.append(("sessions", lambda: _reap(clone, done, dry_run=dry_run)))
    if not options.reconcile_only:
        steps.append(("cleanup", lambda: _clean(worktrees, options, done, dry_run=dry_run)))
    if ledger and not dry_run:
        steps += [
            ("renewal", lambda: done.renewed.extend(renewing.renew_live(clone))),
            ("sync", lambda: _exchange(clone, done)),
        ]
        steps.append(("forget", lambda: forgetting.forget_daily(clone)))
    if processing and ledger and not dry_run:
        steps.append(("jobs", lambda: done.settled.extend(deliveries.look_after(clone))))
        steps.append(("queue", lambda: done.settled.extend(runner.process(clone))))
    for name, step in steps:
        _attempt(name, step, done)
    return done


def _attempt(name: Step, step: Callable[[], object], done: Round) -> None:
    try:
        step()
    except (FleetError, OSError) as error:
        done.failures.append(StepFailure(name, str(error), getattr(error, "hint", "")))


def _reconcile(worktrees: Worktrees, options: Options, done: Round, *, dry_run: bool) -> None:
    wanted = ReconcileTerms(options.strategy, options.include_active, dry_run)
    found = worktrees.reconcile(Selection(everything=True), wanted, base=options.base)
    done.outcomes += found.outcomes
    done.warnings += [f"{broken.path}: {broken.why}" for broken in found.broken]
    done.failures += [
        StepFailure("fetch", f"{base.name} could not be fetched: {base.error}")
        for base in found.bases
        if not base.fresh
    ]


def _clean(worktrees: Worktrees, options: Options, done: Round, *, dry_run: bool) -> None:
    terms = CleanupTerms(
        ttl=options.ttl, include_active=options.include_active,
        delete_branches=options.delete_branches, dry_run=dry_run,
    )  # fmt: skip
    found = cleanup.clean(worktrees, Selection(everything=True), terms, base=options.base)
    done.outcomes += found.outcomes
    done.warnings += found.recovered


def _reap(clone: Clone, done: Round, *, dry_run: bool) -> None:
    for one in reaping.reap(clone, dry_run=dry_run):
        if one.error is None:
            done.reaped.append(one)
        else:
            done.failures.append(
                StepFailure("sessions", f"session {one.session} could not be ended: {one.error.message}")
            )


def _exchange(clone: Clone, done: Round) -> None:
    try:
        found = exchange.sync(clone)
    finally:
        done.lost += exchange.lost(clone)
    done.settled += found.settled
    done.warnings += found.warnings


def _released(one: Reaped) -> str:
    patterns = [claim.pattern for claim in one.released]
    words = f"; released {', '.join(patterns)}" if patterns else ""
    kept = [f"{claim.pattern} is retained by {kept_by(claim.keeper_records)}" for claim in one.retained]
    return words + "".join(f"; {line}" for line in kept)
