"""The queue as one moment shows it: what may be tested, what runs have said, and what to do next.

Turns records of the ledger into what `selection` chooses from. A result counts for the tree that it was of. What its
entries come to by now is made only where just they have landed since: anything else is another tree, or known by its verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from gitfleet.codec import Struct
from gitfleet.ledger.model import View
from gitfleet.mergequeue import model, order, selection, states
from gitfleet.mergequeue.candidates import Chains, ChainStep, Clash, Landing, Put, Unknown
from gitfleet.mergequeue.contenders import Contender, Limits, Running
from gitfleet.mergequeue.evidence import Candidate, Evidence, GroupEnd, RunResult
from gitfleet.mergequeue.model import CandidateResult, QueueEntry, QueueState
from gitfleet.mergequeue.selection import Next

_ENDS = {"passed": GroupEnd.PASSED, "failed": GroupEnd.FAILED, "indeterminate": GroupEnd.UNCLEAR}
_FACTOR = 4
_LEAST = 32


class Around(NamedTuple):
    """What a runner knows beside the ledger.

    `target` is the branch that it lands on, `notes` are outcomes that no run of the queue's own gave, `absent` the entries whose
    commits are not here. `stands` tells whether there are verdicts for a candidate that a run is said to have passed: without
    them it cannot land.
    """

    target: str
    notes: Sequence[CandidateResult] = ()
    absent: frozenset[str] = frozenset()
    stands: Callable[[ChainStep], bool] = lambda step: True


class Outlook:
    """One look at the queue, on one commit of its target."""

    def __init__(self, view: View, chains: Chains, now: int, most: int, around: Around) -> None:
        self.view = view
        self.chains = chains
        self.state: QueueState = model.queue(view)
        self.entries = {entry.id: entry for entry in model.awaiting(view, around.target)}
        self._most = most
        self._around = around
        self.runs = model.runs(view)
        self.results = [*model.results(view), *around.notes]
        self._strength = order.priorities(list(self.entries.values()), now)
        self._known: dict[str, QueueEntry | None] = {}
        self._since = self._landed_since()
        self.order = self._eligible(now)
        self.puts: Mapping[str, Put] = self._trial()

    def _eligible(self, now: int) -> list[QueueEntry]:
        """The entries that may be tested now, in order: none that waits for one that may not."""
        pause = self.state.pause
        found: dict[str, QueueEntry] = {}
        for entry in order.order(list(self.entries.values()), now):
            kept = pause.mode == "paused" and self._strength[entry.id].standing < pause.floor
            if entry.state not in states.GOING or kept or entry.id in self._around.absent:
                continue
            if all(need in found or self._has_landed(need) for need in entry.required):
                found[entry.id] = entry
        return list(found.values())

    def _trial(self) -> Mapping[str, Put]:
        """What came of putting them on top of each other, as far as they are looked at."""
        looked = self._looked_at()
        return {
            entry.id: put for entry, put in zip(looked, self.chains.chain(self.landings(looked)), strict=True)
        }

    def _looked_at(self) -> list[QueueEntry]:
        """Every entry that a run was of, wherever it stands by now; the oldest one; and the first few windows of those that are blocked, and of the others.

        So suspects never hide what waits behind them, nor do entries that do not merge with one ahead. Costs O(entries in question + window)
        merges, whatever the length of the queue.
        """
        room = max(_LEAST, _FACTOR * self._most)
        tested = [*(one.entries for one in self.results), *(one.entries for one in self.runs)]
        known = {pin.id for pins in tested for pin in pins}
        if self.order:
            known.add(min(self.order, key=lambda entry: entry.seq).id)
        others = [entry for entry in self.order if entry.id not in known]
        for blocked in (True, False):
            some = [entry.id for entry in others if (entry.state == states.BLOCKED) is blocked]
            known.update(some[:room])
        return [entry for entry in self.order if entry.id in known]

    def below_floor(self, candidate: Candidate) -> bool:
        """Whether an entry of a candidate is one that a pause keeps back."""
        return any(self._strength[entry].standing < self.state.pause.floor for entry in candidate)

    def is_hot(self, candidate: Candidate) -> bool:
        """Whether a candidate is that of a hotfix."""
        return bool(candidate) and self._strength[candidate[-1]].effective >= order.HOTFIX.least

    def pins(self, candidate: Candidate) -> tuple[model.EntryPin, ...]:
        """The entries of a candidate, at their heads."""
        return tuple(self.entries[entry].pin for entry in candidate)

    @property
    def limits(self) -> Limits:
        """How large candidates may be now."""
        window = self.state.window or self._most
        turn = self.state.counts.get("runs", 0) + len(self.runs)
        return Limits(min(window, self._most), self._most, turn)

    def choose(self) -> Next:
        """What a free runner does next."""
        return selection.choose(self.contenders(), self.evidence, self.running(), self.limits)

    def contenders(self) -> list[Contender]:
        """The entries that can be put on the target, as the choice sees them."""
        avoided: dict[str, set[str]] = {}
        for entry, put in self.puts.items():
            if isinstance(put, Clash) and put.with_:
                avoided.setdefault(entry, set()).add(put.with_)
                avoided.setdefault(put.with_, set()).add(entry)
        here = {entry.id for entry in self.order if self._is_fit(entry.id)}
        return [
            Contender(
                entry.id, self._strength[entry.id].effective, entry.seq,
                needs=frozenset(need for need in entry.required if need in here),
                avoids=frozenset(avoided.get(entry.id, ())),
            )
            for entry in self.order
            if entry.id in here and all(need in here or self._has_landed(need) for need in entry.required)
        ]  # fmt: skip

    def _is_fit(self, entry: str) -> bool:
        """Whether an entry can be put on the target at all, be it without one that it conflicts with."""
        put = self.puts.get(entry)
        return isinstance(put, ChainStep) or (isinstance(put, Clash) and bool(put.with_))

    @cached_property
    def evidence(self) -> Evidence:
        """What the runs have said, as far as it still says something."""
        return Evidence(tuple(run for result in self.results for run in self._said(result)))

    def _said(self, result: CandidateResult) -> Iterator[RunResult]:
        end = _ENDS.get(result.outcome)
        if end is None:
            return
        if not result.entries:
            if result.base == self.chains.base:
                yield RunResult((), end)
            return
        live = tuple(pin.id for pin in result.entries if self._is_live(pin))
        landed = sum(self._landed_so(pin) for pin in result.entries)
        gone = len(result.entries) - len(live) - landed
        if not live or (end is not GroupEnd.PASSED and (gone or self._is_past(result, live))):
            return
        exact = not gone and self._since.get(result.base) == landed
        step = self.step(live) if exact else None
        exact = step is not None and step.tree == result.tree
        if end is GroupEnd.PASSED and step is not None and exact and not self._around.stands(step):
            return
        yield RunResult(live, end, exact=exact)

    def _is_past(self, result: CandidateResult, live: Candidate) -> bool:
        """Whether what went wrong says nothing any more: others have moved the target, or somebody asked for another try of an entry."""
        return result.base not in self._since or any(self.entries[one].since > result.ended for one in live)

    def _is_live(self, pin: model.EntryPin) -> bool:
        entry = self.entries.get(pin.id)
        return entry is not None and entry.head == pin.head and entry.state in states.GOING

    def _landed_so(self, pin: model.EntryPin) -> bool:
        entry = self._entry(pin.id)
        return entry is not None and entry.state == states.LANDED and entry.head == pin.head

    def _landed_since(self) -> dict[str, int]:
        """The commits of the target from which it came to where it is by landings of the queue alone, and how many entries landed since."""
        at, count = self.chains.base, 0
        found = {at: count}
        for note in reversed(self.state.landings):
            if note.commit == at:
                at, count = note.base, count + note.entries
                found[at] = count
        return found

    def running(self) -> list[Running]:
        """What live runners test now."""
        found = []
        for run in self.runs:
            live = tuple(pin.id for pin in run.entries if self._is_live(pin))
            step = self.step(live) if live else None
            found.append(Running(live, exact=step is not None and step.tree == run.tree))
        return found

    def step(self, candidate: Candidate) -> ChainStep | None:
        """The end of the chain of a candidate; None where it cannot be made."""
        made = self.made(candidate)
        last = made[-1] if made else None
        return (
            last if isinstance(last, ChainStep) and all(isinstance(one, ChainStep) for one in made) else None
        )

    def made(self, candidate: Candidate) -> list[Put]:
        """The chain of a candidate."""
        return self.chains.chain(self.landings([self.entries[entry] for entry in candidate]))

    def landings(self, entries: Iterable[QueueEntry]) -> list[Landing]:
        """What is to be landed of entries."""
        return [self.landing(entry) for entry in entries]

    def landing(self, entry: QueueEntry) -> Landing:
        """What is to be landed of an entry."""
        return Landing(
            entry.id,
            entry.branch,
            entry.head,
            entry.title,
            entry.session,
            entry.under if entry.stack else "",
        )

    def _has_landed(self, entry_id: str) -> bool:
        found = self._entry(entry_id)
        return found is not None and found.state == states.LANDED

    def _entry(self, entry_id: str) -> QueueEntry | None:
        if entry_id in self.entries:
            return self.entries[entry_id]
        if entry_id not in self._known:
            self._known[entry_id] = model.find(self.view, entry_id)
        return self._known[entry_id]

    def has_failed(self, tree: str) -> bool:
        """Whether a result that is known is a failure of this very tree."""
        return any(one.tree == tree and one.outcome == "failed" for one in self.results)

    def last_failure(self, entry: QueueEntry) -> CandidateResult | None:
        """The failure that shows an entry, at the head that it has, best: of it alone, else of the fewest."""
        failed = [one for one in self.results if one.outcome == "failed" and entry.pin in one.entries]
        return min(reversed(failed), key=lambda one: len(one.entries), default=None)

    def run_of(self, candidate: Candidate, outcome: str) -> CandidateResult | None:
        """The last result of exactly these entries that ended so."""
        pins = self.pins(candidate)
        found = [one for one in self.results if one.entries == pins and one.outcome == outcome]
        return found[-1] if found else None


class MergeFinding(Struct):
    """What a look has found of an entry that is to be recorded: how it merges."""

    entry: QueueEntry
    put: Clash | Unknown | None


def merging(look: Outlook) -> list[MergeFinding]:
    """Entries whose state says something else of how they merge than what was found."""
    found = []
    for entry_id, put in look.puts.items():
        entry = look.entries[entry_id]
        blocked = entry.state == states.BLOCKED and entry.reason == "conflict-ahead"
        if isinstance(put, ChainStep) and blocked:
            found.append(MergeFinding(entry, None))
        elif (
            (isinstance(put, Clash) and put.with_ and entry.evidence.entry != put.with_)
            or isinstance(put, Unknown)
            or (isinstance(put, Clash) and not put.with_)
        ):
            found.append(MergeFinding(entry, put))
    return found
