"""What people dropped when they ended merges by hand: held against what git makes of the same two commits by itself.

A line counts as dropped when the merge does without it and nothing stands for it: where something new was written in its
place, which neither side had, both have been thought of; and a line whose every word is still there was put together with another.
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
_MARKS = (_FIRST, b"=======", _LAST, b"||||||| ")


class _Place(NamedTuple):
    """Where somebody changed what git made: a conflict, or a hunk apart from any; with the lines that were there."""

    hunks: list[Hunk]
    lines: list[bytes]


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
            found += _by_hand(place.git, plain.tree, merge, parents)
    return found


def _by_hand(git: Git, plain: str, merge: str, parents: Sequence[str]) -> Counter[bytes]:
    """The lines that one merge does without."""
    hunks = list(patches.hunks(git.run("diff-tree", *patches.OPTIONS, plain, merge, timeout=_TIME)))
    moved = Counter(line for hunk in hunks for line in hunk.added)
    by_path: dict[str, list[Hunk]] = defaultdict(list)
    for hunk in hunks:
        by_path[hunk.path].append(hunk)
    gone: Counter[bytes] = Counter()
    for path, changed in by_path.items():
        if not any(hunk.removed for hunk in changed):
            continue
        known = set(patches.lines(git, parents, path))
        for where in _places(changed, patches.lines(git, [plain], path)):
            gone.update(_missing(where, known, moved))
    return gone


def _missing(where: _Place, known: set[bytes], moved: Counter[bytes]) -> Iterator[bytes]:
    """The lines of one place that nothing stands for."""
    added = [line for hunk in where.hunks for line in hunk.added]
    if any(_WORD.search(line) and line not in known for line in added):
        return
    removed = Counter(line for hunk in where.hunks for line in hunk.removed)
    left = [*(Counter(where.lines) - removed).elements(), *added]
    words = {word for line in left if not line.startswith(_MARKS) for word in _WORD.findall(line)}
    for line in removed.elements():
        if line.startswith(_MARKS) or not _WORD.search(line):
            continue
        if moved[line] > 0:
            moved[line] -= 1
        elif not words.issuperset(_WORD.findall(line)):
            yield line


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
