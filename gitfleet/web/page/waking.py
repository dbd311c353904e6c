"""One thread that tells every open page when what it shows may have changed. The system tells it of changes; nothing is asked in turns."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress

from gitfleet.base import clock, files
from gitfleet.base.watching import Bell
from gitfleet.errors import FleetError
from gitfleet.fleet import seen_changes
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.seen_signs import SeenSigns
from gitfleet.ledger import own_node
from gitfleet.nodes.checkout_signs import git_stamp
from gitfleet.web.page import job_files
from gitfleet.web.page.moment import PageMemory, PageMoment
from gitfleet.web.page.sessions import at_work

LEAST = 0.25
"""Seconds between two moments, however much happens; or four times what the last one took to show."""
MOST = 2.0
"""Seconds between two moments however long a page takes, so that the others are not held up by it."""
LOOK_AGAIN = 60.0
"""Seconds after which one looks again although nothing was told, while somebody works."""
CALM = 300.0
"""The same while nobody does: leases run out, other machines may share this disk."""


class PageWaking:
    """The newest moment of one clone, for any number of streams of one event loop. The thread runs while somebody listens."""

    def __init__(self, fleet: Fleet, memory: PageMemory) -> None:
        self._fleet, self._memory = fleet, memory
        self._guard = threading.Lock()
        self._bell: Bell | None = None
        self._listeners = 0
        self.ended = False
        """Whether streams are to end."""
        self.turn = 0
        """How many moments there were."""
        self.moment: PageMoment | None = None
        self.pause = LEAST
        self.changed = asyncio.Event()
        """Set when the next moment has come; each moment has its own."""

    def enter(self) -> None:
        """Somebody listens. For the event loop's thread."""
        self._listeners += 1
        with self._guard:
            if self._bell is None and not self.ended:
                self._memory.checkouts.forget()
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
        self.ended = True
        self._stop()
        self._wake()

    def stir(self) -> None:
        """Have it look now. For any thread."""
        with self._guard:
            if self._bell is not None:
                self._bell.stir()

    def _stop(self) -> None:
        """End the thread, in its own time; the next to listen has one of their own."""
        with self._guard:
            bell, self._bell = self._bell, None
            self.moment = None
            if bell is not None:
                bell.ring()

    def _watch(self, bell: Bell, loop: asyncio.AbstractEventLoop) -> None:
        try:
            with suppress(FleetError, OSError):  # it cannot be read any more
                self._look(bell, loop)
        finally:
            bell.close()
            with suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(self._fail, bell)

    def _look(self, bell: Bell, loop: asyncio.AbstractEventLoop) -> None:
        before: object = None
        fleet, looked, shown = self._fleet, 0.0, PageMoment(self._fleet, self._memory)
        signs, seen = SeenSigns(fleet), os.path.join(fleet.ledger.state, "seen")
        while not bell.rung:
            places = _places(fleet)
            here = self._memory.sessions()
            written = job_files.written(fleet)
            bell.arm([*places, *here.trees], [*here.logs, *written], here.processes)
            stamps = [files.stamp(path) for path in (*here.logs, *written, seen)]
            now = signs.now(places), stamps, [git_stamp(folder) for folder in here.trees], bell.ended
            if now != before or clock.elapsed() - looked >= (LOOK_AGAIN if at_work(shown) else CALM):
                before, looked, shown = now, clock.elapsed(), PageMoment(fleet, self._memory)
                with suppress(RuntimeError):  # as below
                    loop.call_soon_threadsafe(self._take, bell, shown)
                _rest(bell, max(LEAST, self.pause))
            bell.wait(LOOK_AGAIN)

    def _take(self, bell: Bell, moment: PageMoment) -> None:
        if bell is self._bell:
            self.turn += 1
            self.moment = moment
            self._wake()

    def _fail(self, bell: Bell) -> None:
        """What is to be shown cannot be read: streams end, and who comes again finds whether it can be."""
        if bell is self._bell:
            self._bell = self.moment = None
            self._wake()

    def _wake(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


def _rest(bell: Bell, seconds: float) -> None:
    """Let changes come together for a while; a bell that rings ends it."""
    end = clock.elapsed() + seconds
    while not bell.rung and (left := end - clock.elapsed()) > 0:
        clock.wait(min(0.05, left))


def _places(fleet: Fleet) -> list[str]:
    """The folders in which something changes when what pages show does."""
    jobs = own_node.jobs_folder(fleet.repository.common_dir)
    below = [os.path.join(jobs, name) for name in files.names(jobs)] if os.path.isdir(jobs) else []
    return [*seen_changes.places(fleet), *job_files.folders(fleet), *filter(os.path.isdir, below)]
