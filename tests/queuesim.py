"""A merge queue that is played through: entries of which some are bad, a gate that may be flaky, runners that take what `choose` says.

Time is counted in gate runs: a run takes 1, give or take a fifth; landing and deciding take nothing. The same seed makes the same entries,
whoever tests them in whatever order, so that a serial queue can be asked for its cost on the same input.
Trees are told apart exactly: the same entries in the same order on the same target are one tree, whatever part of them has landed.
"""

from __future__ import annotations

import heapq
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gitfleet.mergequeue.contenders import Contender, Limits, Running
from gitfleet.mergequeue.evidence import Candidate, Evidence, GroupEnd, RunResult
from gitfleet.mergequeue.selection import Next, ToLand, ToReject, ToTry, choose


@dataclass(frozen=True)
class World:
    """What is played: `entries` of which the share `bad` fails always; a run fails for nothing with the chance `flaky`, and ends without a verdict with `trouble`.

    `pairs` of neighbours fail only together. The trees of the share `known` have a verdict before they are tested. `depth` entries are live at a time,
    as long as there are more. `repair`: the target fails until this entry has landed. `features`: what an entry has besides its id and number.
    """

    entries: int = 400
    bad: float = 0.05
    flaky: float = 0.0
    trouble: float = 0.0
    pairs: float = 0.0
    known: float = 0.0
    runners: int = 1
    depth: int = 100
    window: int = 16
    repair: str = ""
    features: Mapping[int, Contender] = field(default_factory=dict)
    seed: int = 0

    def contender(self, number: int) -> Contender:
        """The entry of that number, the first to come is 0."""
        return replace(self.features.get(number, Contender("")), id=f"e{number}", seq=number)

    def is_bad(self, entry: str) -> bool:
        """Whether it fails whatever it is tested with."""
        return self._chance(f"bad {entry}") < self.bad

    def partner(self, entry: str) -> str:
        """With which other entry it fails, "" if with none."""
        number = int(entry[1:])
        other = number ^ 1
        return f"e{other}" if self._chance(f"pair {number // 2}") < self.pairs else ""

    def passes(self, candidate: Sequence[str], landed: frozenset[str]) -> bool:
        """What a gate without flakes says of a candidate on the target."""
        there = landed | set(candidate)
        fine = not any(self.is_bad(entry) or self.partner(entry) in there for entry in candidate)
        return fine and (not self.repair or self.repair in there)

    def serial(self) -> float:
        """Landed entries per gate run of a queue that tests one entry after the other, once."""
        landed: set[str] = set()
        for number in range(self.entries):
            entry = f"e{number}"
            if self.passes([entry], frozenset(landed)) and self._chance(f"serial {entry}") >= self.flaky:
                landed.add(entry)
        return len(landed) / self.entries

    def _chance(self, of: str) -> float:
        return random.Random(f"{self.seed}:{of}").random()


@dataclass
class Played:
    """What came of it. `waits`: from an entry's coming to its landing; `decided`: to its landing or rejection, by id."""

    runs: int = 0
    free: int = 0
    time: float = 0.0
    landed: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    decided: dict[str, float] = field(default_factory=dict)
    answers: list[Next] = field(default_factory=list)
    last: Next | None = None

    @property
    def median_wait(self) -> float:
        """Of the landed entries, in gate runs."""
        return statistics.median(self.waits)


class Unsafe(AssertionError):
    """What must never happen, whatever is chosen."""


class Play:
    """A queue being played."""

    def __init__(self, world: World) -> None:
        self.world, self.done = world, Played()
        self.random = random.Random(f"{world.seed}:runs")
        self.order: list[Contender] = []
        self.evidence, self.limits = Evidence(), Limits(world.window, world.window)
        self.running: dict[int, Running] = {}
        self.trees: dict[tuple[int, str], int] = {}
        self.target = 0
        self.tested: dict[int, int] = {}
        self.passed: set[int] = set()
        self.events: list[tuple[float, int, GroupEnd]] = []
        self.born: dict[str, float] = {}
        self.made = 0

    def until(self, end: float = float("inf")) -> Played:
        """Play until nothing more can be done, or that time."""
        free = set(range(self.world.runners))
        while True:
            self._come()
            answer = self.ask() if free else None
            if isinstance(answer, ToLand | ToReject):
                self.decide(answer)
            elif isinstance(answer, ToTry):
                self._begin(answer.candidate, min(free), free)
            elif self.events and self.events[0][0] <= end:
                free.add(self._finish())
            else:
                return self.done

    def ask(self) -> Next:
        """What the next runner is told."""
        self.done.last = choose(self.order, self.evidence, list(self.running.values()), self.limits)
        self.done.answers.append(self.done.last)
        return self.done.last

    def _come(self) -> None:
        while len(self.order) < self.world.depth and self.made < self.world.entries:
            one = self.world.contender(self.made)
            self.made += 1
            self.born[one.id] = self.done.time
            self.order.append(one)
            self.order = in_order(self.order)

    def decide(self, answer: ToLand | ToReject) -> None:
        """Land or reject."""
        if isinstance(answer, ToReject):
            self.done.rejected.append(answer.entry)
            self.evidence, self.limits = self.evidence.left(answer.entry), self.limits.rejected()
            self._leave([answer.entry])
            return
        tree = self._tree(answer.candidate)
        if tree not in self.passed:
            raise Unsafe(f"{answer.candidate} lands untested")
        self.target = tree
        self.done.landed += answer.candidate
        self.done.waits += [self.done.time - self.born[entry] for entry in answer.candidate]
        self.evidence, self.limits = (
            self.evidence.landed(answer.candidate),
            self.limits.landed(answer.candidate),
        )
        self.running = {runner: run.landed(answer.candidate) for runner, run in self.running.items()}
        self._leave(answer.candidate)

    def _leave(self, entries: Sequence[str]) -> None:
        gone = set(entries)
        needing = [one.id for one in self.order if one.needs & gone & set(self.done.rejected)]
        for entry in entries:
            self.done.decided[entry] = self.done.time - self.born[entry]
        self.order = [one for one in self.order if one.id not in gone]
        for entry in needing:  # what it needs was rejected: it is blocked
            self.evidence = self.evidence.left(entry)
            self._leave([entry])

    def _tree(self, candidate: Candidate) -> int:
        tree = self.target
        for entry in candidate:
            tree = self.trees.setdefault((tree, entry), len(self.trees) + 1)
        return tree

    def _begin(self, candidate: Candidate, runner: int, free: set[int]) -> None:
        tree = self._tree(candidate)
        if tree in self.tested.values():
            raise Unsafe(f"two runners test {candidate}")
        fine = self.world.passes(candidate, frozenset(self.done.landed))
        if random.Random(f"{self.world.seed}:known {tree}").random() < self.world.known:
            self.done.free += 1
            self._told(RunResult(candidate, GroupEnd.PASSED if fine else GroupEnd.FAILED), tree)
            return
        if self.random.random() < self.world.flaky:
            fine = False
        end = GroupEnd.PASSED if fine else GroupEnd.FAILED
        if self.random.random() < self.world.trouble:
            end = GroupEnd.UNCLEAR
        self.done.runs += 1
        self.limits = self.limits.tried()
        self.running[runner], self.tested[runner] = Running(candidate), tree
        heapq.heappush(self.events, (self.done.time + self.random.uniform(0.8, 1.2), runner, end))
        free.discard(runner)

    def _finish(self) -> int:
        self.done.time, runner, end = heapq.heappop(self.events)
        run = self.running.pop(runner)
        self._told(RunResult(run.entries, end, run.exact), self.tested.pop(runner))
        return runner

    def _told(self, result: RunResult, tree: int) -> None:
        if result.end is GroupEnd.PASSED:
            self.passed.add(tree)
        if result.entries or result.exact:
            self.evidence = Evidence((*self.evidence.runs, result))
        live = {one.id for one in self.order}
        for entry in result.entries:
            if entry not in live:
                self.evidence = self.evidence.left(entry)


def in_order(entries: Sequence[Contender]) -> list[Contender]:
    """By priority, then by number; what is needed is before what needs it."""
    placed: dict[str, Contender] = {}
    live = {one.id: one for one in entries}

    def place(one: Contender) -> None:
        for need in sorted(one.needs & live.keys() - placed.keys()):
            place(live[need])
        placed[one.id] = one

    for one in sorted(entries, key=lambda one: (-one.priority, one.seq)):
        if one.id not in placed:
            place(one)
    return list(placed.values())


def play(world: World, until: float = float("inf")) -> Played:
    """Play a world to its end, or up to a time. Raises Unsafe when something lands untested or is tested twice at once."""
    done = Play(world).until(until)
    if any(world.is_bad(entry) for entry in done.landed):
        raise Unsafe("a bad entry landed")
    return done


def wrong(world: World, done: Played) -> list[str]:
    """Good entries that were rejected: neither bad, nor failing together with what has landed."""
    landed = set(done.landed)
    return [
        entry for entry in done.rejected if not world.is_bad(entry) and world.partner(entry) not in landed
    ]
