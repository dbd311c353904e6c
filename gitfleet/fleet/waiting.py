"""Waiting for the fleet: until its ledger, some claims or a session's messages are others than they were.

What is asked is the state, never an event: so nothing can be missed, and a wait that was cut off is simply begun again.
Files of this clone tell that something may have changed (`base.watching`); the hub has no way to tell, and is asked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from gitfleet.base import clock, files
from gitfleet.base.names import SessionId
from gitfleet.base.watching import Bell
from gitfleet.errors import FleetError
from gitfleet.git import fleetrefs
from gitfleet.sessions.reading import Reading
from gitfleet.trunk import policy_file

if TYPE_CHECKING:
    from gitfleet.claims.model import Claim, Unreadable
    from gitfleet.clone import Clone
    from gitfleet.fleet.fleet import Fleet
    from gitfleet.ledger.ledger import State

_Found = TypeVar("_Found")
LOOK_AGAIN = 30.0
"""Seconds after which one looks again although nothing was told: another machine may share this disk."""
PATIENCE = 10.0


class Waits:
    """The waits of one clone's threads."""

    def __init__(self, fleet: Fleet) -> None:
        self._clone = fleet
        self._guard = Lock()
        self._bells: set[Bell] = set()

    def wait(
        self, until: Callable[[State], _Found | None], timeout: float | None, ask_every: float
    ) -> _Found | None:
        """See `Fleet.wait`."""
        now = clock.elapsed()
        end, ask_at = (float("inf") if timeout is None else now + timeout), now + _about(ask_every)
        trunk: object = None
        with self._bell() as bell:
            while not bell.rung:
                bell.arm(self._places())
                trunk = self._take_rules(trunk)
                found = until(self._clone.current())
                now = clock.elapsed()
                if found is not None or now >= end:
                    return found
                if now >= ask_at and self._clone.ledger.node.hub:
                    self._ask()
                    ask_at = clock.elapsed() + _about(ask_every)
                    continue  # with what that has brought
                bell.wait(max(0.0, min(end, ask_at, now + LOOK_AGAIN) - now))
        return None

    def close(self) -> None:
        """End all waits. The fleet says that it is closed already, so none begins any more."""
        with self._guard:
            for bell in self._bells:
                bell.ring()

    @contextmanager
    def _bell(self) -> Iterator[Bell]:
        with Bell() as bell:
            with self._guard:
                self._bells.add(bell)
                if self._clone.closed:
                    bell.ring()
            try:
                yield bell
            finally:
                with self._guard:
                    self._bells.discard(bell)

    def _places(self) -> list[str]:
        """The folders in which something changes when the ledger, the messages or the trunk do."""
        trunk = [os.path.dirname(path) for path in self._trunk()]
        return [*self._clone.ledger.places(), *trunk]

    def _trunk(self) -> list[str]:
        """The files of the refs that tell where the trunk is."""
        node, common = self._clone.ledger.node, self._clone.repository.common_dir
        names = [f"refs/heads/{node.trunk}"]
        if node.hub:
            names = [fleetrefs.seen_trunk(node.hub), f"refs/remotes/{node.hub}/{node.trunk}"]
        return [os.path.join(common, name) for name in (*names, "packed-refs")]

    def _take_rules(self, before: object) -> object:
        """Compile the trunk's rules where it may have moved since `before`."""
        now = [files.stamp(path) for path in self._trunk()]
        if now != before:
            with suppress(FleetError):  # the rules from before go on; `doctor` tells
                policy_file.refresh(self._clone.repository, self._clone.ledger.node)
        return now

    def _ask(self) -> None:
        """Bring the hub's newest state here; where it is out of reach, or somebody else is at it, the next look may."""
        with suppress(FleetError):
            self._clone.ledger.refresh(PATIENCE)


def newer(after: State) -> Callable[[State], State | None]:
    """Another state than `after`."""
    before = after.tip.oid, after.tentative

    def question(state: State) -> State | None:
        return state if (state.tip.oid, state.tentative) != before else None

    return question


def claims(
    clone: Clone, paths: Sequence[str], after: State
) -> Callable[[State], list[Claim | Unreadable] | None]:
    """The claims that meet `paths`, where they are others than in `after`."""
    before = list(clone.claims.find(after, texts=paths))

    def question(state: State) -> list[Claim | Unreadable] | None:
        found = list(clone.claims.find(state, texts=paths))
        return found if found != before else None

    return question


def messages(clone: Clone, session: SessionId) -> Callable[[State], bool | None]:
    """Whether there is something to read for the session; None while there is not."""
    reading = Reading(clone.ledger.state)

    def question(state: State) -> bool | None:
        return clone.ledger.notices.pending(session) or reading.pending(state.view, session) or None

    return question


def _about(seconds: float) -> float:
    """Not all at the same moment."""
    return seconds * (0.75 + int.from_bytes(os.urandom(1), "big") / 512)
