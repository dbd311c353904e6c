"""`queue process`: what a runner does, on any node, until nothing more can be done.

One loop without a leader: look at the ledger, take what comes next (`selection`), do it, look again. Whatever is decided is decided
by the ledger on the state that it is pushed onto, so a runner that is late, or was killed, or stopped for an hour does no harm: its
run is somebody else's after its lease, and its landing is refused. Costs one fetch for a round in which there is nothing to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from gitfleet.base import clock
from gitfleet.base.names import Oid
from gitfleet.base.text import counted, display
from gitfleet.claims.policy import Policy
from gitfleet.codec import Struct, replace
from gitfleet.errors import (
    Conflict,
    EntryMoved,
    FleetError,
    HubError,
    NoEntry,
    PolicyRefused,
    RefMoved,
    Unverifiable,
)
from gitfleet.gates import policy as gate_policy
from gitfleet.gates import watching
from gitfleet.gates.service import Gates
from gitfleet.git.repository import Repository
from gitfleet.ledger.ledger import Ledger
from gitfleet.mergequeue import candidates, heads, judging, landing, model, outlook, states, testing, upkeep
from gitfleet.mergequeue.candidates import Chains
from gitfleet.mergequeue.model import CandidateResult, QueueEntry
from gitfleet.mergequeue.outlook import Outlook
from gitfleet.mergequeue.requests import Mark, Marked
from gitfleet.mergequeue.selection import Await, Halt, Land, Next, Reject, Try
from gitfleet.trunk import policy_file, position, queue_policy
from gitfleet.trunk.queue_policy import QueuePolicy

ASK_EVERY = 5.0
"""Seconds between two looks at the hub while others test."""
_PATIENCE = 20
"""So often in a row something may come between, and then the round is over."""
_LOST = (EntryMoved, RefMoved, NoEntry, Conflict, PolicyRefused)
"""What somebody else's change of the queue or the target makes of ours: look again, and decide anew."""


class Processed(Struct):
    """What came of it. `waiting` are the entries that are still there, and `halted` says why nothing more could be done, if not for want of work."""

    landed: tuple[QueueEntry, ...] = ()
    rejected: tuple[QueueEntry, ...] = ()
    conflicted: tuple[QueueEntry, ...] = ()
    held: tuple[QueueEntry, ...] = ()
    waiting: tuple[QueueEntry, ...] = ()
    runs: int = 0
    halted: str = ""


class Listener(NamedTuple):
    """Who is told: of what is done, in a line each; and of how a gate gets on, its last line and the seconds since it began."""

    say: Callable[[str], None] = lambda _: None
    progress: Callable[[str, float], None] = lambda line, seconds: None


class Processor:
    """One runner. Not for two threads at once, but for `stop`."""

    def __init__(
        self,
        repository: Repository,
        ledger: Ledger,
        policy: Callable[[], Policy],
        gates: Gates,
        listener: Listener = Listener(),
    ) -> None:
        self.repository, self.ledger, self.policy, self.gates, self.listener = repository, ledger, policy, gates, listener
        self.runner = gates.runner()
        self.notes: list[CandidateResult] = []
        self.held: dict[str, QueueEntry] = {}
        self._stack = ExitStack()
        self._chains: Chains | None = None
        self._rules = QueuePolicy()
        self._stopped = threading.Event()
        self._done = Processed()

    def stop(self) -> None:
        """Have `work` end soon, from another thread: a gate that runs is ended, and says nothing."""
        self._stopped.set()
        self.runner.stop()

    def work(self) -> Processed:
        """Do all that can be done now. Raises the hub's errors; what was done by then is done."""
        lost = 0
        with self._stack:
            self.sync()
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
                    self._wait(0.05 * lost)
                    self.sync()
        left = [entry for entry in model.readable(self.ledger.current().view) if entry.state not in states.HANDED_BACK]
        return replace(self._done, waiting=tuple(left))

    def sync(self) -> None:
        """Bring here what the hub has of the ledger, the target, and the branches of the queue. One connection as a rule."""
        for _ in range(2):
            known = {entry.branch for entry in self._live()}
            self.ledger.sync(*heads.refspecs(self.ledger.node, known))
            if {entry.branch for entry in self._live()} <= known or not self.ledger.node.hub:
                break
        policy_file.refresh(self.repository, self.ledger.node)

    def _live(self) -> list[QueueEntry]:
        return model.readable(self.ledger.current().view)

    def _step(self) -> bool:
        """Do one thing; whether there may be more to do."""
        base = position.tip(self.repository.git, self.ledger.node)
        if base is None:
            raise Unverifiable(f"The hub has no branch '{display(self.ledger.node.trunk)}' to land on.", hint="Push it first.")
        self._at(base)
        if upkeep.settle(self, base):
            return True
        look = self.look()
        if self._record(look):
            return True
        if not look.order:
            return False
        gate = gate_policy.load(self.ledger.state)
        if not gate.configured:
            return self._halt("no gate is configured, so nothing lands")
        return self._do(look, look.choose())

    def _at(self, base: str) -> None:
        """Have candidates be made on the commit `base`, by the rules as they are there."""
        rules = queue_policy.load(self.ledger.state)
        if self._chains is not None and (self._chains.base, self._rules) == (base, rules):
            return
        self._stack.close()
        name, _, mail = rules.committer.rpartition(" ")
        self._rules = rules
        self._chains = self._stack.enter_context(
            candidates.chains(
                self.repository.git, base, rules.method, drivers=self.policy().merge_drivers,
                committer=candidates.Person(name, mail.strip("<>")),
            )
        )  # fmt: skip
        self.notes = [note for note in self.notes if note.outcome == "passed"]

    @property
    def rules(self) -> QueuePolicy:
        """The rules of the queue that hold now."""
        return self._rules

    @property
    def chains(self) -> Chains:
        """Where candidates are made."""
        assert self._chains is not None
        return self._chains

    def look(self) -> Outlook:
        """The queue as it is now."""
        view = self.ledger.current().view
        live = model.readable(view)
        absent = heads.lacking(self.repository.git, [entry.head for entry in live])
        away = frozenset(entry.id for entry in live if entry.head in absent)
        lapsed = watching.over(model.runs(view), self.ledger.state, self.ledger.node.id, name="queue")
        return Outlook(
            view, self.chains, clock.now(), self._rules.window, notes=self.notes, absent=away, lapsed=lapsed
        )

    def _record(self, look: Outlook) -> bool:
        """Put on record what was found of how entries merge; whether there was anything."""
        found = [judging.marked(self.chains, look, one) for one in outlook.merging(look)]
        self.mark([one for one in found if one is not None])
        return any(one is not None for one in found)

    def mark(self, found: Sequence[Marked]) -> None:
        """Have findings recorded. Raises what their decision raises."""
        for at in range(0, len(found), model.MAX_ENTRIES):
            from gitfleet.mergequeue import trials

            body = Mark(tuple(found[at : at + model.MAX_ENTRIES]))
            self.tell(self.ledger.request(trials.mark, self.ledger.itself, body).entries)

    def tell(self, entries: Iterable[QueueEntry]) -> None:
        """Note what became of entries, and say it."""
        for entry in entries:
            self.listener.say(judging.said(entry))
            name = {states.LANDED: "landed", states.REJECTED: "rejected", states.CONFLICTED: "conflicted", states.HELD: "held"}.get(entry.state)
            if name:
                self._done = replace(self._done, **{name: (*getattr(self._done, name), entry)})

    def _do(self, look: Outlook, step: Next) -> bool:
        if isinstance(step, Land):
            return self._land(look, step)
        if isinstance(step, Reject):
            self.tell([judging.reject(self, look, step)])
            return True
        if isinstance(step, Try):
            return self._test(look, step)
        if isinstance(step, Await):
            self._wait(ASK_EVERY)
            self.sync()
            return True
        return self._halt(f"{self.ledger.node.trunk} itself fails its gate") if isinstance(step, Halt) else False

    def _land(self, look: Outlook, step: Land) -> bool:
        frozen = look.state.pause.mode == "frozen"
        low = [entry for entry in step.candidate if look.entries[entry].priority < look.state.pause.floor]
        if frozen and low:
            return self._halt(f"the queue is frozen: {look.state.pause.reason}")
        self.tell(landing.land(self, look, step.candidate))
        return True

    def _test(self, look: Outlook, step: Try) -> bool:
        bad = judging.objections(self, look, step.candidate)
        if bad:
            self.mark(bad)
            return True
        if step.again > 2:
            return self._halt("the gate could not be run to its end")
        self._wait(min(60.0, 2.0**step.again) if step.again else 0.0)
        result = testing.known(self, look, step.candidate)
        if result is not None:
            self.notes.append(result)
            return True
        self._done = replace(self._done, runs=self._done.runs + 1)
        ended = testing.run(self, look, step.candidate)
        with suppress(HubError):
            self.sync()
        return ended and not self._stopped.is_set()

    def _halt(self, why: str) -> bool:
        self._done = replace(self._done, halted=why)
        self.listener.say(f"stopped: {why}")
        return False

    def _wait(self, seconds: float) -> None:
        if seconds:
            self._stopped.wait(seconds)


@contextmanager
def renewed(ledger: Ledger, request: Callable[[], object], every: float) -> Iterator[None]:
    """Make a request again and again while the body runs; one that fails is left out."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(every):
            with suppress(FleetError):
                request()

    keeper = threading.Thread(target=renew, name="queue lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


__all__ = ["Listener", "Oid", "Processed", "Processor", "counted", "renewed"]
