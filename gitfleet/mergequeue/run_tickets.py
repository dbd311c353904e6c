"""A runner's ticket while its gate runs: renewed, and given up as soon as nobody wants to know how the run ends."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from gitfleet.base import clock
from gitfleet.base.text import display
from gitfleet.errors import FleetError
from gitfleet.ledger.model import View
from gitfleet.mergequeue import heads, model, order, states, trials
from gitfleet.mergequeue.model import EntryPin, GateRun, QueueEntry
from gitfleet.mergequeue.queue_news import BUSY, Hearing
from gitfleet.mergequeue.requests import OfRun
from gitfleet.mergequeue.site import Site

LEASE = 180
"""Seconds."""


class RunTicket:
    """The ticket of one run. `yields`: whether the run is given up for a hotfix."""

    def __init__(self, site: Site, run: GateRun, *, yields: bool) -> None:
        self._site, self.run, self._yields = site, run, yields
        self._renewed = clock.elapsed()
        self.useless = ""
        """Why the run was given up, in words; "" while it is wanted."""
        self.gave_way = False
        """Whether that was for a hotfix."""

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the ticket for the body, and have the site's gate end early when the run is of no use any more."""
        with Hearing(self._site.ledger, BUSY) as hearing:
            keeper = threading.Thread(target=self._attend, args=(hearing,), name="queue ticket", daemon=True)
            keeper.start()
            try:
                yield
            finally:
                hearing.stop()
                keeper.join()

    def _attend(self, hearing: Hearing) -> None:
        while not hearing.stopped:
            with suppress(FleetError):
                self._judge()
                if self.useless:
                    self._site.runner.stop()
                    return
                self._renew()
            hearing.wait(self._look)

    def _look(self) -> None:
        with suppress(FleetError):  # a hub that is away has nothing to say against the run
            names = [entry.branch for entry in self._entries()]
            self._site.ledger.sync(*heads.refspecs(self._site.ledger.node, names))

    def _entries(self) -> list[QueueEntry]:
        view = self._site.view
        return [entry for pin in self.run.entries if (entry := model.find(view, pin.id)) is not None]

    def _judge(self) -> None:
        names = [entry.branch for entry in self._entries()]
        there = heads.known(self._site.repository.git, self._site.ledger.node, names)
        view = self._site.view
        self.useless = useless(view, self.run, there)
        if not self.useless and self._yields:
            hot = hotfix(view, self.run, clock.now())
            if hot is not None:
                self.gave_way, self.useless = True, f"the hotfix {display(hot.branch)} goes first"

    def _renew(self) -> None:
        if clock.elapsed() - self._renewed >= LEASE / 3:
            self._site.request(trials.renew, OfRun(self.run.id))
            self._renewed = clock.elapsed()


def useless(view: View, run: GateRun, there: Mapping[str, str | None]) -> str:
    """Why nobody wants to know how a run ends, in words; "" while somebody does. `there`: where branches are by now. Pure."""
    if model.run(view, run.id) is None:
        return "its ticket has lapsed"
    found = [(pin, model.find(view, pin.id)) for pin in run.entries]
    for pin, entry in found:
        gone = _gone(pin, entry, there)
        if gone:
            return gone
    waiting = [entry for _, entry in found if entry is not None and entry.state != states.LANDED]
    if found and not waiting:
        return "all of it has landed"
    pause = model.queue(view).pause
    if pause.mode == "paused" and trials.below_floor(view, waiting, pause):
        return "the queue is paused"
    return ""


def _gone(pin: EntryPin, entry: QueueEntry | None, there: Mapping[str, str | None]) -> str:
    """What has become of one entry of a run, where that is no longer what is tested; "" else."""
    if entry is None:
        return "an entry of it is gone"
    name = display(entry.branch)
    if entry.state == states.LANDED and entry.head == pin.head:
        return ""
    if entry.state not in states.GOING:
        return f"{name} is {entry.state} by now"
    at = there.get(entry.branch)
    if entry.head != pin.head or at != pin.head:
        return f"{name} is elsewhere by now" if at else f"the branch {name} is gone"
    return ""


def hotfix(view: View, run: GateRun, now: int) -> QueueEntry | None:
    """The hotfix for which a run is given up: one that waits while all runners test what is less urgent, and this run is the youngest. Pure."""
    entries = model.readable(view)
    runs = model.runs(view)
    strength = order.priorities(entries, now)
    hot = {entry.id for entry in entries if strength[entry.id].effective >= order.HOTFIX.least}
    lower = [one for one in runs if hot.isdisjoint(pin.id for pin in one.entries)]
    if not lower or lower[-1].id != run.id:
        return None
    tested = {pin.id for one in runs for pin in one.entries}
    return next((one for one in _waiting(view, entries) if one.id in hot - tested), None)


def _waiting(view: View, entries: Iterable[QueueEntry]) -> Iterator[QueueEntry]:
    """The entries that a runner could test by themselves now."""
    pause = model.queue(view).pause
    for entry in entries:
        free = all(model.has_landed(view, need) for need in entry.required)
        kept = pause.mode == "paused" and trials.below_floor(view, [entry], pause)
        if entry.state in {states.QUEUED, states.SUSPECT} and free and not kept:
            yield entry
