"""What a part of a gate is known by: the tree, or the objects that its declared inputs are in that tree.

Reads objects only: no checkout. A pattern that means a folder whole is one entry, and a glob is looked up below its folder.
Always inputs, since they change what the declared ones are or do: `.gitattributes` of every folder above an input,
and a file of the tree that the command names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from gitfleet.gates.model import GateSubject
from gitfleet.gates.policy import GatePart, GatePolicy
from gitfleet.git import trees
from gitfleet.git.trees import Entry, Objects
from gitfleet.patterns import language
from gitfleet.patterns.language import Pattern

_ATTRIBUTES = ".gitattributes"


def subjects(objects: Objects, tree: str, policy: GatePolicy) -> list[GateSubject]:
    """What each part of the gate would be asked about `tree`, in the order of the parts. Raises KeyError where objects are missing."""
    return [subject(objects, tree, part, policy.environment) for part in policy.parts]


def subject(objects: Objects, tree: str, part: GatePart, environment: str) -> GateSubject:
    """What one part would be asked about `tree`."""
    return GateSubject(content(objects, tree, part), part.run, part.name, environment)


def content(objects: Objects, tree: str, part: GatePart) -> str:
    """The id of the inputs of a part in `tree`: the tree's own where it declares none."""
    if not part.inputs:
        return tree
    found: dict[str, Entry] = {}
    reader = _Reader(objects, tree)
    for text in part.inputs:
        for pattern in language.parse(text):
            found |= dict(reader.matching(pattern))
    for word in part.run:
        path = word.removeprefix("./")
        named = reader.entry(path.split("/"))
        if named is not None and not named.is_folder:
            found[path] = named
    for folder in {"/".join(parts[:depth]) for parts in map(_parts, found) for depth in range(len(parts))}:
        where = [*folder.split("/"), _ATTRIBUTES] if folder else [_ATTRIBUTES]
        attributes = reader.entry(where)
        if attributes is not None:
            found["/".join(where)] = attributes
    rows = [b"%s %s %s\0" % (one.mode, one.oid.encode(), _bytes(path)) for path, one in sorted(found.items())]
    return "inputs:" + hashlib.sha256(b"".join(rows)).hexdigest()


def _parts(path: str) -> Sequence[str]:
    return path.split("/")


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


class _Reader:
    """One tree, of which each folder is read once."""

    def __init__(self, objects: Objects, tree: str) -> None:
        self._objects = objects
        self._root = Entry(trees.FOLDER, tree)
        self._known: dict[str, dict[str, Entry]] = {}

    def entry(self, names: Sequence[str]) -> Entry | None:
        """What is at a path; None where nothing is."""
        here: Entry | None = self._root
        for name in names:
            if here is None or not here.is_folder:
                return None
            here = self._folder(here.oid).get(name)
        return here

    def matching(self, pattern: Pattern) -> Iterator[tuple[str, Entry]]:
        """The entries that a pattern is about: a folder that it takes whole as one, else the files that it matches.

        Names count in the spelling that they have, since git tells them apart.
        """
        if pattern.everything:
            yield "", self._root
            return
        prefix = list(pattern.prefix)
        here = self.entry(prefix)
        if here is None:
            return
        path = "/".join(prefix)
        if pattern.shape == "path":
            yield path, here
        else:
            yield from self._below(path, here, pattern)

    def _below(self, path: str, here: Entry, pattern: Pattern) -> Iterator[tuple[str, Entry]]:
        if (
            path
            and language.matches(pattern, path, case_sensitive=True)
            and (pattern.subtree or not here.is_folder)
        ):
            yield path, here
        elif here.is_folder:
            for name, child in self._folder(here.oid).items():
                yield from self._below(f"{path}/{name}" if path else name, child, pattern)

    def _folder(self, oid: str) -> dict[str, Entry]:
        if oid not in self._known:
            kind, data = self._objects.read(oid)
            if kind != "tree":
                raise KeyError(oid)
            self._known[oid] = trees.parse(data)
        return self._known[oid]
