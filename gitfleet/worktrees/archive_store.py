"""The archives of a clone: which there are, what each holds, whether a folder holds the same, and letting one go.

Reads what `archive` writes. An archive that cannot be read is named and left alone, and hides none of the others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple

from gitfleet.base import advice
from gitfleet.base.ids import is_name
from gitfleet.base.text import display
from gitfleet.errors import Blocked, Corrupt, NewerFormat, UsageError
from gitfleet.git import fleetrefs, refs
from gitfleet.git.objects import PlumbingObjects
from gitfleet.git.program import Git
from gitfleet.git.trees import parse
from gitfleet.ledger import format
from gitfleet.worktrees import blobs
from gitfleet.worktrees.archive import Archive, ArchiveRecord
from gitfleet.worktrees.capture import FILE, FOLDER, LINK, PIPE, Item

_FORM = "--format=%(refname) %(objectname) %(tree) %(committerdate:unix)"
_ROOT = {"archive.json", "listing", "worktree", "index", "index-file", "settings"}


class ArchiveContents(NamedTuple):
    """What an archive holds: kind and permissions by path, the blobs of files and links by path, settings and index by id."""

    listing: Mapping[str, tuple[str, int]]
    entries: Mapping[str, str]
    settings: Mapping[str, str]
    index_file: str | None


class Shelf(NamedTuple):
    """All archives of a clone, the oldest first, and what is wrong with those that cannot be read."""

    archives: list[Archive]
    broken: list[str]


def everything(common: Git) -> Shelf:
    """All archives. Two git processes."""
    out = common.run("for-each-ref", "--sort=committerdate", _FORM, fleetrefs.ARCHIVE).decode(
        "ascii", "replace"
    )
    archives, broken = [], []
    with closing(PlumbingObjects(common.git_dir)) as objects:
        for line in out.splitlines():
            try:
                archives.append(_read(objects, line))
            except (Corrupt, NewerFormat) as error:
                broken.append(error.message)
    return Shelf(archives, broken)


def find(common: Git, archive_id: str) -> Archive:
    """The archive with this id. Raises UsageError when there is none, Corrupt, NewerFormat."""
    ref = fleetrefs.archive(archive_id) if is_name(archive_id) else ""
    line = common.run("for-each-ref", _FORM, ref).decode("ascii", "replace") if ref else ""
    rows = [row for row in line.splitlines() if row.startswith(f"{ref} ")]
    if not rows:
        raise UsageError(f"There is no archive '{archive_id[:80]}'.", hint=f"{advice.ARCHIVES} shows them.")
    with closing(PlumbingObjects(common.git_dir)) as objects:
        return _read(objects, rows[0])


def drop(common: Git, archive: Archive) -> None:
    """Let an archive go, if it is still the one that was read. Raises Blocked when it is not."""
    if not refs.delete(common, archive.ref, old=archive.oid):
        raise Blocked(
            f"The archive {archive.id} has changed meanwhile, so it was kept.",
            unharmed="",
            hint=f"Look again: {advice.ARCHIVES}.",
        )


def contents(common: Git, oid: str) -> ArchiveContents:
    """What the archive commit `oid` holds. Raises Corrupt. Two git processes."""
    out = os.fsdecode(common.run("ls-tree", "-r", "-z", "--full-tree", oid, timeout=600))
    entries: dict[str, str] = {}
    settings: dict[str, str] = {}
    single: dict[str, str] = {}
    for row in out.split("\0"):
        if row:
            head, path = row.split("\t", 1)
            blob = head.split(" ")[2]
            top, _, rest = path.partition("/")
            if top == "worktree":
                entries[rest] = blob
            elif top == "settings":
                settings[rest] = blob
            elif not rest:
                single[top] = blob
    listing = _listing(common, oid, single.get("listing", ""))
    if {path for path, (kind, _) in listing.items() if kind in {FILE, LINK}} != entries.keys():
        raise Corrupt(f"The archive {oid} does not match its own listing.", where=oid)
    return ArchiveContents(listing, entries, settings, single.get("index-file"))


def differences(common: Git, archive: Archive, top: str, items: Mapping[str, Item]) -> list[str]:
    """Where the things in `items`, as they lie below `top` now, differ from the archive as it is read back from git.

    Every byte of both is read. Raises Corrupt when an object of the archive is missing or damaged.
    """
    kept = contents(common, archive.oid)
    with closing(blobs.Reader(common.git_dir)) as reader:
        for oid in set(kept.entries.values()):
            reader.copy(oid, len)
    both = kept.listing.keys() & items.keys()
    other = {path for path in both if kept.listing[path] != (items[path].kind, items[path].mode)}
    other |= {path for path in both - other if not _same_content(kept.entries, top, path, items[path])}
    return sorted((kept.listing.keys() ^ items.keys()) | other)


def _same_content(entries: Mapping[str, str], top: str, path: str, item: Item) -> bool:
    where = os.path.join(top, path)
    if item.kind == FILE:
        return blobs.of_file(where) == entries[path]
    if item.kind == LINK:
        return blobs.of_bytes(os.fsencode(os.readlink(where))) == entries[path]
    return True


def _listing(common: Git, oid: str, blob: str) -> dict[str, tuple[str, int]]:
    rows = common.run("cat-file", "blob", blob, timeout=600).split(b"\0")[:-1] if blob else []
    try:
        listing = {os.fsdecode(row[6:]): (chr(row[0]), int(row[1:5], 8)) for row in rows}
    except (ValueError, IndexError) as error:
        raise Corrupt(f"The listing of the archive {oid} cannot be read.", where=oid) from error
    for path, (kind, _) in listing.items():
        if kind not in {FILE, LINK, FOLDER, PIPE} or not _inside(path):
            raise Corrupt(f"The archive {oid} names {display(path)}, which cannot be restored.", where=oid)
    return listing


def _inside(path: str) -> bool:
    """Whether a path stays in the folder that it counts from, and out of git's own."""
    return all(part not in {"", ".", "..", ".git"} for part in path.split("/"))


def _read(objects: PlumbingObjects, line: str) -> Archive:
    ref, oid, tree, at = line.split(" ")
    name = ref.removeprefix(fleetrefs.ARCHIVE)
    try:
        entries = parse(objects.read(tree)[1])
        data = objects.read(entries["archive.json"].oid)[1]
        listing = objects.read(entries["listing"].oid)[1]
    except (KeyError, ValueError) as error:
        raise Corrupt(f"The archive {display(name)} cannot be read. It was left alone.", where=ref) from error
    record = format.read(ArchiveRecord, data, ref, of="")
    if not entries.keys() <= _ROOT:
        raise Corrupt(f"The archive {display(name)} was not made by gitfleet. It was left alone.", where=ref)
    files = sum(row[:1] in {b"f", b"l"} for row in listing.split(b"\0"))
    return Archive(name, oid, tree, int(at), record.owner, files, record.left_out, record.mode)
