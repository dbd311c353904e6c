"""Where the fleet agrees: a remote, or this clone itself when there is none.

Both answer the same three questions: what was the newest agreed state when we last looked, what is it now, and did this
commit become the next one. For a remote see `remote_hub`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gitfleet.base import advice
from gitfleet.errors import Corrupt, NoFleet
from gitfleet.git import fleetrefs, refs
from gitfleet.git.program import TIMEOUT, Git, GitFailed
from gitfleet.git.push_answer import Push, PushAnswer
from gitfleet.git.trees import Objects
from gitfleet.ledger import commits
from gitfleet.ledger.commits import Tip
from gitfleet.ledger.model import Move


class Hub(Protocol):
    """What the leader needs of the place where the fleet agrees. Callers hold the node's lock."""

    name: str

    def fetch(self, beside: Sequence[str] = (), timeout: float = TIMEOUT) -> Tip:
        """The newest agreed state, verified and taken over into our own ref; `timeout` in seconds.

        What the refspecs `beside` it name comes on the same connection.
        """
        ...

    def known(self) -> Tip | None:
        """The state that was verified last, without asking anybody: a guess at the newest, which publishing on it proves.

        None where there is none, or where to fetch costs nothing.
        """
        ...

    def publish(self, tip: Tip, moves: Sequence[Move] = ()) -> PushAnswer:
        """Make `tip` the next state if its parent still is the newest, and move refs with it, each if it still is where it says.

        Atomic; raises only when it certainly did nothing.
        """
        ...


class LocalHub:
    """The clone itself: agreement is `git update-ref` with the old value."""

    name = ""

    def __init__(self, git: Git, objects: Objects) -> None:
        self._git = git
        self._objects = objects

    def fetch(self, beside: Sequence[str] = (), timeout: float = TIMEOUT) -> Tip:
        """The newest agreed state. Raises HubAlarm when the ledger's ref is gone."""
        del beside, timeout
        oid = refs.read(self._git, fleetrefs.COORD).get(fleetrefs.COORD)
        if oid is None:
            raise NoFleet(
                f"This clone has no ledger ({fleetrefs.COORD}).",
                hint=f"Run {advice.INIT} here.",
                path=self._git.git_dir,
            )
        return commits.read(self._objects, oid)

    def known(self) -> Tip | None:
        """None: to look costs as little."""
        return None

    def publish(self, tip: Tip, moves: Sequence[Move] = ()) -> PushAnswer:
        """Move the ref by compare-and-swap, and others in the same transaction of git."""
        changes: dict[str, tuple[str, str]] = {move.ref: (move.new, move.old) for move in moves}
        try:
            if not changes:
                moved = refs.move(self._git, fleetrefs.COORD, new=tip.oid, old=tip.parent)
                return PushAnswer(Push.DONE if moved else Push.LOST, "")
            lost = refs.move_all(self._git, {fleetrefs.COORD: (tip.oid, tip.parent or ""), **changes})
        except GitFailed as error:
            if refs.NO_OBJECT not in error.output:
                raise
            return PushAnswer(Push.BROKEN, error.message)
        if lost is None:
            return PushAnswer(Push.DONE, "")
        said = {ref: Push.LOST if ref in lost else Push.HELD for ref in (fleetrefs.COORD, *changes)}
        return PushAnswer(Push.LOST, "", unsent=bool(lost), refs=said)


def links(objects: Objects, tip: Tip, *, down_to: int) -> list[Tip]:
    """The chain from `tip` back to generation `down_to`, newest first. Raises Corrupt where it is not one.

    Costs one object a generation.
    """
    chain = [tip]
    while chain[-1].generation > down_to:
        last = chain[-1]
        before = commits.read(objects, last.parent or "")
        if before.generation != last.generation - 1:
            raise Corrupt(
                f"Ledger commit {last.oid} does not follow its parent by one generation.", where=last.oid
            )
        chain.append(before)
    return chain


def carriers(objects: Objects, wanted: set[str], tip: Tip, base: str) -> dict[str, Tip]:
    """By operation id, the commits after `base` that carry it. Costs two objects a generation since.

    When `base` cannot be read, everything is looked through; a commit whose transaction cannot be read is none of ours.
    """
    found: dict[str, Tip] = {}
    try:
        oldest = min(commits.read(objects, base).generation, tip.generation)
    except Corrupt:
        oldest = 0
    for link in links(objects, tip, down_to=oldest)[:-1]:
        try:
            ids = commits.transaction(objects, link).ids
        except Corrupt:
            continue
        found |= dict.fromkeys(ids & wanted, link)
    return found
