"""How many claims there are below each folder of the ledger: what a tree of them shows of a folder without going into it.

Counted by the ids of git's trees, so what has not changed since is not counted again: after one claim more, only the folders above it are.
The first count of a ledger reads every tree of the claims once.
"""

from __future__ import annotations

from threading import Lock

from gitfleet.git import trees
from gitfleet.git.trees import Entry, Objects, Snapshot

MOST_KNOWN = 500_000
"""So many folders are remembered, some 150 bytes each."""


class ClaimCounts:
    """Counts in one store of objects. Threads may use one at once. Costs one read of each tree that is new since the last count."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: dict[bytes, int] = {}
        self._turn = Lock()

    def below(self, view: Snapshot, path: str) -> int:
        """How many claims are filed at the folder `path` of the ledger and below it, what is tentative included; 0 where there is none.

        What cannot be read counts as one: it holds its place. Raises Corrupt where the folder itself cannot be read.
        """
        oid = view.tree(path)
        if oid is not None:
            return self._of_tree(oid)
        found = 0
        for name, is_folder in view.names(path):
            found += self.below(view, f"{path}/{name}") if is_folder else name.startswith("@")
        return found

    def _of_tree(self, oid: str) -> int:
        key = bytes.fromhex(oid)
        with self._turn:
            if key not in self._known:
                if len(self._known) > MOST_KNOWN:
                    self._known.clear()
                self._learn(oid)
            return self._known[key]

    def _learn(self, start: str) -> None:
        """Count a tree: one depth after the other, so that the objects of each are read together; then from the lowest upwards.

        Where much is new, git lists all of it at once.
        """
        levels: list[dict[str, tuple[int, list[str]]]] = []
        level = [start]
        while level:
            if len(level) > trees.MANY and self._list(start):
                return
            self._objects.prefetch(level)
            read = {oid: self._entries(oid) for oid in level}
            levels.append(read)
            below = dict.fromkeys(one for _, folders in read.values() for one in folders)
            level = [one for one in below if bytes.fromhex(one) not in self._known]
        for read in reversed(levels):
            for oid, (records, folders) in read.items():
                total = records + sum(self._known.get(bytes.fromhex(one), 1) for one in folders)
                self._known[bytes.fromhex(oid)] = total

    def _list(self, start: str) -> bool:
        """The same by a list of all that is below. False where there is none."""
        found = self._objects.listing(start, folders=True)
        if found is None:
            return False
        counts: dict[str, int] = {}
        for path in found:
            folder, _, name = path.rpartition("/")
            while name.startswith("@"):
                counts[folder] = counts.get(folder, 0) + 1
                if not folder:
                    break
                folder = folder.rpartition("/")[0]
        for path, oid in found.items():
            if path.endswith("/"):
                self._known[bytes.fromhex(oid)] = counts.get(path[:-1], 0)
        self._known[bytes.fromhex(start)] = counts.get("", 0)
        return True

    def _entries(self, oid: str) -> tuple[int, list[str]]:
        """How many records a tree has, and the ids of its folders. One that cannot be read counts as one record."""
        try:
            kind, data = self._objects.read(oid)
            found = trees.parse(data) if kind == "tree" else {"@": Entry(trees.FILE, oid)}
        except (KeyError, ValueError):
            return 1, []
        folders = [entry.oid for entry in found.values() if entry.is_folder]
        return sum(not entry.is_folder and name.startswith("@") for name, entry in found.items()), folders


_MOST_FOLDERS = 20_000
_NAMES: dict[str, int] = {}


def names(view: Snapshot, path: str) -> int:
    """How many names a folder of the ledger has. Not read again while the folder is the same. Raises Corrupt."""
    oid = view.tree(path) or ""
    found = _NAMES.get(oid)
    if found is None:
        found = len(view.names(path))
        if len(_NAMES) > _MOST_FOLDERS:
            _NAMES.clear()
        if oid:
            _NAMES[oid] = found
    return found
