"""What merges on top of each other will come to, guessed from trees without git: so that git can be asked of all of them at once.

Each merge of a chain is made on what the one before came to, and costs a git process if it is asked for by itself: 5 to 20 ms, of which
the merge is a tenth of one. A guess saves only processes: git is asked of each merge, and what it says is what counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gitfleet.git.objects import PlumbingObjects
from gitfleet.git.quarantine import Quarantine
from gitfleet.git.trees import EMPTY_TREE, FOLDER, Entry, parse, serialise

_MOST_KEPT = 2000
"""So many trees are remembered."""


class Foresight:
    """Guesses in one quarantine. Not for two threads at once; `close` ends its reading process."""

    def __init__(self, place: Quarantine) -> None:
        self._place = place
        self._objects = PlumbingObjects(place.git.git_dir, env=place.git.env)
        self._parsed: dict[str, Mapping[str, Entry]] = {}

    def tree(self, base: str, ours: str, theirs: str) -> str:
        """The tree that has the changes of both from `base`, all of them trees, written to the quarantine; "" where both have changed the same
        file, or something cannot be read. Git may still see it otherwise: renames are not looked for.
        """
        try:
            return self._both(base, ours, theirs) or EMPTY_TREE
        except (_Overlap, KeyError, ValueError):
            return ""

    def read_ahead(self, trees: Iterable[str]) -> None:
        """Have trees be read together that `tree` will be asked about."""
        self._objects.prefetch(tree for tree in trees if tree not in self._parsed)

    def close(self) -> None:
        """Let go of what trees are read by."""
        self._objects.close()

    def _both(self, base: str, ours: str, theirs: str) -> str:
        """The same; "" for a folder without anything in it. Costs the folders in which both differ from the base."""
        if theirs in {base, ours}:
            return ours
        if ours == base:
            return theirs
        before, after = self._entries(base), self._entries(theirs)
        found = dict(self._entries(ours))
        for name in before.keys() | after.keys():
            was, wanted = before.get(name), after.get(name)
            if was != wanted:
                entry = self._one(was, found.pop(name, None), wanted)
                if entry is not None:
                    found[name] = entry
        if not found:
            return ""
        data = serialise(found)
        oid = self._place.write("tree", data)
        self._keep(oid, found)
        return oid

    def _one(self, was: Entry | None, here: Entry | None, wanted: Entry | None) -> Entry | None:
        """What becomes of one name that theirs has changed."""
        if here in {was, wanted}:
            return wanted
        sides = [one for one in (was, here, wanted) if one is not None]
        if here is None or not all(one.is_folder for one in sides):
            raise _Overlap
        oid = self._both(*(one.oid if one else EMPTY_TREE for one in (was, here, wanted)))
        return Entry(FOLDER, oid) if oid else None

    def _entries(self, tree: str) -> Mapping[str, Entry]:
        if tree == EMPTY_TREE:
            return {}
        if tree not in self._parsed:
            kind, data = self._objects.read(tree)
            if kind != "tree":
                raise ValueError(kind)
            self._keep(tree, parse(data))
        return self._parsed[tree]

    def _keep(self, tree: str, entries: Mapping[str, Entry]) -> None:
        if len(self._parsed) >= _MOST_KEPT:
            self._parsed.clear()
        self._parsed[tree] = entries


class _Overlap(Exception):
    """Both have changed the same file, so that git has to merge it."""
