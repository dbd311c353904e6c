"""What people dropped when they ended merges by hand: held against what git makes of the same two commits by itself.

A line counts as dropped when the merge does without it and nothing stands for it: where something new was written in its
place, which neither side had, both have been thought of; and a line whose every word is still there was put together with another.
What one side has added is what a resolution can lose. So words are not missed that stood there before and that the other side took
out; nor edits within what the other side deleted, as long as it has not brought that elsewhere; and a line that the merge has
elsewhere, newly and much the same, with the words that its side has added, was moved.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gitfleet.git.program import Git
from gitfleet.git.quarantine import Conflicted, Merged, Quarantine
from gitfleet.mergequeue import patches
from gitfleet.mergequeue.patches import Hunk

_TIME = 300.0
_MOST = 500
_WORD = re.compile(rb"[0-9A-Za-z_\x80-\xff]+")
_FIRST, _LAST = b"<<<<<<< ", b">>>>>>> "
_BASE, _SECOND = b"||||||| ", b"======="
_MARKS = (_FIRST, _BASE, _SECOND, _LAST)


def _added(git: Git, old: str, new: str) -> Iterator[bytes]:
    """The lines that a commit has beside those of another."""
    for hunk in patches.hunks(git.run("diff-tree", *patches.OPTIONS, old, new, timeout=_TIME)):
        yield from hunk.added


class _PlaceSide(NamedTuple):
    """What one side has in a place: its lines, what was there `before` either began, and the lines of the `other` side."""

    lines: list[bytes]
    before: list[bytes]
    other: list[bytes]

    def is_moved(self, words: set[bytes], new: set[bytes], gone: _Elsewhere) -> bool:
        """Whether a line of a conflict, with these words of which some are `new`, is elsewhere by now."""
        return bool(self.before or self.other) and gone.has(words, new)


class _Place(NamedTuple):
    """Where somebody changed what git made: a conflict, or a hunk apart from any; with the lines that were there, markers and all."""

    hunks: list[Hunk]
    lines: list[bytes]

    @property
    def result(self) -> list[bytes]:
        """The lines that are there now."""
        gone = Counter(line for hunk in self.hunks for line in hunk.removed)
        added = [line for hunk in self.hunks for line in hunk.added]
        left = (Counter(self.lines) - gone).elements()
        return [*(line for line in left if not line.startswith(_MARKS)), *added]

    @property
    def sides(self) -> list[_PlaceSide]:
        """Ours and theirs; of a hunk apart from any conflict, what was there."""
        rows = list(enumerate(self.lines))
        marks = [number for number, row in rows if row.startswith((_FIRST, _BASE)) or row == _SECOND]
        if len(marks) != 3:
            return [_PlaceSide([row for _, row in rows if not row.startswith(_MARKS)], [], [])]
        first, base, second = marks
        ours, theirs = self.lines[first + 1 : base], self.lines[second + 1 : -1]
        before = self.lines[base + 1 : second]
        return [_PlaceSide(ours, before, theirs), _PlaceSide(theirs, before, ours)]


class _Elsewhere:
    """The lines that a merge has and one side of it has not: where a line of that side may have gone."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._with: dict[bytes, list[set[bytes]]] = defaultdict(list)
        self._lines = {line.strip() for line in lines}
        for line in self._lines:
            words = _words([line])
            for word in words:
                self._with[word].append(words)

    def has(self, words: set[bytes], new: set[bytes]) -> bool:
        """Whether a line with all the `new` words is there that is much like one of these `words`."""
        rarest = min(new, key=lambda word: len(self._with.get(word, ())))
        return any(new <= found and _alike(words, found) for found in self._with.get(rarest, ()))

    def has_most(self, lines: Sequence[bytes]) -> bool:
        """Whether half of the lines or more are there."""
        return sum(line.strip() in self._lines for line in lines) * 2 >= len(lines)


def _alike(one: set[bytes], other: set[bytes]) -> bool:
    """Whether most words of a line are in another."""
    return len(one & other) * 2 > len(one)


def _words(lines: Iterable[bytes]) -> set[bytes]:
    return {word for line in lines for word in _WORD.findall(line)}


def dropped(place: Quarantine, merges: Sequence[tuple[str, tuple[str, ...]]]) -> Counter[bytes] | None:
    """The lines that merges (each with its parents) have dropped; None where that cannot be told. Raises GitFailed."""
    if len(merges) > _MOST or any(len(parents) != 2 for _, parents in merges):
        return None
    found: Counter[bytes] = Counter()
    made = place.merge_all([(ours, theirs) for _, (ours, theirs) in merges])
    for (merge, parents), plain in zip(merges, made, strict=True):
        if not isinstance(plain, Merged | Conflicted):
            return None
        if plain.tree != place.tree(merge):
            shown = place.with_bases(*parents) if isinstance(plain, Conflicted) else plain
            if not isinstance(shown, Merged | Conflicted):
                return None
            found += _by_hand(place.git, shown.tree, merge, parents)
    return found


def _by_hand(git: Git, plain: str, merge: str, parents: Sequence[str]) -> Counter[bytes]:
    """The lines that one merge does without."""
    hunks = list(patches.hunks(git.run("diff-tree", *patches.OPTIONS, plain, merge, timeout=_TIME)))
    moved = Counter(line for hunk in hunks for line in hunk.added)
    by_path: dict[str, list[Hunk]] = defaultdict(list)
    for hunk in hunks:
        by_path[hunk.path].append(hunk)
    elsewhere = [_Elsewhere(_added(git, one, merge)) for one in parents]
    gone: Counter[bytes] = Counter()
    for path, changed in by_path.items():
        if not any(hunk.removed for hunk in changed):
            continue
        known = set(patches.lines(git, parents, path))
        for where in _places(changed, patches.lines(git, [plain], path)):
            gone.update(_missing(where, known, moved, elsewhere))
    return gone


def _missing(
    where: _Place, known: set[bytes], moved: Counter[bytes], elsewhere: Sequence[_Elsewhere]
) -> Iterator[bytes]:
    """The lines of one place that nothing stands for. `elsewhere`: for each side, ours first."""
    result = where.result
    if any(_WORD.search(line) and line not in known for line in result):
        return
    there, kept = _words(result), Counter(result)
    for side, gone in zip(where.sides, elsewhere, strict=False):
        taken = _words(side.before) - _words(side.other)
        deleted = _deleted(side, gone)
        for line in (Counter(side.lines) - kept).elements():
            words = _words([line])
            new = words - there - taken
            if words and moved[line] > 0:
                moved[line] -= 1
            elif (
                new and not any(_alike(words, one) for one in deleted) and not side.is_moved(words, new, gone)
            ):
                yield line


def _deleted(side: _PlaceSide, gone: _Elsewhere) -> list[set[bytes]]:
    """The words of each line that the other side has deleted there, where it has done nothing else and has not brought them elsewhere."""
    if any(line not in side.before for line in side.other if _WORD.search(line)):
        return []
    lines = [line for line in (Counter(side.before) - Counter(side.other)).elements() if _WORD.search(line)]
    return [] if not lines or gone.has_most(lines) else [_words([line]) for line in lines]


def _places(hunks: Iterable[Hunk], lines: Sequence[bytes]) -> Iterator[_Place]:
    """Hunks of one file by the conflict that they are in; a hunk apart from any stands by itself."""
    firsts = [number for number, line in enumerate(lines, 1) if line.startswith(_FIRST)]
    lasts = [number for number, line in enumerate(lines, 1) if line.startswith(_LAST)]
    conflicts = list(zip(firsts, lasts, strict=False))
    within: dict[tuple[int, int], list[Hunk]] = defaultdict(list)
    for hunk in hunks:
        end = hunk.at + max(len(hunk.removed), 1) - 1
        meets = [(first, last) for first, last in conflicts if first <= end and hunk.at <= last]
        if meets:
            within[meets[0]].append(hunk)
        else:
            yield _Place([hunk], hunk.removed)
    for (first, last), group in within.items():
        yield _Place(group, list(lines[first - 1 : last]))
