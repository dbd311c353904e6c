"""The merge queue in upkeep: one round of it, where policy makes the maintainer of each clone a runner."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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
    with _renewing(clone):
        queue.processor(clone.gates, Listener(said.append)).work()
    return [f"queue: {line}" for line in said]


@contextmanager
def _renewing(clone: Clone) -> Iterator[None]:
    """A gate may take long, and the next round of upkeep comes after it: live sessions are renewed meanwhile."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(_RENEW_EVERY):
            with suppress(FleetError, OSError):
                renewing.renew_live(clone)

    keeper = threading.Thread(target=renew, name="renewal", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()
