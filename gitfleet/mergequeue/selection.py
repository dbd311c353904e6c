"""What a runner of the merge queue does next: land a candidate, reject an entry, test a candidate, or wait. Pure.

Every node asks the same question of the same ledger and gets the same answer. Runners need no leader: each sees what the others
test, and takes something else. Safety is not here (a landing's push is safe by itself); this module saves gate runs.

**Groups.** Entries of which nothing is known are tested together, up to a window of them. A group that passes lands at once. Of one that
fails its first half is tested next, and so on: what remains of a failure when all that passed is taken away are its suspects.
When a part fails by itself, the rest is as unknown as before, and returns to its place (nested group testing: Sobel and
Groll 1959; Hwang's binary splitting 1972). A culprit among w entries costs 1 + log2 w runs, and one more that is of it alone.

**The window** doubles when a whole window lands, and is halved by a rejection. So it measures the rate p of bad entries: it hovers
where both are as frequent, (1 - p)^w = p·w, which is w = 0.57/p (the number u with e^-u = u). The least runs for an entry are
needed at 0.69/p, the most landings by a run at 1/p, and between half and twice of that it hardly matters.

**First whole windows, then failures, then what is less than a window** (`WHOLE`). A whole window lands the most, and a small one tells the
least: a queue that tests its newest two entries before it looks into its failures fills up with suspects. Failures of half
a window or more come first, since their halves land the most; the others are followed up in landing order.

**Behind suspects.** Entries do not wait for a failure ahead of them: they land before it. So runners work on disjoint groups, each as good
as a runner alone. A pass on a target that has moved since may not land, but vouches for its entries; these ride at the
front of every further candidate, and land with the first one that passes. (Should they fail only together, all candidates fail;
then they are tested without others, and narrowed as any group is.) A runner for which nothing else is left cuts a
group that others test, at the middle of its greatest uncut part, which is prefix k-section.

**Rejecting** takes two failures that the entry alone explains, all else in them being vouched for by passes, and one of these runs was of
nothing but the entry and what has landed, so that what it needs has landed before. Its second failure often comes free: the group that failed with it. If
none does, it is tested once more: the one retry. The target itself must be known to pass: something has landed on it or passed. If
not, the empty candidate is tested, and when that fails twice nobody is blamed (`Halt`), and only hotfixes are tried.

**Order.** A hotfix is tested first and by itself, and nothing else lands while that run lasts. Then come groups with urgent
entries, without others. Every eighth run (`TURN`) is of the oldest entry, so an entry is decided after at most TURN · (2 + log2 w) runs
for each entry that is older, whatever else arrives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from gitfleet.mergequeue.contenders import HOTFIX, URGENT, Contender, Limits, Running
from gitfleet.mergequeue.evidence import Candidate, Evidence, GroupEnd, RunResult, infer

TURN = 8
"""Every how many runs the oldest entry is tested, whatever its priority."""
WHOLE = 2 / 3
"""What part of a window counts as a whole one: such a group tells 0.9 bits, and is tested before failures are narrowed."""
DOUBTFUL = 3
"""So many failures of candidates that share riders, none of which has passed, and the riders are tested without others."""
RETRIES = 2
"""So many failures that it alone explains, and an entry is rejected; so many of the empty candidate, and the target is at fault."""


@dataclass(frozen=True, slots=True)
class ToLand:
    """The tree of this candidate has passed on the present target: land it."""

    candidate: Candidate


@dataclass(frozen=True, slots=True)
class ToReject:
    """The entry is at fault, by these failures; the last one that is of it alone is the one to show."""

    entry: str
    evidence: tuple[RunResult, ...]


@dataclass(frozen=True, slots=True)
class ToTry:
    """Test this candidate; an empty one is the target itself."""

    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Halt:
    """The target itself fails, by these runs: nothing is tested but hotfixes, and nobody is blamed."""

    evidence: tuple[RunResult, ...]


@dataclass(frozen=True, slots=True)
class Await:
    """All that there is to do is being done by others."""


@dataclass(frozen=True, slots=True)
class Idle:
    """There is nothing to do."""


Next = ToLand | ToReject | ToTry | Halt | Await | Idle


def choose(
    order: Sequence[Contender], evidence: Evidence, running: Sequence[Running], limits: Limits
) -> Next:
    """What a free runner does next. `order`: the live entries in landing order, what is needed before what needs it.

    Held and blocked entries are not in `order`. After ToLand, ToReject and ToTry the caller brings order, evidence, running and limits
    up to date (`landed`, `left` and so on there) and asks again.
    """
    return _Choice(order, evidence, running, limits).next()


class _Option(NamedTuple):
    """A group that could be tested. The least one is: urgent ones, by `rank`, then in landing order."""

    later: bool
    rank: int
    place: int
    members: tuple[Contender, ...]


WINDOW, LARGE, FAILURE, LESS, CONFIRM, TROUBLE = range(6)


class _Choice:
    def __init__(
        self, order: Sequence[Contender], evidence: Evidence, running: Sequence[Running], limits: Limits
    ) -> None:
        self.order, self.runs, self.running, self.limits = order, evidence.runs, running, limits
        self.by_id = {one.id: one for one in order}
        self.place = {one.id: number for number, one in enumerate(order)}
        self.found = infer(evidence)
        self.suspects = self.found.suspects
        vouched = self.found.vouched
        self.settled = {run.entries for run in running if run.exact}
        self.settled |= {run.entries for run in self.runs if run.exact and run.end is GroupEnd.PASSED}
        self.at_fault = [one.id for one in order if self._is_at_fault(one)]
        tested = {entry for run in running for entry in run.entries if entry not in vouched}
        self.taken = frozenset(tested.union(self.at_fault))
        self.riding = frozenset(one.id for one in order if one.id in vouched and not one.by_itself)

    def next(self) -> Next:
        return self._land() or self._reject() or self._target() or self._hotfix() or self._test()

    # What is known already

    def _land(self) -> ToLand | None:
        passed = [
            run.entries
            for run in self.runs
            if run.exact
            and run.end is GroupEnd.PASSED
            and run.entries
            and all(one in self.by_id for one in run.entries)
        ]
        hot = [one for one in passed if self.by_id[one[-1]].priority >= HOTFIX]
        if not hot and any(run.exact and self._is_by_itself(run.entries) for run in self.running):
            return None
        best = max(
            hot or passed, key=lambda one: (len(one), [-self.place[entry] for entry in one]), default=None
        )
        return ToLand(best) if best else None

    def _is_by_itself(self, entries: Candidate) -> bool:
        last = self.by_id.get(entries[-1]) if entries else None
        return last is not None and last.by_itself

    def _reject(self) -> ToReject | None:
        found = self.at_fault[0] if self.at_fault and self._green else ""
        return ToReject(found, self.found.blame[found]) if found else None

    def _is_at_fault(self, one: Contender) -> bool:
        return len(self.found.blame.get(one.id, ())) >= RETRIES and self._was_alone(one)

    def _was_alone(self, one: Contender) -> bool:
        """Whether a run that failed was of nothing but it and what has landed."""
        return any(run.entries == (one.id,) for run in self.found.blame.get(one.id, ()))

    @property
    def _green(self) -> bool:
        """Whether something has passed on the present target; whatever lands leaves the empty candidate as passed."""
        return any(run.exact and run.end is GroupEnd.PASSED for run in self.runs)

    def _target(self) -> Next | None:
        """A test of the target itself, or a halt, once it is in question."""
        if self._green:
            return None
        failed = [run for run in self.runs if run.exact and run.end is GroupEnd.FAILED]
        itself = tuple(run for run in failed if not run.entries)
        if len(itself) >= RETRIES:
            tried = {run.entries for run in failed if failed.count(run) >= RETRIES}
            return self._hotfix(but=tried) or Halt(itself)
        in_question = len(failed) >= RETRIES or self.at_fault
        return ToTry(()) if in_question and Running(()) not in self.running else None

    # What to test

    def _hotfix(self, but: Iterable[Candidate] = ()) -> ToTry | None:
        """The first hotfix by itself, unless it is being tested."""
        for one in self.order:
            if one.priority >= HOTFIX and frozenset([one.id]) not in self.found.unclear:
                candidate = self._step(one)
                if candidate not in but:
                    return None if self._is_running(candidate) else ToTry(candidate)
        return None

    def _is_running(self, candidate: Candidate) -> bool:
        return not self.taken.isdisjoint(candidate[-1:]) or candidate in self.settled

    def _test(self) -> Next:
        candidates = (
            self._candidate(one.members)
            for one in [*self._oldest(), *sorted(self._options(), key=lambda one: one[:-1])]
        )
        candidate = self._riders() or next(filter(None, candidates), ()) or self._rest() or self._cut()
        if candidate:
            return ToTry(candidate)
        return Await() if self.running else Idle()

    def _riders(self) -> Candidate:
        """What rides with every candidate, by itself, once candidates of this target have failed with it again and again."""
        failed = [run for run in self.runs if run.exact and run.end is GroupEnd.FAILED]
        failed = [run for run in failed if not self.riding.isdisjoint(run.entries)]
        candidate = self._compose(()) if len(failed) >= DOUBTFUL else ()
        return () if candidate in self.settled else candidate

    def _options(self) -> Iterator[_Option]:
        fresh = self._fresh()
        if fresh:
            yield self._option(WINDOW if len(fresh) >= WHOLE * self.limits.window else LESS, fresh)
        for sets, rank in ((self.found.failing, FAILURE), (self.found.unclear, TROUBLE)):
            for suspects in sets:
                members = [one for one in self.order if one.id in suspects]
                if not members or suspects & self.taken:
                    continue
                yield self._option(
                    self._rank(members) if rank == FAILURE else rank, members[: len(members) // 2 or 1]
                )

    def _rank(self, suspects: Sequence[Contender]) -> int:
        if len(suspects) * 2 >= self.limits.window > 2:
            return LARGE
        return CONFIRM if len(suspects) == 1 and self._was_alone(suspects[0]) else FAILURE

    def _option(self, rank: int, members: Sequence[Contender]) -> _Option:
        later = all(one.priority < URGENT for one in members)
        return _Option(later, rank, self.place[members[0].id], tuple(members))

    def _oldest(self) -> Iterator[_Option]:
        """Every eighth run: what brings the oldest entry nearer to a decision."""
        if self.limits.turn % TURN != TURN - 1 or not self.order:
            return
        oldest = min(self.order, key=lambda one: (one.seq, one.id))
        first = self.by_id[self._step(oldest)[-1]]
        if first.id in self.taken or (first.id in self.found.vouched and not first.by_itself):
            return
        for suspects in (*self.found.failing, *self.found.unclear):
            if first.id in suspects:
                others = [one for one in self.order if one.id in suspects - {first.id}]
                if self.taken.isdisjoint(suspects):
                    yield self._option(FAILURE, [first, *others][: (len(others) + 1) // 2 or 1])
                return
        yield self._option(WINDOW, self._fresh(first))

    def _fresh(self, first: Contender | None = None) -> list[Contender]:
        """A window of entries of which nothing is known, in landing order; urgent ones keep to themselves."""
        known = self.found.vouched | self.suspects | self.taken
        group = [first] if first else []
        for one in self.order:
            if len(group) >= self.limits.window or (group and (group[0].by_itself or one.alone)):
                break
            if one.id in known or one is first or one.priority >= HOTFIX or not self._fits(one, group):
                continue
            if group and not first and group[0].priority >= URGENT > one.priority:
                break
            group.append(one)
        return group

    def _fits(self, one: Contender, group: Sequence[Contender]) -> bool:
        ids = {other.id for other in group}
        if one.alone:
            return all(need not in self.by_id for need in one.needs)
        there = self.riding | ids
        return (
            all(need in there or need not in self.by_id for need in one.needs) and not self._avoid(one) & ids
        )

    def _rest(self) -> Candidate:
        """What has passed, though not on the present target, and has nothing left to ride with."""
        for one in self.order:
            if one.id in self.found.vouched and one.by_itself and not self._is_running(self._step(one)):
                return self._step(one)
        candidate = self._compose(())
        return () if candidate in self.settled else candidate

    def _cut(self) -> Candidate:
        """The middle of the greatest uncut part of what others test."""
        best: tuple[int, Candidate] = (1, ())
        for run in self.running:
            group = self._region(frozenset(run.entries) - self.found.vouched)
            if len(group) < 2 or self._is_by_itself(run.entries):
                continue
            cuts = {0, len(group)}
            for other in self.running:
                part = [entry for entry in other.entries if entry not in self.found.vouched]
                if [one.id for one in group[: len(part)]] == part:
                    cuts.add(len(part))
            bounds = sorted(cuts)
            for low, high in pairwise(bounds):
                candidate = self._compose(group[: (low + high) // 2]) if high - low > best[0] else ()
                if candidate and candidate not in self.settled:
                    best = high - low, candidate
        return best[1]

    def _region(self, tested: frozenset[str]) -> list[Contender]:
        """The entries among which a culprit of this run is: the least failure within it, or the one that it narrows, or all of it."""
        within = [one for one in self.found.failing if one <= tested]
        around = [one for one in self.found.failing if one >= tested]
        region = (within or around or [tested])[0]
        return [one for one in self.order if one.id in region]

    # Candidates

    def _with_needs(self, one: Contender) -> Candidate:
        """An entry by itself, on top of all that it needs."""
        found, todo = {one.id}, [one]
        while todo:
            more = [need for need in todo.pop().needs if need in self.by_id and need not in found]
            found.update(more)
            todo += [self.by_id[need] for need in more]
        return (*sorted(found - {one.id}, key=self.place.__getitem__), one.id)

    def _step(self, one: Contender) -> Candidate:
        """An entry by itself; or, before it, the first that it needs and for which nothing vouches; or, when it is blamed, all those: they land first."""
        candidate = self._with_needs(one)
        first = next((entry for entry in candidate if entry not in self.found.vouched), one.id)
        if first != one.id:
            return self._step(self.by_id[first])
        return self._mergeable(candidate[:-1] or candidate if one.id in self.found.blame else candidate)

    def _mergeable(self, candidate: Candidate) -> Candidate:
        """What comes in it before the first that does not merge with another in front of it: that lands first."""
        for number, entry in enumerate(candidate):
            if not self._avoid(self.by_id[entry]).isdisjoint(candidate[:number]):
                return candidate[:number]
        return candidate

    def _candidate(self, members: Sequence[Contender]) -> Candidate:
        if len(members) == 1 and (members[0].by_itself or members[0].id in self.suspects):
            candidate = self._step(members[0])
            return () if self._is_running(candidate) else candidate
        return self._compose(members)

    def _compose(self, members: Sequence[Contender]) -> Candidate:
        """`members` and all that rides with them, in landing order; () when none of the members can be there."""
        wanted = {one.id for one in members}
        avoided = frozenset().union(*(self._avoid(one) for one in members)) - wanted
        chosen: dict[str, None] = {}
        for one in self.order:
            there = one.id in wanted or (one.id in self.riding and one.id not in avoided)
            needs = all(need in chosen or need not in self.by_id for need in one.needs)
            if there and needs and self._avoid(one).isdisjoint(chosen):
                chosen[one.id] = None
        return tuple(chosen) if not wanted or wanted & chosen.keys() else ()

    def _avoid(self, one: Contender) -> frozenset[str]:
        return one.avoids | self._avoiders.get(one.id, frozenset())

    @cached_property
    def _avoiders(self) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for one in self.order:
            for other in one.avoids:
                found[other] = found.get(other, frozenset()) | {one.id}
        return found
