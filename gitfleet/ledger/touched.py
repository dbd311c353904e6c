"""What a commit of the ledger has changed besides what its operations say: for the log, which is asked for a path or a session.

An operation may change more than it names: whatever frees paths gives them to who waits, with all else that these want; a
session that comes back gets what had lapsed. The records of two commits are compared, which costs the folders in which they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from gitfleet.codec import Struct
from gitfleet.errors import Corrupt
from gitfleet.git.trees import Entry, Objects, Snapshot, parse
from gitfleet.ledger.commits import Tip


class LogScope(Struct):
    """What a log is asked for. `folder`: the records of a session ("": of whichever); `meets`: what a pattern must do (None: nothing).

    `pattern` reads the pattern of what is filed in the folder `claims`, from its content; "" for what is unreadable.
    """

    folder: str = ""
    meets: Callable[[str], bool] | None = None
    claims: str = ""
    pattern: Callable[[bytes, str], str] | None = None

    def changed(self, objects: Objects, parent: Tip | None, link: Tip) -> dict[str, str]:
        """Records that `link` has changed and that are asked for, each with its pattern ("": a record of the session)."""
        found: dict[str, str] = {}
        if parent is None:
            return found
        with suppress(Corrupt):  # what cannot be read is told by who verifies
            before, after = Snapshot(objects, parent.tree), Snapshot(objects, link.tree)
            if self.folder:
                found.update(dict.fromkeys(_differing(objects, before, after, self.folder), ""))
            if self.meets is not None and self.pattern is not None:
                for where in _differing(objects, before, after, self.claims):
                    said = self.pattern(after.get(where) or before.get(where) or b"", where)
                    if said and self.meets(said):
                        found[where] = said
        return found


ALL = LogScope()


def _differing(objects: Objects, before: Snapshot, after: Snapshot, folder: str) -> Iterator[str]:
    """The files below a folder that one of two snapshots has and the other has not, or not with this content."""
    yield from _below(objects, before.tree(folder), after.tree(folder), folder)


def _below(objects: Objects, old: str | None, new: str | None, folder: str) -> Iterator[str]:
    if old == new:
        return
    ours, theirs = _entries(objects, old), _entries(objects, new)
    for name in sorted({*ours, *theirs}):
        one, other = ours.get(name), theirs.get(name)
        if one == other:
            continue
        where = f"{folder}/{name}"
        if any(entry is not None and not entry.is_folder for entry in (one, other)):
            yield where
        folders = [entry.oid if entry is not None and entry.is_folder else None for entry in (one, other)]
        yield from _below(objects, folders[0], folders[1], where)


def _entries(objects: Objects, tree: str | None) -> dict[str, Entry]:
    if tree is None:
        return {}
    try:
        return parse(objects.read(tree)[1])
    except (KeyError, ValueError):
        return {}
