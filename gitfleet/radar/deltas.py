"""What each branch does to the base, path by path, and where the work of two branches can meet at all.

Two branches conflict only where they meet: at a path that both change (a rename counts under both names), where one adds
a file at a place that is a folder to the other, or where one adds files to a folder that the other has moved away. All
else is certain to merge. Leaves to `contents` what two changes of one file come to.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

from gitfleet.git.quarantine import Quarantine

_TIME = 1800.0
_HEAD = re.compile(r"([0-9a-f]{40}) ([0-9a-f]{40})\n")
_FILES = frozenset(["100644", "100755"])


class PathDelta(NamedTuple):
    """One path: `letter` is A, D, M or T; `old` and `new` are object ids (zeros: none), with their modes."""

    letter: str
    old_mode: str
    mode: str
    old: str
    new: str

    @property
    def is_edit(self) -> bool:
        """Whether a file stays a file."""
        return self.letter == "M" and {self.old_mode, self.mode} <= _FILES


class Delta:
    """All that one branch changes. `gone` are folders that it took away whole while it added files elsewhere."""

    def __init__(self, changes: Mapping[str, PathDelta]) -> None:
        self.changes = changes
        self.gone: frozenset[str] = frozenset()

    @cached_property
    def added(self) -> frozenset[str]:
        """Paths that have a file now and had none."""
        return frozenset(path for path, change in self.changes.items() if change.letter == "A")

    @cached_property
    def under(self) -> frozenset[str]:
        """The folders above those."""
        return frozenset(folder for path in self.added for folder in above(path))

    @cached_property
    def renames(self) -> bool:
        """Whether git may see a rename in it."""
        return bool(self.added) and any(change.letter == "D" for change in self.changes.values())

    @cached_property
    def digest(self) -> str:
        """A short text that is the same where a branch does the same to the same files, whatever else the base has."""
        rows = [f"{path}\0{' '.join(change)}\0" for path, change in sorted(self.changes.items())]
        rows += [f"{folder}\0" for folder in sorted(self.gone)]
        return hashlib.sha256("".join(rows).encode("utf-8", "surrogateescape")).hexdigest()[:24]


def above(path: str) -> list[str]:
    """The folders that a path lies in."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def read(place: Quarantine, base: str, trees: Sequence[str]) -> dict[str, Delta]:
    """What lies between the tree `base` and each of `trees`. Two git processes. Raises GitFailed."""
    data = "".join(f"{base} {tree}\n" for tree in dict.fromkeys(trees)).encode()
    out = place.git.run(
        "diff-tree", "--stdin", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--ignore-submodules=none",
        data=data, timeout=_TIME,
    )  # fmt: skip
    found = {tree: Delta(changes) for tree, changes in _parsed(os.fsdecode(out), trees).items()}
    _find_gone(place, found)
    return found


def _parsed(out: str, trees: Sequence[str]) -> dict[str, dict[str, PathDelta]]:
    found: dict[str, dict[str, PathDelta]] = {tree: {} for tree in trees}
    current, fields = "", iter(out.split("\0"))
    for field in fields:
        facts = field
        while head := _HEAD.match(facts):
            current, facts = head[2], facts[head.end() :]
        if facts.startswith(":"):
            old_mode, mode, old, new, letter = facts[1:].split(" ")
            found[current][next(fields)] = PathDelta(letter, old_mode, mode, old, new)
    return found


def _find_gone(place: Quarantine, found: Mapping[str, Delta]) -> None:
    """Ask git which folders that lost files are not there any more. One process for all branches."""
    asked = [
        (tree, folder)
        for tree, delta in found.items()
        if delta.renames
        for folder in {
            folder for path, change in delta.changes.items() if change.letter == "D" for folder in above(path)
        }
    ]
    if not asked:
        return
    plain = [(tree, folder) for tree, folder in asked if "\n" not in folder]
    data = "".join(f"{tree}:{folder}\n" for tree, folder in plain)
    out = place.git.run("cat-file", "--batch-check=there", data=os.fsencode(data), timeout=_TIME)
    there = out.split(b"\n")
    gone = defaultdict(set)
    for (tree, folder), said in zip(plain, there, strict=False):
        if said != b"there":
            gone[tree].add(folder)
    for tree, folder in asked:
        if "\n" in folder:  # cannot be asked so: one merge more, at worst
            gone[tree].add(folder)
    for tree, folders in gone.items():
        found[tree].gone = frozenset(folders)


def meeting(deltas: Sequence[Delta]) -> set[tuple[int, int]]:
    """The pairs, as places in `deltas`, whose work meets anywhere. Costs what there is, not its square."""
    changed, added, under, gone = (_index(deltas, name) for name in ("changes", "added", "under", "gone"))
    pairs = {pair for places in changed.values() for pair in combinations(places, 2)}
    for one, other in ((added, under), (gone, under)):
        for key in one.keys() & other.keys():
            pairs |= {(min(a, b), max(a, b)) for a in one[key] for b in other[key] if a != b}
    return pairs


def _index(deltas: Sequence[Delta], name: str) -> dict[str, list[int]]:
    found = defaultdict(list)
    for place, delta in enumerate(deltas):
        for key in getattr(delta, name):
            found[key].append(place)
    return found


class Meeting(NamedTuple):
    """Where two branches meet: `edits` are files that both edit, `other` says whether there is anything else to merge."""

    edits: tuple[str, ...]
    other: bool


def meet(one: Delta, two: Delta, special: Iterable[str]) -> Meeting:
    """Where two branches meet, without what is certain to merge. `special` are paths with merge rules of their own."""
    shared = one.changes.keys() & two.changes.keys()
    edits = [path for path in shared if _are_edits(one.changes[path], two.changes[path])]
    rest = shared.difference(edits)
    other = bool(
        one.added & two.under or two.added & one.under or one.gone & two.under or two.gone & one.under
        or not shared.isdisjoint(special)
    ) or any(not _is_settled(one, two, path) for path in rest)  # fmt: skip
    return Meeting(
        tuple(sorted(path for path in edits if one.changes[path].new != two.changes[path].new)), other
    )


def _are_edits(one: PathDelta, two: PathDelta) -> bool:
    """Whether a path is a file in all three, and the modes are no matter of dispute."""
    return one.is_edit and two.is_edit and (one.mode == two.mode or one.old_mode in {one.mode, two.mode})


def _is_settled(one: Delta, two: Delta, path: str) -> bool:
    """Whether both do the same, and no rename can lie behind it."""
    change = one.changes[path]
    return change == two.changes[path] and (change.letter in {"M", "T"} or not (one.renames or two.renames))
