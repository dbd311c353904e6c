"""One round: which of these heads will conflict with the base, and which with each other.

First each head is merged with the base, and all pairs are then judged between the results: what looks like a conflict of
two branches is mostly one of both with the base. Pairs are merged only where their paths meet and, in files that both edit,
where their lines touch. What is known from earlier rounds is not tried again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from gitfleet.git.quarantine import Conflicted, Merge, Merged, Quarantine, Unmergeable
from gitfleet.radar import contents, definitions, deltas, landing_order
from gitfleet.radar.cache import Cache, packed, unpacked
from gitfleet.radar.deltas import Delta, Meeting
from gitfleet.radar.model import BaseClash, Clash, Doublet, Effort, Findings, PathClash, Untold, WorkHead

_TIME = 1800.0
_TEXT = frozenset(["unspecified", "set", "text"])


class _Normal(NamedTuple):
    """A head as it would be after a merge with the base."""

    head: WorkHead
    tree: str
    delta: Delta


class _Pair(NamedTuple):
    one: _Normal
    two: _Normal
    meeting: Meeting

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(sorted((self.one.delta.digest, self.two.delta.digest)))

    def triple(self, path: str) -> tuple[str, str, str]:
        one, two = self.one.delta.changes[path], self.two.delta.changes[path]
        return one.old, min(one.new, two.new), max(one.new, two.new)

    def sides(self, path: str) -> list[tuple[str, str]]:
        changes = (self.one.delta.changes[path], self.two.delta.changes[path])
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
        self._untold: list[Untold] = []
        self._known = 0
        self._at_first = place.merges

    def run(self, heads: Sequence[WorkHead]) -> Findings:
        """What there is to find. Raises GitFailed."""
        below, ahead = self._stacks([commit for head in heads for commit in (head.commit, head.tip)])
        heads = _distinct([head for head in heads if head.commit in below])
        normal, broken = self._normalise(heads, ahead)
        pairs = self._candidates(normal, below)
        verdicts, touching = self._judge(pairs)
        clashes = [Clash(*_ordered(p.one.head, p.two.head), paths) for p, paths in verdicts if paths]
        clean = [pair for pair, paths in verdicts if paths == ()]
        doublets = self._doublets(clean)
        stacks = _stacked(heads, below)
        spent = Effort(
            heads=len(heads), pairs=len(heads) * (len(heads) - 1) // 2, met=len(pairs), touching=touching,
            merges=self._place.merges - self._at_first, known=self._known,
        )  # fmt: skip
        order = landing_order.suggest(heads, clashes, [one.head for one in broken], stacks)
        names = [(one.name, other.name) for one, other in stacks]
        return Findings(
            self._base, heads, _sorted(clashes), broken, doublets, self._untold, order, names, spent
        )

    def _stacks(self, commits: Collection[str]) -> tuple[dict[str, frozenset[str]], frozenset[str]]:
        """Of each commit that the base lacks, those of `commits` that it contains; and those that contain the base. One git process."""
        data = "".join(f"{commit}\n" for commit in dict.fromkeys(commits)) + f"^{self._base}\n"
        out = self._place.git.run(
            "rev-list", "--stdin", "--topo-order", "--reverse", "--no-commit-header", "--format=%H %T %P",
            data=data.encode(), timeout=_TIME,
        )  # fmt: skip
        wanted, found = {*commits, self._base}, {self._base: frozenset([self._base])}
        for row in out.decode("ascii").splitlines():
            commit, tree, *parents = row.split(" ")
            if commit in wanted:
                self._place.know(commit, tree)
            own = frozenset([commit]) if commit in wanted else frozenset()
            found[commit] = own.union(*(found.get(parent, frozenset()) for parent in parents))
        del found[self._base]
        lacked = {commit: found[commit] for commit in wanted if commit in found}
        ahead = frozenset(commit for commit, inside in lacked.items() if self._base in inside)
        return {commit: inside - {self._base} for commit, inside in lacked.items()}, ahead

    def _normalise(
        self, heads: Sequence[WorkHead], ahead: Collection[str]
    ) -> tuple[list[_Normal], list[BaseClash]]:
        """The heads as they are after a merge with the base, and those that conflict with it. What contains it is so already."""
        fingerprint = self._place.rules.fingerprint
        keys = [(fingerprint, self._base, head.commit) for head in heads]
        for head, key in zip(heads, keys, strict=True):
            if head.commit in ahead and self._cache.get("normal", key) is None:
                self._cache.put("normal", key, self._place.tree(head.commit))
        fresh = [
            head for head, key in zip(heads, keys, strict=True) if self._cache.get("normal", key) is None
        ]
        merged = self._place.merge_all([(self._base, head.commit) for head in fresh])
        for head, answer in zip(fresh, merged, strict=True):
            if isinstance(answer, Unmergeable):
                self._untold.append(Untold((head.name,), answer.words))
            else:
                value = answer.tree if isinstance(answer, Merged) else packed(_paths(answer))
                self._cache.put("normal", (fingerprint, self._base, head.commit), value)
        told = [(head, self._cache.get("normal", key)) for head, key in zip(heads, keys, strict=True)]
        found = self._read_deltas([value for _, value in told if isinstance(value, str)])
        normal = [_Normal(head, value, found[value]) for head, value in told if isinstance(value, str)]
        broken = [BaseClash(head, unpacked(value)) for head, value in told if isinstance(value, list)]
        return normal, broken

    def _read_deltas(self, trees: Sequence[str]) -> dict[str, Delta]:
        """What lies between the base and each tree; what an earlier round of this process has read is not read again."""
        fresh = [tree for tree in trees if (self._tree, tree) not in self._deltas]
        read = deltas.read(self._place, self._tree, fresh) if fresh else {}
        found = {tree: read.get(tree) or self._deltas[self._tree, tree] for tree in trees}
        self._deltas.clear()
        self._deltas.update({(self._tree, tree): delta for tree, delta in found.items()})
        return found

    def _candidates(self, normal: Sequence[_Normal], below: Mapping[str, Collection[str]]) -> list[_Pair]:
        """The pairs that meet and are not silent: along a stack, and within one session, nobody needs to be told."""
        near = [
            (normal[a], normal[b])
            for a, b in sorted(deltas.meeting([one.delta for one in normal]))
            if not _silent(normal[a].head, normal[b].head, below)
        ]
        special = self._special(near)
        return [_Pair(one, two, deltas.meet(one.delta, two.delta, special)) for one, two in near]

    def _special(self, near: Sequence[tuple[_Normal, _Normal]]) -> frozenset[str]:
        """The paths that both sides of a pair change and that git does not merge as text."""
        if not self._place.rules.attributes:
            return frozenset()
        shared = {path for one, two in near for path in one.delta.changes.keys() & two.delta.changes.keys()}
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
            triple for triple in wanted if self._cache.get("files", (fingerprint, *triple)) is None
        )
        self._known += len(wanted) - len(unknown)
        found = contents.merge(self._place, unknown)
        if not isinstance(found, str):  # else each pair is merged by itself
            for triple, kinds in found.items():
                self._cache.put("files", (fingerprint, *triple), kinds)

    def _learn_ranges(self, pairs: Sequence[_Pair]) -> None:
        wanted = {side for pair in pairs for path in pair.meeting.edits for side in pair.sides(path)}
        unknown = [side for side in wanted if self._cache.get("ranges", side) is None]
        for side, lines in contents.ranges(self._place, unknown).items():
            self._cache.put("ranges", side, "binary" if lines is None else lines)

    def _ranges(self, side: tuple[str, str]) -> contents.Ranges:
        found = self._cache.get("ranges", side)
        return found if isinstance(found, list) else None

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
            whole = self._cache.get("pairs", (fingerprint, *pair.key))
            self._known += whole is not None
            return None if whole is None else unpacked(whole)
        verdicts = [(path, self._cache.get("files", (fingerprint, *pair.triple(path)))) for path in edits]
        if any(verdict is None for _, verdict in verdicts):
            return None
        return tuple(PathClash(path, tuple(kinds)) for path, kinds in verdicts if kinds)

    def _merge(self, pairs: Sequence[_Pair]) -> list[Merge]:
        root = self._place.stand_in(self._tree)
        commits = {pair.tree: self._place.stand_in(pair.tree, root) for two in pairs for pair in two[:2]}
        return self._place.merge_all([(commits[pair.one.tree], commits[pair.two.tree]) for pair in pairs])

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


def _silent(one: WorkHead, two: WorkHead, below: Mapping[str, Collection[str]]) -> bool:
    same = bool(one.owner) and one.owner == two.owner
    return same or _contains(one, two, below) or _contains(two, one, below)


def _contains(upper: WorkHead, lower: WorkHead, below: Mapping[str, Collection[str]]) -> bool:
    """Whether one is stacked on the other: it has all its commits, if not what is uncommitted there."""
    found = below[upper.commit]
    return lower.commit in found or (lower.tip != upper.tip and lower.tip in found)


def _stacked(
    heads: Sequence[WorkHead], below: Mapping[str, Collection[str]]
) -> list[tuple[WorkHead, WorkHead]]:
    """The pairs of which the second contains the first."""
    at: dict[str, list[WorkHead]] = {}
    for head in heads:
        for commit in {head.commit, head.tip}:
            at.setdefault(commit, []).append(head)
    found = [
        (lower, upper)
        for upper in heads
        for commit in below[upper.commit]
        for lower in at.get(commit, ())
        if lower != upper and _contains(upper, lower, below)
    ]
    return sorted(set(found), key=lambda pair: (pair[0].name, pair[1].name))


def _ordered(one: WorkHead, two: WorkHead) -> tuple[WorkHead, WorkHead]:
    """Who came first, first; a branch of nobody before a session's."""
    first, second = sorted((one, two), key=lambda head: (head.since, head.name, head.commit))
    return first, second


def _sorted(clashes: Sequence[Clash]) -> list[Clash]:
    return sorted(clashes, key=lambda clash: (clash.one.name, clash.two.name))


def _paths(answer: Conflicted) -> tuple[PathClash, ...]:
    kinds: dict[str, list[str]] = {stage.path: [] for stage in answer.stages}
    for note in answer.notes:
        for path in note.paths[:1] if note.paths and note.paths[0] in kinds else note.paths:
            kinds.setdefault(path, []).append(note.kind)
    return tuple(PathClash(path, tuple(dict.fromkeys(said))) for path, said in sorted(kinds.items()))
