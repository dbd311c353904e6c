"""`queue process`: what a runner does, on any node, until nothing more can be done.

One loop without a leader: look at the ledger, take what comes next (`selection`), do it, look again. Whatever is decided is decided
by the ledger on the state that it is pushed onto, so a runner that is late, or was killed, or stopped for an hour does no harm: its
run is somebody else's after its lease, and its landing is refused. Costs one fetch for a round in which there is nothing to do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from typing import Literal, NamedTuple

from gitfleet.base import clock
from gitfleet.codec import Struct, changed, replace
from gitfleet.errors import Conflict, EntryMoved, HubError, NoEntry, PolicyRefused, RefMoved
from gitfleet.mergequeue import judging, landing, model, outlook, states, testing, trials, upkeep
from gitfleet.mergequeue.checkouts import CheckoutInTheWay, Checkouts
from gitfleet.mergequeue.evidence import Candidate
from gitfleet.mergequeue.hosting import Host
from gitfleet.mergequeue.model import CandidateResult, EntryPin, QueueEntry
from gitfleet.mergequeue.outlook import Outlook
from gitfleet.mergequeue.queue_news import IDLE, Hearing
from gitfleet.mergequeue.requests import Mark, Marked
from gitfleet.mergequeue.selection import Await, Halt, Next, ToLand, ToReject, ToTry
from gitfleet.mergequeue.site import Site
from gitfleet.mergequeue.states import State

_PATIENCE = 20
"""So often in a row something may come between, and then the round is over."""
_TRIES = 2
"""So often a candidate is tried again in one round, when its gate could not be run to its end."""
_LONGEST = 3600.0
"""Seconds after which it is tried again at the latest, however often that went so."""
_LOST = (EntryMoved, RefMoved, NoEntry, Conflict, PolicyRefused)
"""What somebody else's change of the queue or the target makes of ours: look again, and decide anew."""
Word = Literal["landed", "rejected", "conflicted", "held"]
_WORDS: Mapping[State, Word] = {
    states.LANDED: "landed",
    states.REJECTED: "rejected",
    states.CONFLICTED: "conflicted",
    states.HELD: "held",
}


class Processed(Struct):
    """What came of it. `waiting` are the entries that are still there, and `halted` says why no more could be done, where work was left."""

    landed: tuple[QueueEntry, ...] = ()
    rejected: tuple[QueueEntry, ...] = ()
    conflicted: tuple[QueueEntry, ...] = ()
    held: tuple[QueueEntry, ...] = ()
    waiting: tuple[QueueEntry, ...] = ()
    runs: int = 0
    halted: str = ""

    def with_(self, later: Processed) -> Processed:
        """What came of both, one after the other."""
        return Processed(
            (*self.landed, *later.landed), (*self.rejected, *later.rejected), (*self.conflicted, *later.conflicted),
            (*self.held, *later.held), later.waiting, self.runs + later.runs, later.halted,
        )  # fmt: skip


class _Trouble(NamedTuple):
    """How often in a row the gate could not be run to its end on a candidate, and until when it is left alone."""

    times: int = 0
    until: float = 0.0

    def again(self) -> _Trouble:
        """After one more time: it is left alone for four times as long."""
        return _Trouble(self.times + 1, clock.elapsed() + min(_LONGEST, 0.5 * 4.0**self.times))


class Processor:
    """One runner. Not for two threads at once, but for `stop`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._host = Host(site)
        self._notes: list[CandidateResult] = []
        self._stopped = threading.Event()
        self._hearing: Hearing | None = None
        self._trouble: dict[tuple[EntryPin, ...], _Trouble] = {}
        self._gave_way = False
        self._waits = ""
        self.done = Processed()
        """What came of the last `work`, also where it ended with an error."""

    def stop(self) -> None:
        """Have `work` end soon, from another thread: a gate that runs is ended, and says nothing."""
        self._stopped.set()
        self._site.runner.stop()
        hearing = self._hearing
        if hearing is not None:
            hearing.stop()

    def work(self) -> Processed:
        """Do all that can be done now. Raises the hub's errors; what was done by then is done."""
        self.done = Processed()
        with closing(self._site):
            self._site.sync()
            Checkouts(self._site).recover()  # after that: it may have landed what a dead runner had asked for
            with Hearing(self._site.ledger, IDLE) as self._hearing:
                self._rounds()
        left = tuple(entry for entry in self._site.live() if entry.state not in states.HANDED_BACK)
        self.done = replace(self.done, waiting=left)
        return self.done

    def _rounds(self) -> None:
        lost = 0
        while not self._stopped.is_set():
            try:
                if not self._step():
                    break
                lost = 0
            except _LOST as error:
                lost += 1
                if lost >= _PATIENCE:
                    self._halt(error.message)
                    break
                self._stopped.wait(0.05 * lost)
                self._site.sync()

    def _step(self) -> bool:
        """Do one thing; whether there may be more to do."""
        site = self._site
        base = site.settle_base()
        self._notes = [note for note in self._notes if note.base == base or note.outcome == "passed"]
        settled = upkeep.settle(site)
        if settled:
            return self._tell(settled)
        if self._host.recall():
            site.sync()
            return True
        look = site.look(self._notes)
        found = [judging.marked(site, look, one) for one in outlook.merging(look)]
        if found:
            return self._mark(found)
        if not look.order:
            return False
        if not site.gate.configured:
            return self._halt("no gate is configured, so nothing lands")
        return self._do(look, look.choose())

    def _do(self, look: Outlook, step: Next) -> bool:
        if isinstance(step, ToLand):
            return self._land(look, step)
        if isinstance(step, ToReject):
            return self._tell([judging.reject(self._site, look, step.entry)])
        if isinstance(step, ToTry):
            return self._test(look, step)
        if isinstance(step, Await):
            return self._await()
        if self._hearing:
            self._hearing.anew()
        return self._halt(f"{self._site.target} itself fails its gate") if isinstance(step, Halt) else False

    def _land(self, look: Outlook, step: ToLand) -> bool:
        pause = look.state.pause
        if pause.mode == "frozen" and look.below_floor(step.candidate):
            return self._halt(f"the queue is frozen: {pause.reason}")
        if self._site.rules.landing == "pull-request":
            return self._hand_over(look, step)
        try:
            return self._tell(landing.land(self._site, look, step.candidate))
        except CheckoutInTheWay as error:
            return self._halt(error.message)

    def _hand_over(self, look: Outlook, step: ToLand) -> bool:
        done = self._host.hand_over(look, step.candidate)
        self._tell(done.back)
        if not done.moved:
            return self._halt(done.words)
        self._site.sync()
        return True

    def _await(self, why: str = "") -> bool:
        """Wait until others have done something; True, since there may be more to do."""
        if why and why != self._waits:
            self._site.listener.say(f"waiting: {why}")
        self._waits = why
        if self._hearing:
            self._hearing.wait(self._site.sync)
        return True

    def _test(self, look: Outlook, step: ToTry) -> bool:
        bad = judging.objections(self._site, look, step.candidate)
        if bad:
            return self._mark(bad)
        known = testing.known_first(self._site, look, step.candidate)
        if known is not None:
            self._notes.append(known)
            return True
        trouble = self._trouble.get(look.pins(step.candidate), _Trouble())
        if trouble.times > _TRIES and clock.elapsed() < trouble.until:
            return self._halt("the gate could not be run to its end")
        self._stopped.wait(max(0.0, trouble.until - clock.elapsed()))
        if self._stopped.is_set():
            return True
        full = testing.waits(self._site, look, step.candidate)
        return self._await(full) if full else self._run(look, step.candidate)

    def _run(self, look: Outlook, candidate: Candidate) -> bool:
        self.done = replace(self.done, runs=self.done.runs + 1)
        rules = self._site.gate
        ended = testing.run(self._site, look, candidate, yields=not self._gave_way)
        self._gave_way = ended.gave_way or (self._gave_way and look.is_hot(candidate))
        pins = look.pins(candidate)
        if ended.outcome == "indeterminate":
            self._trouble[pins] = self._trouble.get(pins, _Trouble()).again()
        else:
            self._trouble.pop(pins, None)
        with suppress(HubError):
            self._site.sync()
        if ended.outcome == "abandoned":
            return True if ended.useless else self._await()
        if self._site.gate == rules and testing.was_in_vain(self._site, look, candidate):
            return self._halt("the verdict of this node does not count by the rules (`queue: trust`)")
        return True

    def _mark(self, found: Sequence[Marked]) -> bool:
        body = Mark(tuple(found[: model.MAX_ENTRIES]))
        return self._tell(self._site.request(trials.mark, body).entries)

    def _tell(self, entries: Iterable[QueueEntry]) -> bool:
        """Note what became of entries, and say it; True, since there may be more to do."""
        for entry in entries:
            self._site.listener.say(judging.said(entry))
            word = _WORDS.get(entry.state)
            if word:
                self.done = changed(self.done, {word: (*getattr(self.done, word), entry)})
        return True

    def _halt(self, why: str) -> bool:
        self.done = replace(self.done, halted=why)
        self._site.listener.say(f"stopped: {why}")
        return False
