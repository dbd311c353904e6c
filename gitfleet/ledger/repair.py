"""What to do when the hub's ledger is not the continuation of what this clone has verified.

Nothing is thrown away: whatever is replaced, here or there, is kept under a local ref first, and operations of ours
that a surviving chain does not have go back into the outbox to be decided again.
"""

from __future__ import annotations

from typing import NamedTuple

from gitfleet.errors import Corrupt, FleetError, HubAlarm
from gitfleet.git import fleetrefs, refs
from gitfleet.git.program import Git
from gitfleet.git.remote import Push, Remote, Update, hub_error
from gitfleet.git.trees import Objects
from gitfleet.ledger import commits, replay
from gitfleet.ledger.commits import Tip
from gitfleet.ledger.operations import Registry
from gitfleet.ledger.outbox import Outbox


class Repair(NamedTuple):
    """What a repair did, in words."""

    words: tuple[str, ...]


class Repairer:
    """Mends the hub from this clone, or this clone from the hub. Every method needs the node's lock."""

    def __init__(
        self, *, git: Git, objects: Objects, remote: Remote, outbox: Outbox, kinds: Registry
    ) -> None:
        self._git = git
        self._objects = objects
        self._remote = remote
        self._outbox = outbox
        self._kinds = kinds

    def mend(self, problem: HubAlarm) -> Repair:
        """Mend what `problem` says. Compare-and-swap on both sides; a hub that moved meanwhile is left as it is.

        Raises HubError when the hub refuses or is out of reach; then nothing was changed.
        """
        ours, theirs = problem.verified, problem.found
        if ours is None:
            raise problem
        mine = commits.read(self._objects, ours)
        if theirs is not None:
            other = self._sound(theirs)
            shared = self._meeting(mine, other) if other else None
            if other is not None and shared is not None and shared.oid != other.oid:
                return self._follow(mine, other, shared)
        return self._restore(mine, theirs)

    def _restore(self, mine: Tip, theirs: str | None) -> Repair:
        """Put our verified chain on the hub again, from exactly what is there now."""
        kept: tuple[str, ...] = ()
        if theirs is not None:
            refs.move(self._git, fleetrefs.kept(theirs), new=theirs, old=None)
            kept = (f"what was on the hub is kept here as {fleetrefs.kept(theirs)}",)
        answer = self._remote.push([Update(fleetrefs.COORD, mine.oid, theirs)])
        if answer.outcome is not Push.DONE:
            refused = answer.outcome is Push.REFUSED
            raise hub_error(self._remote.name, answer.output, what="restore", refused=refused)
        words = f"the hub's ledger is restored from the verified state of this clone (generation {mine.generation})"
        return Repair((words, *kept))

    def _follow(self, mine: Tip, other: Tip, shared: Tip) -> Repair:
        """Take the hub's chain, which is sound, and let what only we had be decided again on top of it."""
        there = {
            key for link in self._since(other, shared) for key in commits.transaction(self._objects, link).ids
        }
        again = 0
        for link in self._since(mine, shared):
            for operation in commits.transaction(self._objects, link).operations(link.oid):
                if operation.id not in there:
                    self._outbox.restore(operation)
                    again += 1
        refs.move(self._git, fleetrefs.kept(mine.oid), new=mine.oid, old=None)
        refs.move(self._git, fleetrefs.COORD, new=other.oid, old=mine.oid)
        way = f"(generation {other.generation}), which went another way after generation {shared.generation}"
        return Repair(
            (
                f"this clone follows the hub's chain {way}",
                f"{again} operations that only this clone had are decided again on top of it",
                f"the chain that this clone had is kept as {fleetrefs.kept(mine.oid)}",
            )
        )

    def _sound(self, oid: str) -> Tip | None:
        """The hub's tip if its whole chain verifies, else None."""
        try:
            tip = commits.read(self._objects, oid)
        except FleetError:
            return None
        _, problem = replay.check(self._objects, self._kinds, tip)
        return tip if problem is None else None

    def _meeting(self, one: Tip, other: Tip) -> Tip | None:
        """The newest commit that both chains have."""
        try:
            while one.oid != other.oid:
                if one.generation >= other.generation:
                    one = commits.read(self._objects, one.parent or "")
                else:
                    other = commits.read(self._objects, other.parent or "")
        except Corrupt:
            return None
        return one

    def _since(self, tip: Tip, base: Tip) -> list[Tip]:
        """The commits after `base`, oldest first."""
        found = []
        while tip.oid != base.oid:
            found.append(tip)
            tip = commits.read(self._objects, tip.parent or "")
        return found[::-1]
