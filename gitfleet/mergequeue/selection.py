"""x"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gitfleet.mergequeue.evidence import Candidate, Evidence, RunEnd, RunResult, Suspicion, infer

TURN = 8
BALANCE = 0.567
HOTFIX, URGENT = 80, 60


@dataclass(frozen=True, slots=True)
class Contender:
    """An entry as the choice sees it."""

    id: str
    priority: int = 50
    seq: int = 0
    alone: bool = False
    needs: frozenset[str] = frozenset()
    avoids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Running:
    entries: Candidate
    exact: bool = True

    def landed(self, candidate: Candidate) -> Running:
        if self.exact and self.entries[: len(candidate)] == candidate:
            return Running(self.entries[len(candidate) :])
        return Running(tuple(one for one in self.entries if one not in candidate), exact=False)


@dataclass(frozen=True, slots=True)
class Limits:
    window: int = 16
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Land:
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Reject:
    entry: str
    evidence: tuple[RunResult, ...]


@dataclass(frozen=True, slots=True)
class Try:
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Halt:
    evidence: tuple[RunResult, ...]


@dataclass(frozen=True, slots=True)
class Await:
    """Others' runs."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing."""


Next = Land | Reject | Try | Halt | Await | Idle


def choose(order: Sequence[Contender], evidence: Evidence, running: Sequence[Running], limits: Limits) -> Next:
    return _Choice(order, evidence, running, limits).next()


@dataclass(frozen=True, slots=True)
class _Option:
    value: float
    entries: tuple[Contender, ...]
    urgent: bool
    place: int


class _Choice:
    def __init__(
        self, order: Sequence[Contender], evidence: Evidence, running: Sequence[Running], limits: Limits
    ) -> None:
        self.order, self.limits = order, limits
        self.by_id = {one.id: one for one in order}
        self.place = {one.id: number for number, one in enumerate(order)}
        self.runs = evidence.runs
        self.running = running
        self.found = infer(evidence)
        self.taken = frozenset(
            entry for run in running for entry in run.entries if entry not in self.found.vouched
        )
        self.good = [
            one for one in order if one.id in self.found.vouched and not one.alone and one.priority < HOTFIX
        ]
        self.keep = min(0.99, 1 - BALANCE / max(limits.window, 1)) if limits.window > 1 else 0.5

    def next(self) -> Next:
        return self._land() or self._reject() or self._base() or self._hotfix() or self._test()

    # landing
    def _land(self) -> Land | None:
        passed = [
            run.entries
            for run in self.runs
            if run.exact and run.end is RunEnd.PASSED and run.entries and all(one in self.by_id for one in run.entries)
        ]
        if not passed:
            return None
        hot = [one for one in passed if self.by_id[one[-1]].priority >= HOTFIX]
        if not hot and any(run.exact and self._is_alone(run.entries) for run in self.running):
            return None
        return Land(max(hot or passed, key=lambda one: (len(one), [-self.place[entry] for entry in one])))

    def _is_alone(self, entries: Candidate) -> bool:
        last = self.by_id.get(entries[-1]) if entries else None
        return last is not None and (last.alone or last.priority >= HOTFIX)

    # rejecting
    def _reject(self) -> Reject | None:
        if not self._green():
            return None
        for one in self.order:
            runs = self.found.blame.get(one.id, ())
            if len(runs) >= 2 and any(set(run.entries) <= {one.id, *self._below(one)} for run in runs):
                return Reject(one.id, runs)
        return None

    def _green(self) -> bool:
        return any(run.exact and run.end is RunEnd.PASSED for run in self.runs)

    def _base(self) -> Next | None:
        if self._green():
            return None
        failed = [run for run in self.runs if run.exact and run.end is RunEnd.FAILED]
        base = tuple(run for run in failed if not run.entries)
        if len(base) >= 2:
            return self._hotfix() or Halt(base)
        if len(failed) >= 2 and Running(()) not in self.running:
            return Try(())
        return None

    # tests
    def _hotfix(self) -> Try | None:
        for one in self.order:
            if one.priority >= HOTFIX and frozenset([one.id]) not in self.found.unclear:
                candidate = self._alone(one)
                return None if one.id in self.taken or Running(candidate) in self.running else Try(candidate)
        return None

    def _below(self, one: Contender) -> set[str]:
        found: set[str] = set()
        todo = [one]
        while todo:
            for need in todo.pop().needs:
                if need in self.by_id and need not in found:
                    found.add(need)
                    todo.append(self.by_id[need])
        return found

    def _alone(self, one: Contender) -> Candidate:
        below = self._below(one)
        return tuple(other.id for other in self.order if other.id in below or other.id == one.id)

    def _compose(self, wanted: Iterable[Contender]) -> Candidate:
        wanted = list(wanted)
        if len(wanted) == 1 and (wanted[0].alone or wanted[0].priority >= HOTFIX):
            return self._alone(wanted[0])
        ids = {one.id for one in wanted} | {one.id for one in self.good}
        chosen: dict[str, Contender] = {}
        # the wanted first claim their place: what avoids them is left out
        avoided = {other for one in wanted for other in one.avoids}
        for one in self.order:
            if one.id not in ids or (one.id in avoided and one not in wanted):
                continue
            if any(need in self.by_id and need not in chosen for need in one.needs):
                continue
            if one.avoids & chosen.keys():
                continue
            chosen[one.id] = one
        return tuple(chosen)

    def _fresh(self, start: Contender | None = None) -> list[Contender]:
        known = self.found.vouched | self.found.suspects | self.taken
        group: list[Contender] = [start] if start else []
        for one in self.order:
            if one.id in known or one is start or one.priority >= HOTFIX:
                continue
            if any(need in self.by_id and need not in self.found.vouched and all(need != other.id for other in group) for need in one.needs):
                continue
            if any(one.id in other.avoids or other.id in one.avoids for other in group):
                continue
            if group and (one.alone or (group[0].priority >= URGENT) > (one.priority >= URGENT)):
                break
            if len(group) >= self.limits.window:
                break
            group.append(one)
            if one.alone:
                break
        return group

    def _options(self) -> Iterator[_Option]:
        riding = len(self.good)
        fresh = self._fresh()
        if fresh:
            h = len(fresh)
            yield self._option(self.keep**h * (h + riding), fresh)
        q = self.keep
        for number, sets in enumerate((self.found.failing, self.found.unclear)):
            for suspects in sets:
                if suspects & self.taken:
                    continue
                members = [one for one in self.order if one.id in suspects]
                if not members:
                    continue
                m = len(members)
                if m == 1:
                    yield self._option(0.1 if number else 1.0, members)
                else:
                    h = m // 2
                    chance = (q**h - q**m) / (1 - q**m)
                    yield self._option(chance * (h + riding), members[:h])

    def _option(self, value: float, members: list[Contender]) -> _Option:
        return _Option(value, tuple(members), any(one.priority >= URGENT for one in members), self.place[members[0].id])

    def _candidate(self, members: Sequence[Contender]) -> Candidate:
        if len(members) == 1 and members[0].id in self.found.suspects:
            return self._alone(members[0])
        return self._compose(members)

    def _test(self) -> Next:
        options = list(self._options())
        if self.limits.turn % TURN == TURN - 1:
            oldest = min((one for one in self.order if one.id not in self.taken), key=lambda one: one.seq, default=None)
            if oldest is not None:
                mine = self._oldest(oldest)
                if mine:
                    return Try(mine)
        for option in sorted(options, key=lambda one: (not one.urgent, -one.value, one.place)):
            candidate = self._candidate(option.entries)
            if candidate:
                return Try(candidate)
        alone = next((one for one in self.order if one.id in self.found.vouched and one.alone), None)
        for members in ([alone] if alone else []), self.good:
            if members:
                candidate = self._alone(alone) if alone and members == [alone] else self._compose([])
                if candidate and Running(candidate) not in self.running:
                    return Try(candidate)
        cut = self._cut()
        if cut:
            return Try(cut)
        return Await() if self.running else Idle()

    def _oldest(self, oldest: Contender) -> Candidate | None:
        for suspects in (*self.found.failing, *self.found.unclear):
            if oldest.id in suspects:
                members = [oldest, *(one for one in self.order if one.id in suspects and one is not oldest)]
                return self._candidate(members[: max(1, len(members) // 2)])
        if oldest.id in self.found.vouched:
            return None
        return self._candidate(self._fresh(oldest))

    def _cut(self) -> Candidate | None:
        return None
