"""What git says of worktrees, kept: a git process for each costs more than all the rest of a look, and few of them change between two.

git is asked again of a worktree where something has changed since: git's own files, the trunk, what the ledger has of its sessions, its
top folder, or a log. What somebody edits below the top folder, with neither git nor a log, is seen when one of these changes, when
its turn comes (`doubt`), or once all is forgotten.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Lock

from gitfleet.base import clock, files, statefile
from gitfleet.codec import TEXT, WHOLE, Maybe, One, Struct, Table, field
from gitfleet.errors import FleetError
from gitfleet.git import fleetrefs
from gitfleet.git.program import Git
from gitfleet.git.trees import Snapshot
from gitfleet.ledger.ledger import Ledger
from gitfleet.nodes import checkout_signs, checkouts
from gitfleet.nodes.checkout_signs import CheckoutSigns
from gitfleet.nodes.checkouts import Checkout
from gitfleet.nodes.own_sessions import SessionsHere
from gitfleet.sessions import session_records

CALM = 15.0
"""Seconds between two questions about a worktree where only logs and its top folder tell that somebody is at work."""


class KnownCheckout(Struct):
    """What git said, the signs from before it was asked, and when that was, in seconds of the clock that only runs forward."""

    signs: CheckoutSigns
    at: float
    found: Checkout


class KeptCheckouts:
    """What git said of the worktrees of one clone. Any thread may ask; one at a time is answered."""

    def __init__(
        self, ledger: Ledger, common_dir: str, sessions: SessionsHere, *, calm: float = CALM
    ) -> None:
        """`calm`: seconds as for `CALM`."""
        self._ledger, self._common, self._sessions, self._calm = ledger, common_dir, sessions, calm
        self._known: dict[str, KnownCheckout] = {}
        self._doubted: set[str] = set()
        self._trunk: tuple[object, str | None] = None, None
        self._guard = Lock()

    def look(
        self, worktrees: Mapping[str, str], git: Git, trunk: Callable[[], str | None], seconds: float
    ) -> dict[str, Checkout]:
        """See `checkouts.look`. No process where nothing has changed."""
        with self._guard:
            if not worktrees:
                return {}
            tip, at = self._tip(trunk), clock.elapsed()
            now = signs(self._ledger, worktrees, tip, self._sessions)
            asked = {
                path: folder for path, folder in worktrees.items() if self._is_stale(path, now[path], at)
            }
            self._doubted.clear()
            if asked:
                found = checkouts.look(asked, git, tip, seconds=seconds)
                for path in asked:
                    self._known.pop(path, None)
                    if path in found:
                        self._known[path] = KnownCheckout(now[path], at, found[path])
            return {path: self._known[path].found for path in worktrees if path in self._known}

    def doubt(self, most: int) -> None:
        """Ask at the next look of so many, whatever has changed there: those of which git was asked longest ago."""
        with self._guard:
            oldest = sorted(self._known, key=lambda path: self._known[path].at)
            self._doubted.update(oldest[:most])

    def forget(self) -> None:
        """Ask of all of them again."""
        with self._guard:
            self._known.clear()

    def _is_stale(self, path: str, now: CheckoutSigns, at: float) -> bool:
        known = self._known.get(path)
        if known is None or path in self._doubted or known.signs.sure != now.sure:
            return True
        return known.signs.work != now.work and at - known.at >= self._calm

    def _tip(self, trunk: Callable[[], str | None]) -> str | None:
        node = self._ledger.node
        names = [f"refs/heads/{node.trunk}", "packed-refs"]
        if node.hub:
            names += [fleetrefs.seen_trunk(node.hub), f"refs/remotes/{node.hub}/{node.trunk}"]
        now = [node.trunk, *(files.stamp(os.path.join(self._common, name)) for name in names)]
        if self._trunk[0] != now:
            self._trunk = now, trunk()
        return self._trunk[1]


class NotedCheckout(Struct):
    """The same for a file: a digest of the signs, and when git was asked, in seconds since 1970."""

    signs: str = field(TEXT)
    at: int = field(WHOLE)
    branch: str = field(TEXT)
    dirty: int = field(WHOLE)
    ahead: int | None = field(Maybe(WHOLE), default=None)
    behind: int | None = field(Maybe(WHOLE), default=None)


class CheckoutNotes(Struct):
    """What is noted of the worktrees of a clone, by their real paths."""

    worktrees: Mapping[str, NotedCheckout] = field(Table(One(NotedCheckout)), default={})


class NotedCheckouts:
    """What git said of the worktrees of one clone, for the next process that asks, for half an hour.

    For who tells other machines, which hear of it now and then; what is shown here is asked anew. A note that cannot be read or
    kept costs the processes that it would have saved.
    """

    def __init__(self, ledger: Ledger, common_dir: str) -> None:
        self._ledger, self._sessions = ledger, SessionsHere(ledger.state, common_dir)
        self._path = os.path.join(ledger.state, "checkouts.json")

    def look(
        self, worktrees: Mapping[str, str], git: Git, trunk: Callable[[], str | None], seconds: float
    ) -> dict[str, Checkout]:
        """See `checkouts.look`. No process where nothing has changed."""
        if not worktrees:
            return {}
        tip, at = trunk(), clock.now()
        now = signs(self._ledger, worktrees, tip, self._sessions)
        noted = self._noted()
        kept = {
            path: note
            for path, note in noted.worktrees.items()
            if path in now and now[path].hold(note.signs, at - note.at)
        }
        asked = {path: folder for path, folder in worktrees.items() if path not in kept}
        found = checkouts.look(asked, git, tip, seconds=seconds) if asked else {}
        known = {path: Checkout(one.branch, one.dirty, one.ahead, one.behind) for path, one in kept.items()}
        for path, one in found.items():
            if now[path].are_old(at):
                kept[path] = NotedCheckout(now[path].digest, at, one.branch, one.dirty, one.ahead, one.behind)
        if kept != noted.worktrees:
            with suppress(FleetError, OSError):  # a folder of somebody else's
                statefile.save(self._path, CheckoutNotes(kept), durable=False)
        return {**known, **found}

    def _noted(self) -> CheckoutNotes:
        with suppress(FleetError, OSError):
            return statefile.load(CheckoutNotes, self._path) or CheckoutNotes()
        return CheckoutNotes()


def signs(
    ledger: Ledger, worktrees: Mapping[str, str], tip: str | None, sessions: SessionsHere
) -> dict[str, CheckoutSigns]:
    """What tells of each worktree (path to git directory) that it is as it was. No process. Raises as `Ledger.current`."""
    view, here = ledger.current().view, sessions().by_worktree
    return {
        path: checkout_signs.look(
            path,
            folder,
            besides=(tip, *(_agreed(view, one.id) for one in here.get(path, ()))),
            logs=[one.log for one in here.get(path, ()) if one.log],
        )
        for path, folder in worktrees.items()
    }


def _agreed(view: Snapshot, session: str) -> str | None:
    """What differs once a session has claimed or released something, or was renewed."""
    try:
        return view.tree(session_records.folder(session))
    except FleetError:  # whoever reads the record says so
        return None
