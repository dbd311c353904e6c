"""What the gate runs of a queue say about its entries. Pure: a value, and what follows from it.

A run of a candidate says two things. It says whether the tree of *that* candidate on *that* base may land: only a pass that
still stands for the present target (`exact`) does. And it says something of the entries, whatever became of the target
since: those of a candidate that passed are good, one of those of a candidate that failed is bad. The second is what
narrows a failure down, and it outlives a landing.

Only a failure may be false (a flaky check); a pass is proof. So a failure is read in the light of all passes: its *suspects*
are its entries without those that are vouched for. Entries may still fail only together (each passes without the other).
Then failures are left that nothing explains; after two of them the older passes of their entries vouch no longer.
"""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DOUBTS = 2
"""So many failures that no suspect explains, and the passes before them vouch for their entries no longer."""
UNCLEAR = 2
"""So many runs of the same entries that ended without a verdict, and they are divided, without blame."""

Candidate = tuple[str, ...]
"""Entries in the order in which they are put on the target."""


class GroupEnd(enum.Enum):
    """How a run ended. UNCLEAR: without a verdict (a machine's trouble), which says nothing against anyone."""

    PASSED = "passed"
    FAILED = "failed"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run that ended: of which entries, how, and whether it was of the very tree that they make on the present target."""

    entries: Candidate
    end: GroupEnd
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """All runs that say something about live entries or the present target, the first that ended first."""

    runs: tuple[RunResult, ...] = ()

    def landed(self, candidate: Candidate) -> Evidence:
        """After `candidate` has landed: what began with it is exact on the new target, all else says what it says of its entries.

        When the target itself was failing, its failures say nothing of anyone: what has landed has repaired it.
        """
        failing = any(not run.entries and run.exact and run.end is GroupEnd.FAILED for run in self.runs)
        kept = []
        for run in self.runs:
            moved = _moved(run, candidate)
            if run.end is GroupEnd.PASSED:
                if moved.entries or moved.exact:
                    kept.append(moved)
            elif moved.entries and not failing:
                kept.append(moved)
        return Evidence(tuple(kept))

    def left(self, entry: str) -> Evidence:
        """After `entry` was rejected, dropped or given a new head: a failure of a candidate with it may have been its own."""
        kept = []
        for run in self.runs:
            if entry not in run.entries:
                kept.append(run)
            elif run.end is GroupEnd.PASSED and len(run.entries) > 1:
                rest = tuple(one for one in run.entries if one != entry)
                kept.append(RunResult(rest, run.end, exact=False))
        return Evidence(tuple(kept))

    def moved(self) -> Evidence:
        """After the target was moved by others: passes still speak for their entries; failures are forgotten."""
        passed = (run for run in self.runs if run.end is GroupEnd.PASSED and run.entries)
        return Evidence(tuple(RunResult(run.entries, run.end, exact=False) for run in passed))


def _moved(run: RunResult, landed: Candidate) -> RunResult:
    if run.exact and run.entries[: len(landed)] == landed:
        return RunResult(run.entries[len(landed) :], run.end, exact=True)
    return RunResult(tuple(one for one in run.entries if one not in landed), run.end, exact=False)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What follows from all evidence.

    `vouched`: entries that have passed. `failing`: sets of suspects, each the least that a failure leaves, so that none holds
    another. `unclear`: the same for runs without a verdict. `blame`: for an entry the failures that it alone explains.
    """

    vouched: frozenset[str]
    failing: tuple[frozenset[str], ...]
    unclear: tuple[frozenset[str], ...]
    blame: Mapping[str, tuple[RunResult, ...]]

    @property
    def suspects(self) -> frozenset[str]:
        """All entries that some failure leaves."""
        return frozenset().union(*self.failing, *self.unclear)


def infer(evidence: Evidence) -> Suspicion:
    """What follows from the evidence, by the rules above."""
    vouched = _vouched(evidence.runs)
    blame: defaultdict[str, list[RunResult]] = defaultdict(list)
    failing: set[frozenset[str]] = set()
    troubles: Counter[frozenset[str]] = Counter()
    for run in evidence.runs:
        if run.end is GroupEnd.PASSED:
            continue
        suspects = frozenset(run.entries) - vouched
        if run.end is GroupEnd.UNCLEAR:
            troubles[suspects] += 1
        elif suspects:
            failing.add(suspects)
            if len(suspects) == 1:
                blame[next(iter(suspects))].append(run)
    unclear = {entries for entries, count in troubles.items() if entries and count >= UNCLEAR}
    unclear = {one for one in unclear if not any(least <= one for least in failing)}
    return Suspicion(
        vouched, _least(failing), _least(unclear), {entry: tuple(runs) for entry, runs in blame.items()}
    )


def _vouched(runs: Sequence[RunResult]) -> frozenset[str]:
    """Entries that have passed, without those that have since been in too many failures that no suspect explains."""
    passed = {
        entry: number
        for number, run in enumerate(runs)
        if run.end is GroupEnd.PASSED
        for entry in run.entries
    }
    doubts: Counter[str] = Counter()
    for number, run in enumerate(runs):
        if run.end is GroupEnd.FAILED and all(entry in passed for entry in run.entries):
            doubts.update(entry for entry in run.entries if passed[entry] < number)
    return frozenset(entry for entry in passed if doubts[entry] < DOUBTS)


def _least(sets: set[frozenset[str]]) -> tuple[frozenset[str], ...]:
    """Those that hold no other, in an order that depends on nothing but themselves."""
    least = [one for one in sets if not any(other < one for other in sets)]
    return tuple(sorted(least, key=lambda one: (len(one), sorted(one))))
