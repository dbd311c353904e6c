"""What git said of managed worktrees at the last round, where nothing was begun in them and nothing has changed since.

For a first look at many, of which few need anything: whoever then changes one looks at it anew. Of changed files it says nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress

from gitfleet.base import clock, statefile
from gitfleet.codec import TEXT, WHOLE, One, Struct, Table, field
from gitfleet.errors import FleetError
from gitfleet.git import checkout, git_worktrees
from gitfleet.git.checkout import CheckoutState
from gitfleet.nodes import checkout_signs

Place = tuple[str, str]
"""A worktree's path and its git directory."""


class QuietWorktree(Struct):
    """A worktree in which nothing is begun, staged or in conflict: its branch ("" when detached) and HEAD, a digest of what tells
    that it has changed, and when git was asked, in seconds since 1970.
    """

    signs: str = field(TEXT)
    at: int = field(WHOLE)
    branch: str = field(TEXT)
    head: str = field(TEXT)


class QuietNotes(Struct):
    """Those of a clone, by the paths of their git directories."""

    worktrees: Mapping[str, QuietWorktree] = field(Table(One(QuietWorktree)), default={})


class QuietLooks:
    """Looks at managed worktrees of one clone. A note that cannot be read or kept costs the processes that it would have saved."""

    def __init__(self, state: str) -> None:
        self._path = os.path.join(state, "worktrees", "looked.json")

    def look(self, places: Sequence[Place]) -> dict[Place, CheckoutState]:
        """The state of each, as `checkout.look` has it, but for changed and untracked files where git need not be asked."""
        at, notes = clock.now(), self._noted()
        signs = {place: checkout_signs.look(*place) for place in places}
        quiet = {
            place: note
            for place in places
            if (note := notes.get(place[1])) and signs[place].hold(note.signs, at - note.at)
        }
        asked = [place for place in places if place not in quiet]
        found = checkout.parallel(lambda place: checkout.look(*place), asked)
        kept = {place[1]: note for place, note in quiet.items()}
        for place, state in found.items():
            if state.head and _is_quiet(state) and signs[place].are_old(at):
                kept[place[1]] = QuietWorktree(signs[place].digest, at, state.branch, state.head)
        if kept != notes:
            with suppress(FleetError, OSError):  # a folder of somebody else's
                statefile.save(self._path, QuietNotes(kept), durable=False)
        return found | {place: _state(place, note) for place, note in quiet.items()}

    def _noted(self) -> Mapping[str, QuietWorktree]:
        with suppress(FleetError, OSError):
            return (statefile.load(QuietNotes, self._path) or QuietNotes()).worktrees
        return {}


def _is_quiet(state: CheckoutState) -> bool:
    return not (state.problem or state.operation or state.staged or state.unmerged)


def _state(place: Place, note: QuietWorktree) -> CheckoutState:
    return CheckoutState(note.branch, note.head, operation=git_worktrees.in_progress(place[1]))
