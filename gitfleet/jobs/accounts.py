"""What a FleetManager tells, and can be told, of accounts and money: pools and their pauses, and what jobs have cost.

None of it needs the manager to run, and the queries need no event loop.
"""

from __future__ import annotations

import asyncio

from gitfleet.base import clock
from gitfleet.clone import Clone
from gitfleet.errors import UsageError
from gitfleet.jobs.durations import milliseconds
from gitfleet.jobs.money import costs
from gitfleet.jobs.money.costs import CostReport
from gitfleet.jobs.money.report import CostKey
from gitfleet.jobs.queries import FleetQueries
from gitfleet.jobs.shared import pausing
from gitfleet.jobs.shared.pausing import PoolState


class FleetAccounts(FleetQueries):
    """Pools are the whole fleet's: each method about them raises NoFleet where there is none."""

    def get_pools(self) -> list[PoolState]:
        """The pools that agents here belong to, and all that are paused, as last heard of. Raises InvalidStateError before `initialize`."""
        agents = self._known("get_pools").agents.values()
        with Clone.open(self._near) as clone:
            return pausing.known(clone.ledger, agents)

    def get_pool(self, name: str) -> PoolState:
        """One of them. Raises UsageError, InvalidStateError."""
        return pausing.one_of(self.get_pools(), name)

    async def pause_pool(
        self, name: str, *, duration: int | str | None = None, until: int = 0, reason: str = ""
    ) -> PoolState:
        """Stop all nodes from starting jobs of a pool: for a `duration`, `until` a time (milliseconds since 1970), or until it is resumed.

        What runs goes on. While the hub is away, the other nodes hear of it later. Raises UsageError, PolicyRefused, HubError.
        """
        if duration is not None and until:
            raise UsageError("`duration` and `until` exclude each other.", hint="Leave one of them out.")
        try:
            end = until if duration is None else clock.milliseconds() + milliseconds(duration)
        except ValueError as error:
            raise UsageError(f"`duration`: {error}.", hint="Such as 2h.") from error
        return await asyncio.to_thread(self._pause, pausing.named(name), -(-end // 1000), reason)

    async def resume_pool(self, name: str) -> PoolState:
        """Let jobs of a pool be started again, on all nodes. Harmless for one that is not paused. Raises UsageError, HubError."""
        return await asyncio.to_thread(self._resume, pausing.named(name))

    def get_costs(self, by: str = CostKey.AGENT, *, since: int | str = 0) -> CostReport:
        """What jobs used and cost, by `job`, `agent`, `branch`, `entry`, `day` or `model`; of attempts since a time (milliseconds since 1970),
        or of the last `2d`, `12h`, …

        Raises UsageError, and InvalidStateError before `initialize`.
        """
        try:
            start = since if isinstance(since, int) else clock.milliseconds() - milliseconds(since)
        except ValueError as error:
            raise UsageError(f"`since`: {error}.", hint="Such as 2d.") from error
        return costs.costs(self.store, self._near, self._known("get_costs"), by=by, since=start)

    def _pause(self, name: str, until: int, reason: str) -> PoolState:
        with Clone.open(self._near) as clone:
            pausing.pause(clone.ledger, name, until, reason)
        return self._pool(name)

    def _resume(self, name: str) -> PoolState:
        with Clone.open(self._near) as clone:
            pausing.resume(clone.ledger, name)
        return self._pool(name)

    def _pool(self, name: str) -> PoolState:
        found = {one.name: one for one in self.get_pools()}
        return found.get(name, PoolState(name))
