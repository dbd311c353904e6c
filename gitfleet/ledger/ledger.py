"""The ledger of one node: submit operations, read the agreed state.

`submit` is the whole life of a transaction as its caller sees it: leave the operation in the outbox, become leader
or wait for one, and come back with what is true. N callers on a node share one push.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from gitfleet.base import advice, clock, files, statefile
from gitfleet.base.ids import ulid
from gitfleet.base.locks import NodeLock, Wait
from gitfleet.codec import Struct
from gitfleet.errors import FleetError, HubAlarm, LocalStorage, LockHeld, NoFleet, Unverifiable
from gitfleet.git import fleetrefs, refs
from gitfleet.git.program import Git
from gitfleet.git.trees import Objects, Snapshot
from gitfleet.ledger import commits, format
from gitfleet.ledger.commits import Tip
from gitfleet.ledger.contention import Contention
from gitfleet.ledger.hub import Hub, LocalHub
from gitfleet.ledger.leader import Leader
from gitfleet.ledger.model import (
    NO_TIMING,
    NODE,
    Accepted,
    Actor,
    ErrorRecord,
    Operation,
    Result,
    Status,
    Timing,
)
from gitfleet.ledger.notices import Notices
from gitfleet.ledger.operations import A, B, Kind, Registry, unknown_kind
from gitfleet.ledger.outbox import Outbox
from gitfleet.ledger.own_node import Node, state_folder

if TYPE_CHECKING:
    from gitfleet.git.head import Head
    from gitfleet.ledger.news import News

DEADLINE = 30.0


class State(Struct):
    """The agreed state as this clone last verified it, with what is tentative here applied on top.

    `tentative` holds the ids of operations that the hub has not seen, `age` the seconds since it was seen (None:
    this clone is the hub).
    """

    tip: Tip
    view: Snapshot
    tentative: frozenset[str]
    age: int | None


class Ledger:
    """One node's access to the fleet's ledger. Cheap to make; opens nothing until it is used."""

    def __init__(
        self, *, common_dir: str, git: Git, objects: Objects, node: Node, kinds: Registry,
        announce: Callable[[str], None] | None = None, patience: float | None = None,
    ) -> None:  # fmt: skip
        self._git = git
        self._kinds = kinds
        self._announce = announce
        self.objects = objects
        self.node = node
        self.state = state_folder(common_dir)
        self.lock = NodeLock(os.path.join(self.state, "lock"))
        self.outbox = Outbox(self.state, kinds)
        self.notices = Notices(self.state)
        self.hub: Hub = LocalHub(git, objects)
        if node.hub:
            from gitfleet.git.remote import Remote  # nothing of hubs is loaded where there is none
            from gitfleet.ledger.remote_hub import RemoteHub

            remote = Remote(git, node.hub, node.push, patience=patience)
            self.hub = RemoteHub(
                git, objects, remote, self.news, trunk=lambda: self.node.trunk, heard=self.hear
            )
        self.head: Head | None = None
        """What the hub's HEAD was at the last exchange of this process; None while that was not told."""
        self.follow: Callable[[Head], None] = lambda _: None
        """What is done about it, under the node's lock."""
        self.timing: Callable[[], Timing] = lambda: NO_TIMING
        """What this node tells of the moment of each of its operations."""
        self._seen = os.path.join(self.state, "seen")
        self._alarm = os.path.join(self.state, "alarm.json")

    @cached_property
    def news(self) -> News:
        """What is remembered of what the hub showed."""
        from gitfleet.ledger.news import News  # nothing of hubs is loaded where there is none

        return News(self.state, self._git, self.node.hub)

    def submit(self, operations: Sequence[Operation], *, timeout: float = DEADLINE) -> list[Result]:
        """Have `operations` decided, in order, and answer one result each.

        A result is confirmed, tentative, refused or failed; it never guesses. Every operation is decided
        for itself (one operation is all or nothing). Runs of many processes at once share transactions. Raises
        LockHeld when another process keeps the lock too long (operations that it had not taken are withdrawn), and
        LocalStorage when there is no room for the outbox.
        """
        results = {
            operation.id: Result(operation.id, Status.REFUSED, error=unknown_kind(operation))
            for operation in operations
            if operation.kind not in self._kinds
        }
        self._leave([operation for operation in operations if operation.id not in results])
        wait = Wait(self.lock, timeout, self._announce)
        deadline = clock.elapsed() + timeout
        while missing := [operation for operation in operations if operation.id not in results]:
            if self.lock.acquire():
                try:
                    results |= self._lead(missing, deadline)
                finally:
                    self.lock.release()
                if len(results) < len(operations) and clock.elapsed() > deadline:
                    raise _undecided(timeout)
                continue
            for operation in missing:
                result = self.outbox.result(operation)
                if result is not None:
                    results[operation.id] = result
            if len(results) < len(operations):
                results |= self._turn(wait, missing)
        return [results[operation.id] for operation in operations]

    def request(
        self, kind: Kind[B, A], actor: Actor, body: B, *, heard: Sequence[str] = (), timeout: float = DEADLINE
    ) -> A:
        """Make one operation of `actor` and submit it; its answer, with how far it has come. Raises what its decision raises."""
        result = self.submit([self.operation(kind, actor, body, heard=heard)], timeout=timeout)[0]
        return result.answered(kind.answer)

    def operation(self, kind: Kind[B, A], actor: Actor, body: B, *, heard: Sequence[str] = ()) -> Operation:
        """A new operation of this node, of this moment."""
        return Operation(
            kind.name, ulid(), self.node.id, actor, clock.now(), body.encode(), ulid(), self.timing(), tuple(heard)
        )  # fmt: skip

    @property
    def itself(self) -> Actor:
        """The node of this clone, as it acts for itself."""
        return Actor(NODE, self.node.id)

    def sync(self, *beside: str) -> Tip:
        """Bring what waits to the hub, and the hub's newest state here, and what the refspecs `beside` it name.

        Raises the hub's errors, also when it could only be read.
        """
        self.outbox.prepare()
        with self.lock.held(DEADLINE, self._announce):
            leader = self._leader()
            try:
                tip = leader.reconcile(beside)
                self._saw_hub()
                leader.turn(clock.elapsed() + DEADLINE)
                self.outbox.sweep()
                if leader.trouble is not None:
                    raise leader.trouble
            except HubAlarm as error:
                self._remember(error)
                raise
            return self.tip() or tip

    def refresh(self, patience: float) -> None:
        """Bring the hub's newest state here; nothing that waits here is brought there.

        Takes at most `patience` seconds for the lock, and as many for the hub. Raises LockHeld, and the hub's errors.
        """
        if not self.node.hub:
            return
        with self.lock.held(patience):
            try:
                self.hub.fetch(timeout=patience)
            except HubAlarm as error:
                self._remember(error)
                raise
            self._saw_hub()

    def current(self) -> State:
        """The agreed state as last verified here. Needs no lock and no network. Raises NoFleet, NewerFormat, Corrupt."""
        tip = self.tip()
        if tip is None:
            raise NoFleet(
                "This clone has no ledger yet.", hint=f"Run {advice.INIT} here.", path=self._git.git_dir
            )
        view = Snapshot(self.objects, tip.tree)
        format.check(view)
        tentative = set()
        for operation in self.outbox.tentative():
            if isinstance(self._kinds.apply(view, operation, tip.generation + 1), Accepted):
                tentative.add(operation.id)
        return State(tip, view, frozenset(tentative), self.age())

    def tip(self) -> Tip | None:
        """The newest ledger commit verified here. Raises PermissionError where this user may not read it."""
        oid = refs.read(self._git, fleetrefs.COORD).get(fleetrefs.COORD)
        if oid is None:
            refs.demand_open(self._git, fleetrefs.COORD)
        return commits.read(self.objects, oid) if oid else None

    def places(self) -> list[str]:
        """The folders in which something changes when `current` does, or when a session has something to hear."""
        of_refs = [os.path.dirname(fleetrefs.COORD), "reftable"]
        tentative = os.path.join(self.state, "outbox", "tentative")
        return [
            self._git.git_dir,
            *(os.path.join(self._git.git_dir, name) for name in of_refs),
            tentative,
            *self.notices.places(),
        ]

    def age(self) -> int | None:
        """Seconds since the hub was last seen; None when this clone is the hub, or it was never seen."""
        if not self.node.hub:
            return None
        try:
            return max(0, clock.now() - int(os.stat(self._seen).st_mtime))
        except FileNotFoundError:
            return None

    def alarm(self) -> FleetError | None:
        """The alarm that the last look at the hub ended with, if it did; None after any that went well."""
        found = statefile.load(ErrorRecord, self._alarm)
        return found.error if found else None

    def hear(self, head: Head | None) -> None:
        """Take in what the hub has said of its HEAD. Callers hold the node's lock."""
        if head is not None:
            self.head = head
            self.follow(head)

    def close(self) -> None:
        """Let go of processes."""
        self.objects.close()

    def _leave(self, operations: Sequence[Operation]) -> None:
        """Leave all of `operations`, or none."""
        self.outbox.prepare()
        try:
            for operation in operations:
                self.outbox.leave(operation)
        except LocalStorage:
            for operation in operations:
                self.outbox.withdraw(operation)
            raise

    def _lead(self, missing: Sequence[Operation], deadline: float) -> dict[str, Result]:
        """Our turn with the lock. Whatever a leader before us left or told is respected."""
        found = {operation.id: self.outbox.result(operation) for operation in missing}
        results = {key: result for key, result in found.items() if result is not None}
        for operation in missing:
            if operation.id not in results and not self.outbox.holds(operation):
                self.outbox.leave(operation)  # a leader crashed after letting a refused operation go
        if len(results) == len(missing):
            return results
        leader = self._leader()
        leader.turn(deadline, own=[operation.id for operation in missing])
        with suppress(LocalStorage):  # what was decided is true also where there is no room to note this
            self._learn(leader)
            self.outbox.sweep()
        for operation in missing:
            if operation.id in leader.results:
                self.outbox.result(operation)
                results[operation.id] = leader.results[operation.id]
        return results

    def _leader(self) -> Leader:
        return Leader(
            git=self._git, objects=self.objects, hub=self.hub, outbox=self.outbox, notices=self.notices,
            contention=Contention(*(os.path.join(self.state, name) for name in ("contended", "others", "seen"))), kinds=self._kinds, node=self.node.id,
        )  # fmt: skip

    def _turn(self, wait: Wait, missing: Sequence[Operation]) -> dict[str, Result]:
        """Wait a little. At the end of our patience: take back what nobody has in hand; answers results that just came."""
        try:
            wait.turn()
        except LockHeld as error:
            taken = [operation for operation in missing if not self.outbox.withdraw(operation)]
            late = {operation.id: result for operation in taken if (result := self.outbox.result(operation))}
            if len(late) == len(missing):
                return late
            if taken:
                words = f"{error.message} That process has this request, and may still carry it out."
                raise error.again(words) from error
            raise
        return {}

    def _learn(self, leader: Leader) -> None:
        """Keep what a turn has shown of the hub."""
        if isinstance(leader.trouble, HubAlarm):
            self._remember(leader.trouble)
        elif leader.met and leader.trouble is None:
            self._saw_hub()

    def _remember(self, alarm: HubAlarm) -> None:
        statefile.save(self._alarm, ErrorRecord.of(alarm))

    def _saw_hub(self) -> None:
        if self.node.hub:
            files.remove(self._alarm)
            files.touch(self._seen)


def _undecided(timeout: float) -> Unverifiable:
    return Unverifiable(
        f"This request was not decided within {timeout:.0f} s. It waits in this clone's outbox.",
        hint=f"{advice.SYNC} gets it decided; {advice.CLAIMS} then shows the outcome.",
    )
