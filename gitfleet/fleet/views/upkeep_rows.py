"""What a round of upkeep did, as rows."""

from __future__ import annotations

from typing import TypedDict

from gitfleet.base.names import SessionId
from gitfleet.fleet.views import records, worktree_rows
from gitfleet.fleet.views.records import ClaimRecord
from gitfleet.fleet.views.rows import row_of
from gitfleet.fleet.views.worktree_rows import OutcomeRow
from gitfleet.upkeep.round import Round, Step
from gitfleet.worktrees.outcome import summary


class EndedSessionRow(TypedDict):
    """A session that upkeep ended, since its process is gone."""

    session: SessionId
    worktree: str
    released: list[ClaimRecord]
    retained: list[ClaimRecord]
    """What stays with its branches, or with its worktree."""


class StepFailureRow(TypedDict):
    """A step of upkeep that could not be done."""

    step: Step
    message: str
    hint: str


class UpkeepAnswer(TypedDict):
    """`worktree maintain`."""

    dry_run: bool
    outcomes: list[OutcomeRow]
    summary: dict[str, int]
    """How many outcomes there are of each result."""
    ended: list[EndedSessionRow]
    """Sessions whose process is gone; in a dry run, those that would be ended."""
    failures: list[StepFailureRow]
    lost: list[str]
    """What was accepted tentatively and decided against."""
    settled: list[str]
    """What became of branches that retained claims."""
    renewed: list[SessionId]
    """Sessions that are at work, whose leases were renewed."""


class MaintainerRunAnswer(UpkeepAnswer):
    """`maintainer run`. Nothing was done when another run went on."""

    ran: bool
    reason: str
    """Why it did not run."""


def ran(done: Round, reason: str = "") -> MaintainerRunAnswer:
    """What one run did; with a reason why it did not run, nothing."""
    return {**upkeep(done), "ran": not reason, "reason": reason}


def upkeep(done: Round) -> UpkeepAnswer:
    """What one round did."""
    return row_of(
        UpkeepAnswer,
        done,
        outcomes=worktree_rows.outcomes(done.outcomes),
        summary=summary(done.outcomes),
        ended=[
            row_of(
                EndedSessionRow,
                one,
                released=records.claims(one.released),
                retained=records.claims(one.retained),
            )
            for one in done.reaped
        ],
        failures=[row_of(StepFailureRow, one) for one in done.failures],
    )
