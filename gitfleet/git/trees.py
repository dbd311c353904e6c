"""git tree objects as data: parse, serialise, and a snapshot that is read by path and changed by copy.

`Snapshot` holds a tree and the changes pending on it, loads only the folders that are asked for, and writes only
those that changed: a change at depth d costs d + 1 tree objects however many records there are.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from gitfleet.base import advice
from gitfleet.base.text import display
from gitfleet.errors import Corrupt, Damaged

FILE = b"100644"
FOLDER = b"40000"
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
MANY = 200
"""Folders at one depth from which on git lists all that is below, which takes a process."""

MEND = f"{advice.REPAIR} fetches from the hub what is missing here."


class Entry(NamedTuple):
    """One line of a tree: mode as git writes it, and the object's id (hex)."""

    mode: bytes
    oid: str

    @property
    def is_folder(self) -> bool:
        """Whether it is a tree."""
        return self.mode == FOLDER


class Objects(Protocol):
    """Where objects are read from and written to. Two implementations pass one contract suite.

    `write` is idempotent. `read` raises KeyError for an object that is not there.
    """

    def read(self, oid: str) -> tuple[str, bytes]:
        """Kind (`blob`, `tree`, `commit`) and content."""
        ...

    def prefetch(self, oids: Iterable[str]) -> None:
        """Read objects ahead of `read`, where that is faster. Raises for none of them."""
        ...

    def listing(self, tree: str, *, folders: bool = False) -> Mapping[str, str] | None:
        """The files below a tree: ids by path; with `folders` these too, each with a slash at its end. None where they have to be read one by one."""
        ...

    def write(self, kind: str, data: bytes) -> str:
        """Keep a new object; its id. It can be read here at once, and is stored at the next `flush`."""
        ...

    def flush(self) -> None:
        """Store what was written, whole and durable. Until then no ref may point at it."""
        ...

    def close(self) -> None:
        """Let go of processes and files."""
        ...


def parse(data: bytes) -> dict[str, Entry]:
    """The entries of a raw tree, names decoded with surrogateescape. Raises ValueError for a broken one."""
    entries: dict[str, Entry] = {}
    at, end = 0, len(data)
    while at < end:
        blank = data.index(b" ", at)
        zero = data.index(b"\0", blank)
        at_next = zero + 21
        if at_next > end:
            raise ValueError("the tree ends in the middle of an entry")
        entries[data[blank + 1 : zero].decode("utf-8", "surrogateescape")] = Entry(
            data[at:blank], data[zero + 1 : at_next].hex()
        )
        at = at_next
    return entries


def serialise(entries: Mapping[str, Entry]) -> bytes:
    """The raw tree, in git's order (folders sort as if their names ended in a slash)."""
    rows = [(os.fsencode(name), entry) for name, entry in entries.items()]
    rows.sort(key=lambda row: row[0] + b"/" if row[1].is_folder else row[0])
    return b"".join(b"%s %s\0%s" % (entry.mode, name, bytes.fromhex(entry.oid)) for name, entry in rows)


class _Folder:
    __slots__ = ("changed", "children", "entries")

    def __init__(self, entries: dict[str, Entry]) -> None:
        self.entries = entries
        self.children: dict[str, _Folder | bytes] = {}
        self.changed = False


class Snapshot:
    """A tree of records, addressed by `/`-joined paths.

    Not for use by two threads at once. Pending changes are visible to reads, and are no objects until `write`. What
    is missing, broken, or in the way of a change (a file for a folder, a folder for a file) raises Corrupt, so that
    it is never taken for "not there" and never overwritten.
    """

    def __init__(self, objects: Objects, oid: str | None) -> None:
        self._objects = objects
        self._listed: dict[str, Mapping[str, str]] = {}  # files by folder: their ids by path
        self._root = self._load(oid) if oid else _Folder({})

    def get(self, path: str) -> bytes | None:
        """The content of the file at `path`, or None when there is no such file."""
        for listed in self._listed.values():
            if path in listed:
                return self._content(listed[path], "blob", path)
        *folders, name = path.split("/")
        folder = self._walk(folders)
        if folder is None:
            return None
        child = folder.children.get(name)
        if child is None:
            entry = folder.entries.get(name)
            if entry is None or entry.is_folder:
                return None
            child = folder.children[name] = self._content(entry.oid, "blob", path)
        return child if isinstance(child, bytes) else None

    def names(self, path: str) -> list[tuple[str, bool]]:
        """The names in the folder at `path` ("" is the root), sorted, each with whether it is a folder."""
        folder = self._walk(path.split("/") if path else [])
        if folder is None:
            return []
        return sorted((name, entry.is_folder) for name, entry in folder.entries.items())

    def files(self, path: str) -> Iterator[str]:
        """The paths of all files below the folder at `path`."""
        if path in self._listed:
            yield from self._listed[path]
            return
        folder = self._walk(path.split("/") if path else [])
        if folder is not None:
            yield from self._below(f"{path}/" if path else "", folder)

    def tree(self, path: str) -> str | None:
        """The id of the folder at `path`, by which all below it may be known from before; None where there is none, or it was changed here."""
        above, _, name = path.rpartition("/")
        folder = self._walk(above.split("/") if above else [])
        entry = folder.entries.get(name) if folder else None
        if folder is None or entry is None or not entry.is_folder:
            return None
        child = folder.children.get(name)
        return None if isinstance(child, _Folder) and child.changed else entry.oid or None

    def load(self, path: str, depth: int | None = None) -> None:
        """Have all files below the folder at `path` ready to be read, those in folders at most `depth` below it.

        What is of one depth is asked for together.
        """
        folder = self._walk(path.split("/") if path else [])
        level = [folder] if folder is not None else []
        while level:
            entries = [entry for one in level for entry in one.entries.values() if entry.oid]
            folders = sum([entry.mode == FOLDER for entry in entries])
            if folders > MANY and depth is None and self._list(path):
                return
            if depth == 0:
                entries = [entry for entry in entries if not entry.is_folder]
            self._objects.prefetch([entry.oid for entry in entries])
            level = [child for one in level for child in self._folders(one)] if depth != 0 else []
            depth = None if depth is None else depth - 1

    def _list(self, path: str) -> bool:
        """Have the files below a folder listed. False where something below it was changed here, or cannot be read."""
        above, _, name = path.rpartition("/")
        folder = self._walk(above.split("/") if above else [])
        entry = folder.entries.get(name) if folder else None
        found = self._objects.listing(entry.oid) if entry and entry.oid and not self._root.changed else None
        if found is not None:
            rows = {f"{path}/{below}": oid for below, oid in found.items()}
            self._listed[path] = {where: rows[where] for where in sorted(rows, key=_by_name)}
            self._objects.prefetch(rows.values())
        return found is not None

    def _folders(self, folder: _Folder) -> Iterator[_Folder]:
        """The folders in a folder, as far as they can be read; who reads the others is told why they cannot."""
        for name, (mode, oid) in folder.entries.items():
            if mode != FOLDER:
                continue
            try:
                child = folder.children.get(name) or self._load(oid, name)
            except Corrupt:
                continue
            folder.children[name] = child
            if isinstance(child, _Folder):
                yield child

    def _below(self, prefix: str, folder: _Folder) -> Iterator[str]:
        for name, entry in sorted(folder.entries.items()):
            if not entry.is_folder:
                yield prefix + name
                continue
            child = folder.children.get(name)
            if child is None:
                child = folder.children[name] = self._load(entry.oid, prefix + name)
            if isinstance(child, _Folder):
                yield from self._below(f"{prefix}{name}/", child)

    def put(self, path: str, data: bytes) -> None:
        """Set the content of the file at `path`; folders above it are made."""
        self._check(path)
        *folders, name = path.split("/")
        folder = self._touch(folders)
        folder.children[name] = data
        folder.entries[name] = Entry(FILE, "")

    def delete(self, path: str) -> None:
        """Take away the file at `path`, and folders that it leaves empty (at `write`)."""
        *folders, name = path.split("/")
        folder = self._walk(folders)
        if folder is None or name not in folder.entries or folder.entries[name].is_folder:
            return
        folder = self._touch(folders)
        folder.children.pop(name, None)
        folder.entries.pop(name, None)

    def drop(self, path: str) -> None:
        """Take away whatever is at `path`, a folder that cannot be read included."""
        *folders, name = path.split("/")
        if self._walk(folders) is not None:
            folder = self._touch(folders)
            folder.children.pop(name, None)
            folder.entries.pop(name, None)

    def change(self, changes: Mapping[str, bytes | None]) -> None:
        """Put (bytes) or delete (None) every path given. When one of them raises Corrupt, nothing was changed."""
        for path, data in changes.items():
            if data is None:
                self._walk(path.split("/")[:-1])
            else:
                self._check(path)
        for path, data in changes.items():
            if data is None:
                self.delete(path)
            else:
                self.put(path, data)

    def write(self) -> str:
        """Make objects of what changed; the id of the root tree. What was pending is then part of the snapshot."""
        return self._write(self._root) or self._objects.write("tree", b"")

    def _check(self, path: str) -> None:
        """Raise Corrupt when a file cannot be put at `path` without overwriting something that is no file there."""
        *folders, name = path.split("/")
        for depth in range(1, len(folders) + 1):
            above = self._walk(folders[: depth - 1])
            if above is None or folders[depth - 1] not in above.entries:
                return
            if self._walk(folders[:depth]) is None:
                raise _in_the_way("/".join(folders[:depth]), "a file where a folder should be")
        folder = self._walk(folders)
        entry = folder.entries.get(name) if folder else None
        if entry and entry.is_folder and next(self.files(path), None) is not None:
            raise _in_the_way(path, "a folder where a record should be")

    def _load(self, oid: str, path: str = "") -> _Folder:
        data = self._content(oid, "tree", path)
        try:
            return _Folder(parse(data))
        except ValueError as error:
            raise Corrupt(
                f"The tree {oid} in the ledger cannot be read: {error}.", where=path or oid
            ) from error

    def _content(self, oid: str, wanted: str, path: str) -> bytes:
        try:
            kind, data = self._objects.read(oid)
        except KeyError as error:
            words = (
                f"The {wanted} {oid} ({display(path) or 'the root'}) of the ledger is missing in this clone."
            )
            raise Damaged(words, hint=MEND, where=path or oid) from error
        except ValueError as error:
            raise Corrupt(
                f"The {wanted} {oid} of the ledger was not read: {error}.", where=path or oid
            ) from error
        if kind != wanted:
            raise Corrupt(f"{oid} in the ledger is a {kind}, not a {wanted}.", where=path or oid)
        return data

    def _walk(self, names: list[str]) -> _Folder | None:
        folder = self._root
        for position, name in enumerate(names):
            child = folder.children.get(name)
            if child is None:
                entry = folder.entries.get(name)
                if entry is None or not entry.is_folder:
                    return None
                child = folder.children[name] = self._load(entry.oid, "/".join(names[: position + 1]))
            if not isinstance(child, _Folder):
                return None
            folder = child
        return folder

    def _touch(self, names: list[str]) -> _Folder:
        self._listed.clear()
        folder = self._root
        folder.changed = True
        for position, name in enumerate(names):
            child = self._walk(names[: position + 1])
            if child is None:
                child = folder.children[name] = _Folder({})
                folder.entries[name] = Entry(FOLDER, "")
            child.changed = True
            folder = child
        return folder

    def _write(self, folder: _Folder) -> str | None:
        for name, child in list(folder.children.items()):
            if isinstance(child, _Folder):
                if not child.changed:
                    continue
                oid = self._write(child)
                if oid is None:
                    del folder.entries[name]
                    del folder.children[name]
                else:
                    folder.entries[name] = Entry(FOLDER, oid)
            elif not folder.entries[name].oid:
                folder.entries[name] = Entry(FILE, self._objects.write("blob", child))
        folder.changed = False
        return self._objects.write("tree", serialise(folder.entries)) if folder.entries else None


def _by_name(path: str) -> str:
    """The key by which paths are sorted as the names that they are made of."""
    return path.replace("/", "\0")


def _in_the_way(path: str, what: str) -> Corrupt:
    return Corrupt(f"{display(path)} in the ledger is {what}. It was left alone.", where=path)
