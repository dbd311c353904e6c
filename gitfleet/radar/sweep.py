"""One round: which of these heads will conflict with the base, and which with each other.

First each head is merged with the base, and all pairs are then judged between the results: what looks like a conflict of
two branches is mostly one of both with the base. Pairs are merged only where their paths meet and, in files that both edit,
where their lines touch. What is known from earlier rounds is not tried again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import NamedTuple

from gitfleet.codec import JSON
from gitfleet.git.quarantine import Conflicted, Merge, Merged, Quarantine, Unmergeable
from gitfleet.radar import contents, definitions, deltas, landing_order
from gitfleet.radar.cache import CLASHES, NORMAL, RANGES, TEXTS, Cache, packed
from gitfleet.radar.deltas import Delta, Meeting
from gitfleet.radar.lineages import Lineage
from gitfleet.radar.model import BaseClash, Doublet, Effort, Findings, PairClash, PathClash, Untold, WorkHead

_TIME = 1800.0
_TEXT = frozenset(["unspecified", "set", "text"])


class _Broken(NamedTuple):
    """A tip that conflicts with the base."""

    paths: tuple[PathClash, ...]


_Normalised = Merged | _Broken | Unmergeable
_Two = tuple[WorkHead, WorkHead]
_NONE = Delta({})


class _Side(NamedTuple):
    """A head, and its tree as it would be after a merge with the base."""

    head: WorkHead
    tree: str


class _Pair(NamedTuple):
    """Two that meet, as seen from the tree `base`; "" where only their whole history tells."""

    one: _Side
    two: _Side
    meeting: Meeting
    base: str
    deltas: tuple[Delta, Delta]

    @property
    def key(self) -> tuple[str, ...]:
        if not self.base:
            return "history", self.one.head.commit, self.two.head.commit, self.one.tree, self.two.tree
        return tuple(sorted(delta.digest for delta in self.deltas))

    def triple(self, path: str) -> tuple[str, str, str]:
        one, two = (delta.changes[path] for delta in self.deltas)
        return one.old, min(one.new, two.new), max(one.new, two.new)

    def sides(self, path: str) -> list[tuple[str, str]]:
        changes = [delta.changes[path] for delta in self.deltas]
        return [(change.old, change.new) for change in changes]


class RadarSweep:
    """A round over some heads; `base` is a commit. Not for use twice. `deltas` is what one round keeps for the next in memory."""

    def __init__(
        self, place: Quarantine, cache: Cache, base: str, deltas: dict[tuple[str, str], Delta] | None = None
    ) -> None:
        self._place = place
        self._cache = cache
        self._base = base
        self._tree = place.tree(base)
        self._deltas = {} if deltas is None else deltas
        self._used: set[tuple[str, str]] = set()
        self._untold: list[Untold] = []
        self._known = 0
        self._at_first = place.merges

    def run(self, heads: Sequence[WorkHead]) -> Findings:
        """What there is to find. Raises GitFailed."""
        lineage = Lineage(self._place, self._base, (tip for head in heads for tip in (head.commit, head.tip)))
        heads = _distinct([head for head in heads if lineage.lacked(head.commit)])
        apart = _apart(heads, lineage)
        trees = self._normalise([head.commit for head in heads], apart, lineage)
        for head in heads:
            if isinstance(failed := trees[head.commit], Unmergeable):
                self._untold.append(Untold((head.name,), failed.words))
        pairs = self._candidates(heads, apart, trees, lineage)
        verdicts, touching = self._judge(pairs)
        clashes = [
            PairClash(*_ordered(pair.one.head, pair.two.head), self._with_hunks(pair, paths))
            for pair, paths in verdicts if paths
        ]  # fmt: skip
        doublets = self._doublets([pair for pair, paths in verdicts if paths == ()])
        broken = [
            BaseClash(head, found.paths) for head in heads if isinstance(found := trees[head.commit], _Broken)
        ]
        stacks = _stacked(heads, lineage)
        spent = Effort(
            heads=len(heads), pairs=len(heads) * (len(heads) - 1) // 2, met=len(pairs), touching=touching,
            merges=self._place.merges - self._at_first, known=self._known,
        )  # fmt: skip
        order = landing_order.suggest(heads, clashes, [one.head for one in broken], stacks)
        names = [(one.name, other.name) for one, other in stacks]
        return Findings(
            self._base, heads, _sorted(clashes), broken, doublets, self._untold, order, names, spent
        )

    def _normalise(
        self, tips: Sequence[str], apart: Iterable[tuple[str, ...]], lineage: Lineage
    ) -> dict[str, _Normalised]:
        """What becomes of tips, and of where pairs have parted, by a merge with the base. What contains the base stays as it is."""
        fingerprint = self._place.rules.fingerprint
        commits = dict.fromkeys([*tips, *(bases[0] for bases in apart if len(bases) == 1)])
        found: dict[str, _Normalised] = {}
        for commit in commits:
            known = self._cache.get("normal", (fingerprint, self._base, commit), NORMAL)
            if isinstance(known, str):
                found[commit] = Merged(known)
            elif known is not None:
                found[commit] = _Broken(known)
            elif lineage.has_base(commit):
                found[commit] = Merged(self._place.tree(commit))
        fresh = [commit for commit in commits if commit not in found]
        for commit, answer in zip(
            fresh, self._place.merge_all([(self._base, commit) for commit in fresh]), strict=True
        ):
            found[commit] = _Broken(_paths(answer)) if isinstance(answer, Conflicted) else answer
            if isinstance(answer, Merged | Conflicted):
                value = answer.tree if isinstance(answer, Merged) else packed(_paths(answer))
                self._cache.put("normal", (fingerprint, self._base, commit), value)
        return found

    def _candidates(
        self,
        heads: Sequence[WorkHead],
        apart: Mapping[tuple[str, ...], Collection[_Two]],
        trees: Mapping[str, _Normalised],
        lineage: Lineage,
    ) -> list[_Pair]:
        """The pairs that meet and are not silent. Most have parted where the base is; others are judged from where they have."""
        whole = [_Side(head, found.tree) for head in heads if isinstance(found := trees[head.commit], Merged)]
        pairs = self._meeting(
            self._tree, whole, lambda one, two: not _silent(one, two, lineage) and not lineage.parted(one.commit, two.commit)
        )  # fmt: skip
        side = {one.head: one for one in whole}
        for bases, both in apart.items():
            inside = {(side[one], side[two]) for one, two in both if one in side and two in side}
            start = trees.get(bases[0])
            if len(bases) == 1 and isinstance(start, Merged):
                members = list(dict.fromkeys(one for two in sorted(inside) for one in two))
                wanted = {frozenset((one.head, two.head)) for one, two in inside}
                pairs += self._meeting(start.tree, members, partial(_is_among, wanted))
            else:
                pairs += [
                    _Pair(one, two, Meeting((), other=True), "", (_NONE, _NONE))
                    for one, two in sorted(inside)
                ]
        for key in self._deltas.keys() - self._used:
            del self._deltas[key]
        return pairs

    def _meeting(
        self, base: str, sides: Sequence[_Side], wanted: Callable[[WorkHead, WorkHead], bool]
    ) -> list[_Pair]:
        """The pairs of these that meet, seen from the tree `base`."""
        keys = [(base, one.tree) for one in sides]
        fresh = [tree for _, tree in keys if (base, tree) not in self._deltas]
        for tree, delta in deltas.read(self._place, base, fresh).items() if fresh else ():
            self._deltas[base, tree] = delta
        self._used.update(keys)
        found = [self._deltas[key] for key in keys]
        near = [
            (a, b) for a, b in sorted(deltas.meeting(found)) if wanted(sides[a].head, sides[b].head)
        ]  # fmt: skip
        special = self._special([(found[a], found[b]) for a, b in near])
        return [
            _Pair(sides[a], sides[b], deltas.meet(found[a], found[b], special), base, (found[a], found[b]))
            for a, b in near
        ]

    def _special(self, near: Sequence[tuple[Delta, Delta]]) -> frozenset[str]:
        """The paths that both sides of a pair change and that git does not merge as text."""
        if not self._place.rules.attributes:
            return frozenset()
        shared = {path for one, two in near for path in one.changes.keys() & two.changes.keys()}
        if not shared:
            return frozenset()
        data = "\0".join(sorted(shared))
        out = os.fsdecode(
            self._place.git.run("check-attr", "-z", "--stdin", "merge", data=os.fsencode(data), timeout=_TIME)
        ).split("\0")
        return frozenset(path for path, said in zip(out[::3], out[2::3], strict=False) if said not in _TEXT)

    def _judge(self, pairs: Sequence[_Pair]) -> tuple[list[tuple[_Pair, tuple[PathClash, ...] | None]], int]:
        """The paths in conflict of each pair, () for none, None where it cannot be told; and how many had to be judged."""
        self._learn_ranges(pairs)
        edits = [self._edits(pair) for pair in pairs]
        doubtful = [place for place, pair in enumerate(pairs) if pair.meeting.other or edits[place]]
        self._learn_files([(pairs[place], edits[place]) for place in doubtful])
        verdicts: list[tuple[PathClash, ...] | None] = [()] * len(pairs)
        fresh = []
        for place in doubtful:
            verdicts[place] = known = self._remembered(pairs[place], edits[place])
            if known is None:
                fresh.append(place)
        answers = self._merge([pairs[place] for place in fresh])
        for place, answer in zip(fresh, answers, strict=True):
            verdicts[place] = self._learned(pairs[place], answer)
        return list(zip(pairs, verdicts, strict=True)), len(doubtful)

    def _learn_files(self, doubtful: Sequence[tuple[_Pair, Sequence[str]]]) -> None:
        """Merge the files of all pairs that do nothing else than edit files, where that is not known."""
        fingerprint = self._place.rules.fingerprint
        wanted = {pair.triple(path) for pair, edits in doubtful if not pair.meeting.other for path in edits}
        unknown = sorted(
            triple for triple in wanted if self._cache.get("files", (fingerprint, *triple), TEXTS) is None
        )
        self._known += len(wanted) - len(unknown)
        found = contents.merge(self._place, unknown)
        if not isinstance(found, str):  # else each pair is merged by itself
            for triple, kinds in found.items():
                self._cache.put("files", (fingerprint, *triple), kinds)

    def _learn_ranges(self, pairs: Sequence[_Pair]) -> None:
        wanted = {side for pair in pairs for path in pair.meeting.edits for side in pair.sides(path)}
        unknown = [side for side in wanted if self._cache.get("ranges", side, JSON) is None]
        for side, lines in contents.ranges(self._place, unknown).items():
            self._cache.put("ranges", side, "binary" if lines is None else lines)

    def _ranges(self, side: tuple[str, str]) -> contents.Ranges:
        return self._cache.get("ranges", side, RANGES)

    def _with_hunks(self, pair: _Pair, paths: Sequence[PathClash]) -> tuple[PathClash, ...]:
        edits = set(pair.meeting.edits)
        return tuple(
            one._replace(hunks=contents.common(*(self._ranges(side) for side in pair.sides(one.path))))
            if one.path in edits else one
            for one in paths
        )  # fmt: skip

    def _edits(self, pair: _Pair) -> list[str]:
        """The files that both edit in lines that touch."""
        return [
            path
            for path in pair.meeting.edits
            if not contents.apart(*(self._ranges(side) for side in pair.sides(path)))
        ]

    def _remembered(self, pair: _Pair, edits: Sequence[str]) -> tuple[PathClash, ...] | None:
        fingerprint = self._place.rules.fingerprint
        if pair.meeting.other:
            whole = self._cache.get("pairs", (fingerprint, *pair.key), CLASHES)
            self._known += whole is not None
            return whole
        found = []
        for path in edits:
            kinds = self._cache.get("files", (fingerprint, *pair.triple(path)), TEXTS)
            if kinds is None:
                return None
            found += [PathClash(path, kinds)] if kinds else []
        return tuple(found)

    def _merge(self, pairs: Sequence[_Pair]) -> list[Merge]:
        return self._place.merge_all([(self._commit(pair, 0), self._commit(pair, 1)) for pair in pairs])

    def _commit(self, pair: _Pair, side: int) -> str:
        """A commit for one side of a pair: on top of what the pair is seen from, or with its own history."""
        one = (pair.one, pair.two)[side]
        if not pair.base:
            return self._place.stand_in(one.tree, self._base, one.head.commit)
        return self._place.stand_in(one.tree, self._place.stand_in(pair.base))

    def _learned(self, pair: _Pair, answer: Merge) -> tuple[PathClash, ...] | None:
        if isinstance(answer, Unmergeable):
            self._untold.append(Untold((pair.one.head.name, pair.two.head.name), answer.words))
            return None
        paths = _paths(answer) if isinstance(answer, Conflicted) else ()
        self._cache.put("pairs", (self._place.rules.fingerprint, *pair.key), packed(paths))
        return paths

    def _doublets(self, clean: Sequence[_Pair]) -> list[Doublet]:
        """Names that both sides of a clean pair define in one file, where none of their lines touch."""
        asked = [
            (pair, path)
            for pair in clean
            for path in pair.meeting.edits
            if definitions.is_code(path)
            and contents.apart(*(self._ranges(side) for side in pair.sides(path)))
        ]
        blobs = {(oid, path) for pair, path in asked for side in pair.sides(path) for oid in side}
        known = definitions.read(self._place.git, self._cache, blobs)
        found = []
        for pair, path in asked:
            new = [known[new, path] - known[old, path] for old, new in pair.sides(path)]
            found += [
                Doublet(*_ordered(pair.one.head, pair.two.head), path, definitions.words(name))
                for name in new[0] & new[1]
            ]
        return sorted(found, key=lambda one: (one.one.name, one.two.name, one.path, one.name))


def _distinct(heads: Sequence[WorkHead]) -> list[WorkHead]:
    """One head of those at the same commit: of a session rather than of none."""
    found: dict[str, WorkHead] = {}
    for head in sorted(heads, key=lambda one: (not one.owner, not one.dirty, one.name)):
        found.setdefault(head.commit, head)
    return sorted(found.values(), key=lambda head: (head.name, head.dirty, head.commit))


def _is_among(wanted: Collection[frozenset[WorkHead]], one: WorkHead, two: WorkHead) -> bool:
    return frozenset((one, two)) in wanted


def _apart(heads: Sequence[WorkHead], lineage: Lineage) -> dict[tuple[str, ...], list[_Two]]:
    """The pairs that have parted from each other later than from the base, by where that was; without those that are silent."""
    found: dict[tuple[str, ...], list[_Two]] = {}
    for one, two in combinations(heads, 2):
        bases = lineage.parted(one.commit, two.commit)
        if bases and not _silent(one, two, lineage):
            found.setdefault(bases, []).append((one, two))
    return found


def _silent(one: WorkHead, two: WorkHead, lineage: Lineage) -> bool:
    """Whether nobody needs to be told: along a stack, and within one session."""
    same = bool(one.owner) and one.owner == two.owner
    return same or _contains(one, two, lineage) or _contains(two, one, lineage)


def _contains(upper: WorkHead, lower: WorkHead, lineage: Lineage) -> bool:
    """Whether one is stacked on the other: it has all its commits, if not what is uncommitted there."""
    return lineage.contains(upper.commit, lower.commit) or (
        lower.tip != upper.tip and lineage.contains(upper.commit, lower.tip)
    )


def _stacked(heads: Sequence[WorkHead], lineage: Lineage) -> list[_Two]:
    """The pairs of which the second contains the first."""
    return [
        pair
        for one, two in combinations(heads, 2)
        for pair in ((one, two), (two, one))
        if _contains(pair[1], pair[0], lineage)
    ]


def _ordered(one: WorkHead, two: WorkHead) -> tuple[WorkHead, WorkHead]:
    """Who goes first, first: by the queue's priority, then who came first, and a branch of nobody before a session's."""
    first, second = sorted(
        (one, two), key=lambda head: (-head.rank, head.since, head.owner, head.name, head.commit)
    )
    return first, second


def _sorted(clashes: Sequence[PairClash]) -> list[PairClash]:
    return sorted(clashes, key=lambda clash: (clash.one.name, clash.two.name))


def _paths(answer: Conflicted) -> tuple[PathClash, ...]:
    kinds: dict[str, list[str]] = {stage.path: [] for stage in answer.stages}
    for note in answer.notes:
        for path in note.paths[:1] if note.paths and note.paths[0] in kinds else note.paths:
            kinds.setdefault(path, []).append(note.kind)
    return tuple(PathClash(path, tuple(dict.fromkeys(said))) for path, said in sorted(kinds.items()))
