"""The merge queue in upkeep: one round of it, where policy makes the maintainer of each clone a runner."""

from __future__ import annotations

from contextlib import suppress

from gitfleet.base.repeating import repeated
from gitfleet.clone import Clone
from gitfleet.errors import FleetError
from gitfleet.mergequeue.listening import Listener
from gitfleet.mergequeue.service import MergeQueue
from gitfleet.trunk import queue_policy
from gitfleet.upkeep import renewing

_RENEW_EVERY = 300.0


def process(clone: Clone) -> list[str]:
    """Process the queue until nothing more can be done, if policy says so; what came of entries, a line each. Raises the hub's errors."""
    if queue_policy.load(clone.ledger.state).process != "maintainer":
        return []
    said: list[str] = []
    queue = MergeQueue(clone.repository, clone.ledger, lambda: clone.policy)
    with repeated(lambda: _renew(clone), _RENEW_EVERY, "renewal"):
        queue.processor(clone.gates, Listener(said.append)).work()
    return [f"queue: {line}" for line in said]


def _renew(clone: Clone) -> None:
    """A gate may take long, and the next round of upkeep comes after it: live sessions are renewed meanwhile."""
    with suppress(FleetError, OSError):
        renewing.renew_live(clone)
