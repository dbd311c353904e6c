"""What an agent's hooks claimed during a turn, and what of it came to nothing.

A claim is made before the edit is; then the client may refuse it (its sandbox, its user), or the patch may not fit. So at the
end of the turn the claims on files that are as they were are released. A turn whose end was not told ends with the next.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from gitfleet.base import files, statefile
from gitfleet.base.names import SessionId
from gitfleet.clients import acting
from gitfleet.codec import TEXT, Many, One, Struct, field
from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet

FOLDER = "turns"
ABSENT = "-"


class TurnClaim(Struct):
    """A file that was claimed for an edit: its worktree, its path there, and what it looked like then."""

    top: str = field(TEXT)
    path: str = field(TEXT)
    stamp: str = field(TEXT)


class Turn(Struct):
    """What is noted of the last turn in which something was claimed."""

    turn: str = field(TEXT, default="")
    claimed: tuple[TurnClaim, ...] = field(Many(One(TurnClaim)), default=())


class Turns:
    """The turns of one client's own session; `node_state` is its node's folder."""

    def __init__(self, node_state: str, client: str, own: str) -> None:
        note = acting.path(node_state, client, own)
        self._root = os.path.join(node_state, FOLDER)
        self._path = os.path.join(self._root, os.path.basename(note)) if note else ""

    def add(self, turn: str, top: str, paths: Sequence[str]) -> None:
        """Note files that are about to be claimed in `turn`, as they are now."""
        if not self._path:
            return
        new = [TurnClaim(top, path, stamp(top, path)) for path in paths]
        kept = [one for one in self._read().claimed if one.top != top or one.path not in paths]
        files.folder(self._root)
        statefile.save(self._path, Turn(turn, (*kept, *new)), durable=False)

    def other_than(self, turn: str) -> bool:
        """Whether something is noted of a turn that is not this one."""
        noted = self._read()
        return bool(noted.claimed) and noted.turn != turn

    def settle(self, fleet: Fleet, session: SessionId) -> list[str]:
        """Release what was claimed for edits that did not come to be, and forget the turn. Raises the hub's errors.

        The paths that were released; a file that was changed in whatever way since keeps its claim.
        """
        same = [one.path for one in self._read().claimed if stamp(one.top, one.path) == one.stamp]
        if same:
            from gitfleet.githooks import refusal  # 2 ms of a first hook

            fleet.claims.release(session, [refusal.claimable(path) for path in same])
        self.forget()
        return same

    def forget(self) -> None:
        """Let go of what is noted."""
        if self._path:
            files.remove(self._path)

    def _read(self) -> Turn:
        return (statefile.load(Turn, self._path) if self._path else None) or Turn()


def stamp(top: str, path: str) -> str:
    """What tells a file from what it becomes by any edit, or by none."""
    found = files.stamp(os.path.join(top, path), follow=False)
    return ABSENT if found is None else " ".join(map(str, found))


def settle_before(fleet: Fleet, turns: Turns, turn: str, session: SessionId) -> None:
    """Settle an earlier turn whose end nobody told, before this one's first claim; what fails stays noted for later."""
    if turns.other_than(turn):
        try:
            turns.settle(fleet, session)
        except FleetError:
            return
