"""What two changes of one file come to: certainly clean where no line of one touches a line of the other.

Adjacent lines conflict, a gap of one unchanged line does not. Git compares as it does when it merges (histogram, without the
indent heuristic), for all files at once: they are put into two trees of no other use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from gitfleet.git import trees
from gitfleet.git.quarantine import Conflicted, Quarantine, Unmergeable
from gitfleet.git.trees import Entry

_TIME = 1800.0
_FILE = re.compile(rb"diff --git a/([0-9]+) ")
_HUNK = re.compile(rb"@@ -([0-9]+)(?:,([0-9]+))? \+")

Ranges = Sequence[Sequence[int]] | None
"""The lines of the base that a change replaces, as [first, end); None where lines cannot tell (a binary file)."""


def ranges(place: Quarantine, wanted: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Ranges]:
    """The changed lines from one blob to another, for many pairs. One git process. Raises GitFailed."""
    pairs = sorted(set(wanted))
    if not pairs:
        return {}
    old, new = (_tree(place, [pair[side] for pair in pairs]) for side in (0, 1))
    out = place.git.run(
        "diff-tree", "-p", "-U0", "--histogram", "--no-indent-heuristic", "--no-renames", "--no-ext-diff", "--no-textconv",
        "--no-color", "--src-prefix=a/", "--dst-prefix=b/", old, new, timeout=_TIME,
    )  # fmt: skip
    found: dict[tuple[str, str], list[list[int]] | None] = dict.fromkeys(pairs)
    current: tuple[str, str] = ("", "")
    lines: list[list[int]] | None = None
    for row in out.split(b"\n"):
        if name := _FILE.match(row):
            current, lines = pairs[int(name[1])], None
        elif hunk := _HUNK.match(row):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            if lines is None:
                lines = found[current] = []
            start = first - 1 if count else first
            lines.append([start, start + count])
    return found


def merge(
    place: Quarantine, triples: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], list[str]] | str:
    """The kinds of conflict of each file (base, one side, other side), [] for none; or why that cannot be told.

    One merge for all of them, in trees of no other use: what becomes of a file that all three have depends on nothing else.
    """
    if not triples:
        return {}
    answer = place.merge_trees(*(_tree(place, [triple[side] for triple in triples]) for side in range(3)))
    if isinstance(answer, Unmergeable):
        return answer.words
    kinds: dict[str, list[str]] = {}
    for note in answer.notes if isinstance(answer, Conflicted) else ():
        kinds.setdefault(note.paths[0], []).append(note.kind)
    return {triple: kinds.get(f"{number:08d}", []) for number, triple in enumerate(triples)}


def _tree(place: Quarantine, blobs: Sequence[str]) -> str:
    rows = {f"{number:08d}": Entry(b"100644", blob) for number, blob in enumerate(blobs)}
    return place.write("tree", trees.serialise(rows))


def apart(one: Ranges, two: Ranges) -> bool:
    """Whether at least one unchanged line lies between any change of one and any of the other."""
    if one is None or two is None:
        return False
    return not any(_touch(a, b) for a in one for b in two)


def common(one: Ranges, two: Ranges) -> tuple[tuple[int, int], ...]:
    """The lines of the base where changes of both touch: first and last, counted from 1."""
    found: list[list[int]] = []
    for start, end in sorted(
        (min(a[0], b[0]), max(a[1], b[1])) for a in one or () for b in two or () if _touch(a, b)
    ):
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return tuple((start + 1, max(start + 1, end)) for start, end in found)


def _touch(one: Sequence[int], two: Sequence[int]) -> bool:
    return one[0] <= two[1] and two[0] <= one[1]
