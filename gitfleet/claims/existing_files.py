"""What is there of a pattern: in a worktree, and in trees of git.

Reads no more than a pattern names: folders above what it matches, and what it matches. Nothing here decides what a claim
means; it is what is said about one. What cannot be read raises, and is never taken for "not there".
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from gitfleet.errors import Corrupt
from gitfleet.git import trees
from gitfleet.git.program import Git
from gitfleet.git.trees import Entry, Objects
from gitfleet.patterns.automaton import STAR
from gitfleet.patterns.casefold import key
from gitfleet.patterns.language import Pattern, matches
from gitfleet.patterns.wildmatch import component_matches

if TYPE_CHECKING:
    from gitfleet.patterns.wildmatch import Elements

_PATIENCE = 600.0
_SMALL = 4 * 1024 * 1024
_PLAIN = (b"DIRC\0\0\0\2", b"DIRC\0\0\0\3")  # later versions of the index shorten paths
_ELSEWHERE = (b"link", b"sdir")  # extensions: entries that are in a shared index, or only their folder
_States = tuple[frozenset[int], ...]


def missing(git: Git, top: str, wanted: Iterable[Pattern], *, case_sensitive: bool = False) -> list[Pattern]:
    """Those of `wanted` of which nothing is in a worktree: neither tracked nor on disk (globs pass over what git ignores).

    `git` is that worktree's own. Costs one git process where a name is not on disk, but may be tracked.
    """
    left = [one for one in wanted if not one.units and not _on_disk(top, one, case_sensitive=case_sensitive)]
    asked = _maybe_listed(git.git_dir, left)
    if not asked:
        return left
    specs = [spec for one in asked for spec in pathspecs(one)]
    argv = ("ls-files", "-z", "--cached", *(["--others", "--exclude-standard"] if _any_glob(asked) else []))
    names = os.fsdecode(git.run(*argv, "--", *specs, timeout=_PATIENCE)).split("\0")[:-1]
    return [
        one for one in left if not any(matches(one, name, case_sensitive=case_sensitive) for name in names)
    ]


def _maybe_listed(git_dir: str, wanted: Sequence[Pattern]) -> Sequence[Pattern]:
    """Those of `wanted` that git may list: all but names whose bytes are nowhere in an index that spells out its paths."""
    if not any(one.shape == "path" for one in wanted):
        return wanted
    try:
        with open(os.path.join(git_dir, "index"), "rb") as file:
            data = file.read(_SMALL + 1)
    except FileNotFoundError:
        data = _PLAIN[0]
    if len(data) > _SMALL or not data.startswith(_PLAIN) or any(mark in data for mark in _ELSEWHERE):
        return wanted
    told = data.lower()
    return [one for one in wanted if one.shape != "path" or os.fsencode(one.prefix[-1]).lower() in told]


def without(
    objects: Objects, roots: Iterable[str], wanted: Iterable[Pattern], *, case_sensitive: bool = False
) -> list[Pattern]:
    """Those of `wanted` that match nothing in any of the trees. Raises Corrupt for a tree that is not here."""
    left = list(wanted)
    for root in roots:
        left = [
            one
            for one in left
            if next(differing(objects, None, root, one, case_sensitive=case_sensitive), None) is None
        ]
        if not left:
            break
    return left


def tree_of(objects: Objects, commit: str) -> str:
    """The tree of a commit. Raises Corrupt where it is not here."""
    try:
        kind, data = objects.read(commit)
    except (KeyError, ValueError) as error:
        raise Corrupt(f"The commit {commit} cannot be read in this clone.", where=commit) from error
    if kind != "commit" or not data.startswith(b"tree "):
        raise Corrupt(f"{commit} is no commit.", where=commit)
    return data[5:45].decode("ascii")


def differing(
    objects: Objects, old: str | None, new: str | None, wanted: Pattern, *, case_sensitive: bool = False
) -> Iterator[tuple[str, Entry | None, Entry | None]]:
    """The files that `wanted` matches and that differ between two trees (None: an empty one), each with both entries.

    Goes into no folder that is the same in both, nor into one beneath which nothing can match. Raises Corrupt for a tree
    that is not here.
    """
    readings = wanted.readings(case_sensitive=case_sensitive)
    start = tuple(_closed(one, {0}) for one in readings)
    sides = (Entry(trees.FOLDER, old) if old else None, Entry(trees.FOLDER, new) if new else None)
    yield from _below(objects, "", sides, readings, start, folded=not case_sensitive)


def _below(
    objects: Objects, prefix: str, sides: tuple[Entry | None, Entry | None], readings: Sequence[Elements],
    states: _States, *, folded: bool,
) -> Iterator[tuple[str, Entry | None, Entry | None]]:  # fmt: skip
    old, new = (_entries(objects, side) for side in sides)
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        told = key(name) if folded else name
        onward = tuple(_step(one, at, told) for one, at in zip(readings, states, strict=True))
        if not any(onward):
            continue
        path = prefix + name
        files = tuple(None if entry is None or entry.is_folder else entry for entry in (before, after))
        if any(files) and any(len(one) in at for one, at in zip(readings, onward, strict=True)):
            yield path, files[0], files[1]
        if any(entry is not None and entry.is_folder for entry in (before, after)):
            yield from _below(objects, f"{path}/", (before, after), readings, onward, folded=folded)


def _entries(objects: Objects, side: Entry | None) -> dict[str, Entry]:
    if side is None or not side.is_folder:
        return {}
    try:
        return trees.parse(objects.read(side.oid)[1])
    except (KeyError, ValueError) as error:
        raise Corrupt(f"The tree {side.oid} cannot be read in this clone.", where=side.oid) from error


def _step(elements: Elements, states: frozenset[int], name: str) -> frozenset[int]:
    """Where a pattern may be behind one more name."""
    onward = set()
    for at in states:
        if at == len(elements):
            continue
        element = elements[at]
        if element is STAR:
            onward.add(at)
        elif component_matches(element, name):
            onward.add(at + 1)
    return _closed(elements, onward)


def _closed(elements: Elements, states: set[int]) -> frozenset[int]:
    """The same, with what lies behind stars that take nothing."""
    for at in range(len(elements)):
        if at in states and elements[at] is STAR:
            states.add(at + 1)
    return frozenset(states)


def _on_disk(top: str, wanted: Pattern, *, case_sensitive: bool) -> bool:
    if wanted.shape != "path":
        return wanted.everything
    places = [top]
    for name in wanted.prefix:
        places = [found for place in places for found in _called(place, name, case_sensitive=case_sensitive)]
    return bool(places)


def _called(folder: str, name: str, *, case_sensitive: bool) -> list[str]:
    """What a folder has under a name; only where that is nothing, what it has under another spelling of it."""
    if os.path.lexists(os.path.join(folder, name)):
        return [os.path.join(folder, name)]
    try:
        names = [] if case_sensitive else os.listdir(folder)
    except OSError:
        return []
    return [os.path.join(folder, other) for other in names if key(other) == key(name)]


def _any_glob(wanted: Iterable[Pattern]) -> bool:
    return any(one.shape == "glob" for one in wanted)


def pathspecs(wanted: Pattern) -> list[str]:
    """The pathspecs with which git lists what a pattern matches, and hardly more."""
    if wanted.shape == "path":
        return [f":(top,icase,literal){'/'.join(wanted.prefix)}"]
    spelled = [wanted.components] if wanted.names is None else [wanted.components, wanted.names]
    found = [f":(top,icase,glob){'/'.join(one)}" for one in spelled]
    return [spec + tail for spec in found for tail in ("", *(["/**"] if wanted.subtree else []))]
