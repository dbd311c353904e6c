"""One thread that tells every open page when what it shows may have changed. The system tells it of changes; nothing is asked in turns."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

from gitfleet.base import clock, files
from gitfleet.base.watching import Bell
from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.git.repository import Repository
from gitfleet.web.page.page import Moment

LEAST = 0.25
"""Seconds between two moments, however much happens; or four times what the last one took to show."""
LOOK_AGAIN = 60.0
"""Seconds after which one looks again although nothing was told: leases run out, other machines may share this disk."""


class PageWaking:
    """The newest moment of one clone, for any number of streams of one event loop. The thread runs while somebody listens."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._guard = threading.Lock()
        self._bell: Bell | None = None
        self._listeners = 0
        self._ended = False
        self.turn = 0
        """How many moments there were."""
        self.moment: Moment | None = None
        self.pause = LEAST
        self.changed = asyncio.Event()
        """Set when the next moment has come; each moment has its own."""

    def enter(self) -> None:
        """Somebody listens. For the event loop's thread."""
        self._listeners += 1
        with self._guard:
            if self._bell is None and not self._ended:
                self._bell = Bell()
                args = (self._bell, asyncio.get_running_loop())
                threading.Thread(target=self._watch, args=args, name="page", daemon=True).start()

    def leave(self) -> None:
        """Somebody listens no more."""
        self._listeners -= 1
        if not self._listeners:
            self._stop()

    def close(self) -> None:
        """End every stream. For the event loop's thread."""
        self._ended = True
        self._stop()
        self.changed.set()

    @property
    def ended(self) -> bool:
        """Whether streams are to end."""
        return self._ended

    def stir(self) -> None:
        """Have it look now. For any thread."""
        with self._guard:
            if self._bell is not None:
                self._bell.stir()

    def _stop(self) -> None:
        with self._guard:
            if self._bell is not None:
                self._bell.ring()

    def _watch(self, bell: Bell, loop: asyncio.AbstractEventLoop) -> None:
        try:
            with Fleet.of(self._repository) as fleet:
                self._look(fleet, bell, lambda moment: loop.call_soon_threadsafe(self._take, moment))
        except (FleetError, OSError, RuntimeError):  # it cannot be read, or the server has ended: streams end
            loop_is_there = not loop.is_closed()
            if loop_is_there:
                loop.call_soon_threadsafe(self._fail)
        finally:
            with self._guard:
                self._bell = None
            bell.close()

    def _look(self, fleet: Fleet, bell: Bell, tell: Callable[[Moment], object]) -> None:
        before: object = None
        looked = 0.0
        while not bell.rung:
            places = _places(fleet)
            bell.arm(places)
            now = _signature(fleet, places)
            if now != before or clock.elapsed() - looked >= LOOK_AGAIN:
                before, looked = now, clock.elapsed()
                tell(Moment(fleet))
                bell_rest = max(LEAST, self.pause)
                _rest(bell, bell_rest)
            bell.wait(LOOK_AGAIN)

    def _take(self, moment: Moment) -> None:
        self.turn += 1
        self.moment = moment
        self._wake()

    def _fail(self) -> None:
        self.moment = None
        self._wake()

    def _wake(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


def _rest(bell: Bell, seconds: float) -> None:
    """Let changes come together for a while; a bell that rings ends it."""
    end = clock.elapsed() + seconds
    while not bell.rung and (left := end - clock.elapsed()) > 0:
        bell.wait(left)
        clock.wait(min(0.02, max(0.0, end - clock.elapsed())))


def _places(fleet: Fleet) -> list[str]:
    """The folders in which something changes when what pages show does."""
    state, jobs = fleet.ledger.state, os.path.join(fleet.repository.common_dir, "gitfleet", "jobs")
    own = [state, os.path.join(state, "inbox", "read"), os.path.join(state, "maintainer"), jobs]
    below = [os.path.join(jobs, name) for name in files.names(jobs)] if os.path.isdir(jobs) else []
    return [*fleet.ledger.places(), *own, *(path for path in below if os.path.isdir(path))]


def _signature(fleet: Fleet, places: Iterable[str]) -> object:
    """What differs when something that is shown may have changed; locks and the like come and go without that."""
    state = fleet.current()
    git = fleet.ledger.places()[0]
    stamps: list[Any] = [_stamp(path) for path in places if path != git]
    seen = _stamp(os.path.join(fleet.ledger.state, "seen"))
    return state.tip.oid, state.tentative, stamps, seen


def _stamp(path: str) -> object:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
