"""Upkeep as the facade has it: one round now, and the maintainer that the system runs regularly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitfleet.errors import FleetError
from gitfleet.fleet.telemetry import metrics
from gitfleet.upkeep import round
from gitfleet.upkeep.maintainer import Maintainer, Options
from gitfleet.worktrees import reconcile_plan, validity

if TYPE_CHECKING:
    from gitfleet.clone import Clone
    from gitfleet.upkeep.round import Round


class Upkeep:
    """Upkeep of one clone."""

    def __init__(self, clone: Clone) -> None:
        self._clone = clone

    @property
    def maintainer(self) -> Maintainer:
        """What the system runs regularly: installed, looked at and taken away."""
        return Maintainer(self._clone.repository)

    def run(
        self, options: Options | None = None, *, dry_run: bool = False, processing: bool = False
    ) -> Round:
        """Bring the base in everywhere, clean up, end dead sessions, exchange with the hub: what `worktree maintain` does.

        With `processing` process the merge queue in the end, if policy has the maintainer do it; and write the figures of the fleet,
        if the clone's settings name a file for them.

        Whatever fails is named in the answer, and keeps nothing else from being done. Raises UsageError for options that
        no round could ever follow.
        """
        options = options or Options(reconcile_only=False)
        check(options)
        done = round.run(self._clone, options, dry_run=dry_run, processing=processing)
        if processing and not dry_run:
            try:
                metrics.write_configured(self._clone)
            except (FleetError, OSError) as error:
                done.failures.append(round.StepFailure("metrics", str(error), getattr(error, "hint", "")))
        return done


def check(options: Options) -> None:
    """Raise UsageError for what no run could ever do."""
    reconcile_plan.check_strategy(options.strategy)
    if options.base:
        validity.check_branch(options.base)
