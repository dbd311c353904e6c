"""The fleet between two changes, looked at once for all pages; and what is kept from one moment to the next, since it costs much and changes seldom."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from threading import Lock
from typing import Any, TypeVar

from gitfleet.base import clock
from gitfleet.claims import tickets
from gitfleet.claims.tickets import Ticket
from gitfleet.codec import Struct
from gitfleet.fleet.attention.people_inbox import InboxLook, PeopleInbox
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import status
from gitfleet.fleet.views.status import FleetStatus, SessionStatus
from gitfleet.git import fleetrefs
from gitfleet.git.program import Git
from gitfleet.ledger.log import Line
from gitfleet.nodes import checkouts
from gitfleet.nodes.checkouts import Checkout
from gitfleet.sessions.local import LocalSessions

_Found = TypeVar("_Found")
LOG_LINES = 200
"""Operations of the audit log that pages look through, the newest ones."""
_ACTIVITY = 15
"""Seconds of a session's activity that count as one: what it has not committed is looked at once for them."""
_STAMPS = 4096


class HereSessions(Struct):
    """The sessions of this clone: their logs, their processes, git's own folders of their worktrees, and the logs of each worktree's."""

    trees: Sequence[str] = ()
    logs: Sequence[str] = ()
    processes: Collection[int] = ()
    by_worktree: Mapping[str, Sequence[str]] = {}


class KeptCheckouts:
    """What git says of worktrees, asked again only of those where something has changed since: by git's own files, or by a session at work.

    What a person edits without git or a log is seen with the next change there, or when the page is opened again.
    """

    def __init__(self, fleet: Fleet, sessions: Callable[[], HereSessions]) -> None:
        self._fleet, self._sessions = fleet, sessions
        self._known: dict[str, tuple[object, Checkout]] = {}
        self._trunk: tuple[object, str | None] = None, None
        self._guard = Lock()

    def look(
        self, worktrees: Mapping[str, str], git: Git, trunk: Callable[[], str | None], seconds: float
    ) -> dict[str, Checkout]:
        """See `checkouts.look`."""
        with self._guard:
            if not worktrees:
                return {}
            tip = self._tip(trunk)
            logs = self._activity()
            now = {path: (tip, git_stamp(folder), logs.get(path)) for path, folder in worktrees.items()}
            asked = {
                path: folder
                for path, folder in worktrees.items()
                if self._known.get(path, (None,))[0] != now[path]
            }
            if asked:
                for path, found in checkouts.look(asked, git, tip, seconds=seconds).items():
                    self._known[path] = now[path], found
            return {path: self._known[path][1] for path in worktrees if path in self._known}

    def forget(self) -> None:
        """Ask of all of them again."""
        with self._guard:
            self._known.clear()

    def _tip(self, trunk: Callable[[], str | None]) -> str | None:
        node, common = self._fleet.ledger.node, self._fleet.repository.common_dir
        names = [f"refs/heads/{node.trunk}", "packed-refs"]
        if node.hub:
            names += [fleetrefs.seen_trunk(node.hub), f"refs/remotes/{node.hub}/{node.trunk}"]
        now = [stamp(os.path.join(common, name)) for name in names]
        if self._trunk[0] != now:
            self._trunk = now, trunk()
        return self._trunk[1]

    def _activity(self) -> dict[str, int]:
        """When somebody was last at work in each worktree, by the log."""
        found: dict[str, int] = {}
        for path, logs in self._sessions().by_worktree.items():
            stamps = [changed[0] for log in logs if (changed := stamp(log))]
            found[path] = max(stamps, default=0) // (_ACTIVITY * 10**9)
        return found


class PageMemory:
    """What is kept for one clone. Any thread may ask."""

    def __init__(self, fleet: Fleet) -> None:
        self._state, self._common = fleet.ledger.state, fleet.repository.common_dir
        self._here: tuple[object, HereSessions] = None, HereSessions()
        self.checkouts = KeptCheckouts(fleet, self.sessions)
        self._of_ledger: dict[str, tuple[object, Any]] = {}
        self._times: dict[object, int] = {}

    def sessions(self) -> HereSessions:
        """Those of this clone, read again once one has come or gone."""
        now = stamp(os.path.join(self._state, "sessions"))
        if self._here[0] != now or now is None:
            self._here = now, _here(LocalSessions(self._state), self._common)
        return self._here[1]

    def of_ledger(self, name: str, state: object, make: Callable[[], _Found]) -> _Found:
        """What was made of this state of the ledger, made anew for another one."""
        known = self._of_ledger.get(name)
        if known is None or known[0] != state:
            known = state, make()
            self._of_ledger[name] = known
        found: _Found = known[1]
        return found

    def steady(self, key: object, time: int) -> int:
        """A time that was reckoned from a duration: the same as before for the same cause, so that what is shown does not flicker."""
        known = self._times.get(key)
        if known is not None and abs(known - time) <= 5:
            return known
        if len(self._times) > _STAMPS:
            self._times.clear()
        self._times[key] = time
        return time


class PageMoment:
    """The fleet as it is until something changes. Any thread may ask; what is asked for is looked at once."""

    def __init__(self, fleet: Fleet, memory: PageMemory | None = None) -> None:
        self.fleet = fleet
        self.memory = memory or PageMemory(fleet)
        self.at = clock.now()

    @cached_property
    def status(self) -> FleetStatus:
        """Every session, with the last line of its log. Claims are counted and not read, since there may be very many."""
        return status.look(self.fleet, tail=1, checkouts_of=self.memory.checkouts.look, claims=False)

    @cached_property
    def inbox(self) -> InboxLook:
        """What needs a person."""
        return PeopleInbox(self.fleet).look()

    @cached_property
    def line(self) -> Sequence[Ticket]:
        """Who waits for claims, first place first."""
        return self.of_ledger("line", lambda: tickets.line(self.fleet.current().view))

    @cached_property
    def log(self) -> Sequence[Line]:
        """The newest operations that the fleet has agreed."""
        return self.of_ledger("log", lambda: self.fleet.log(limit=LOG_LINES))

    def active_at(self, row: SessionStatus) -> int:
        """When a session was last active, by this machine's clock: another node's own would be no use. What that node said, where it cannot be told."""
        if row["node"] == self.status.answer["ledger"]["node"] or row["idle"] is None:
            return row["last_activity"]
        return self.memory.steady(("active", row["id"], row["last_activity"]), self.at - row["idle"])

    def of_ledger(self, name: str, make: Callable[[], _Found]) -> _Found:
        """What `make` makes of the ledger, kept under this name until that changes."""
        state = self.fleet.current()
        return self.memory.of_ledger(name, (state.tip.oid, state.tentative), make)


def stamp(path: str) -> tuple[int, int, int] | None:
    """What differs once a file or folder has changed; None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _here(local: LocalSessions, common: str) -> HereSessions:
    everyone = local.all()
    by_worktree: dict[str, list[str]] = {}
    for one in everyone:
        if one.log and one.worktree and "\0" not in one.worktree + one.log:
            by_worktree.setdefault(os.path.realpath(one.worktree), []).append(one.log)
    processes = {one.process.pid for one in everyone if one.process is not None}
    trees = {os.path.join(common, "worktrees", one.tree) for one in everyone if one.tree not in {"", "."}}
    return HereSessions(
        sorted(trees), [log for logs in by_worktree.values() for log in logs], processes, by_worktree
    )


def git_stamp(folder: str) -> object:
    """What differs once somebody has staged, committed, switched or merged in a worktree."""
    return tuple(stamp(os.path.join(folder, name)) for name in ("index", "HEAD", "logs/HEAD", "MERGE_HEAD"))
