"""`status --watch`: shown again when something has changed, and on a terminal when a time that it shows would read otherwise."""

from __future__ import annotations

import os
import signal
import stat
import sys
from contextlib import suppress

from gitfleet.base import clock, watching
from gitfleet.base.text import duration_holds
from gitfleet.cli import status_view
from gitfleet.cli.answer import Reply, Watching
from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.kept_hooks import KeptHooks
from gitfleet.fleet.seen_changes import StatusChanges
from gitfleet.fleet.views.status import FleetStatus
from gitfleet.nodes.kept_checkouts import KeptCheckouts
from gitfleet.nodes.own_sessions import SessionsHere

GAP = 2.0
"""Seconds at least between two looks, however much happens."""
LOOK_AGAIN = 600.0
"""Seconds after which one looks although nothing was told, and git is asked of a worktree of which nothing tells."""
DOUBTED = 8
"""Worktrees of which git is asked again when the fleet has agreed on something, whatever has changed in them."""
DOUBT = 60.0
"""Seconds for which what git said of hooks is good enough then."""
TICK = 30.0
"""Seconds at least between two times that are shown, once all of them are minutes and more."""


def start(tail: int, *, whole: bool) -> Watching:
    """The status again and again, with the last `tail` lines of each session's log, and the `whole` answer or what people see of it."""
    watch = StatusWatch(tail, whole=whole)
    return Watching(watch.look, status_view.gist, watch.wait, watch.close)


class StatusWatch:
    """One watch. It has the fleet open until `close`."""

    def __init__(self, tail: int, *, whole: bool) -> None:
        self._tail, self._whole = tail, whole
        self._screen = sys.stdout.isatty()
        self._pipe = [] if self._screen else _pipe()
        self._fleet: Fleet | None = None
        self._changes: StatusChanges | None = None
        self._found: FleetStatus | None = None
        self._hooks = KeptHooks()
        self._checkouts: KeptCheckouts | None = None
        self._agreed = ""
        self._looked = self._doubted_at = 0.0
        self._signs: object = None
        self._doubted = self._resized = False

    def look(self) -> Reply:
        """The status of now: looked at anew where something may have changed since the last time. Raises as `Fleet.open`, `Fleet.status`."""
        fleet, changes = self._opened()
        if self._found is None:
            changes.arm()
            self._signs = changes.signs()
            self._found = status_view.of(
                fleet, self._tail, self._hooks.warnings, self._kept(fleet).look, whole=self._whole
            )
            self._looked = clock.elapsed()
            self._doubted = changes.watch(self._found.answer)
        answer, warnings = self._found
        shown = status_view.later(answer, int(self._since()))
        shown["ledger"]["age"] = fleet.ledger.age()  # the hub may have been seen since
        return status_view.reply(shown, warnings)

    def wait(self) -> bool:
        """Wait until it is worth another look; False where nobody reads what is shown any more."""
        _, changes = self._opened()
        told = True
        while told and self._found:
            told = changes.wait(self._still())
            if self._pipe and watching.ready(self._pipe):
                return False
            if self._resized:  # what was told at the same time is looked at soon
                self._resized, self._doubted = False, True
                return True
            if told:
                clock.wait(max(0.0, GAP - self._since()))
            due = GAP if self._doubted else LOOK_AGAIN
            if self._since() >= due or (told and self._differs(changes)):
                self._found = None
            told = told and self._still() > 0
        return True

    def close(self) -> None:
        """Let go of all of it."""
        if self._screen:
            signal.signal(signal.SIGWINCH, signal.SIG_DFL)
        if self._changes:
            self._changes.close()
        if self._fleet:
            self._fleet.close()

    def _opened(self) -> tuple[Fleet, StatusChanges]:
        if self._fleet is None or self._changes is None:
            self._fleet = Fleet.open(bulk=True)  # one look reads thousands of records, without a process
            self._changes = StatusChanges(self._fleet, *self._pipe)
            if self._screen:
                signal.signal(signal.SIGWINCH, lambda *_: self._resize())
        return self._fleet, self._changes

    def _kept(self, fleet: Fleet) -> KeptCheckouts:
        """What git said before. Where the fleet has agreed on something since, somebody is at work, and a few are asked whatever tells of it."""
        common = fleet.repository.common_dir
        if self._checkouts is None:
            here = SessionsHere(fleet.ledger.state, common)
            self._checkouts = KeptCheckouts(fleet.ledger, common, here, calm=0.0)
        agreed = fleet.current().tip.oid
        if agreed != self._agreed:
            self._agreed = agreed
            self._checkouts.doubt(DOUBTED)
            self._hooks.doubt(DOUBT)
            self._doubted_at = clock.elapsed()
        elif clock.elapsed() - self._doubted_at >= LOOK_AGAIN:
            self._checkouts.doubt(1)
            self._doubted_at = clock.elapsed()
        return self._checkouts

    def _differs(self, changes: StatusChanges) -> bool:
        """Whether the status may be another than the one that is shown. What cannot be read is told by the look."""
        try:
            return changes.signs() != self._signs
        except (FleetError, OSError):
            return True

    def _resize(self) -> None:
        self._resized = True
        if self._changes:
            self._changes.bell.stir()

    def _since(self) -> float:
        return clock.elapsed() - self._looked

    def _still(self) -> float:
        """For how long what is shown stays true when nothing happens, in seconds."""
        left = (GAP if self._doubted else LOOK_AGAIN) - self._since()
        if self._screen and self._found:
            shown = list(status_view.times(status_view.later(self._found.answer, int(self._since()))))
            hold = min(map(duration_holds, shown), default=LOOK_AGAIN)
            left = min(left, hold if min(shown, default=60) < 60 else max(hold, TICK))
            age = self._fleet.ledger.age() if self._fleet else None
            if age is not None:  # young after each exchange, and nobody waits for its seconds
                left = min(left, TICK if age < 60 else max(duration_holds(age), TICK))
        return max(0.0, left)


def _pipe() -> list[int]:
    """Standard output, if that is a pipe: when nobody reads it any more can be told."""
    with suppress(OSError, ValueError):
        handle = sys.stdout.fileno()
        return [handle] if stat.S_ISFIFO(os.fstat(handle).st_mode) else []
    return []
