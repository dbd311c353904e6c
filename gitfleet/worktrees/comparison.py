"""Whether what lies in a folder is what an archive holds, byte for byte, as it is read back from git.

Asked before anything is taken away, and after everything was put back.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from gitfleet.git.program import Git
from gitfleet.worktrees import archive_store, blobs
from gitfleet.worktrees.archive import Archive
from gitfleet.worktrees.capture import FILE, LINK, Item


def differences(common: Git, archive: Archive, top: str, items: Mapping[str, Item]) -> list[str]:
    """Where the things in `items`, as they lie below `top` now, differ from the archive as it is read back from git.

    Every byte of both is read. Raises Corrupt when an object of the archive is missing or damaged.
    """
    kept = archive_store.contents(common, archive.oid)
    with blobs.Reader(common.git_dir) as reader:
        for oid in {oid for _, oid in kept.entries.values()}:
            reader.copy(oid, len)
    both = kept.listing.keys() & items.keys()
    other = {path for path in both if kept.listing[path] != (items[path].kind, items[path].mode)}
    other |= {path for path in both - other if not _same_content(kept.entries, top, path, items[path])}
    return sorted((kept.listing.keys() ^ items.keys()) | other)


def _same_content(entries: Mapping[str, tuple[str, str]], top: str, path: str, item: Item) -> bool:
    where = os.path.join(top, path)
    if item.kind == FILE:
        return blobs.of_file(where) == entries[path][1]
    if item.kind == LINK:
        return blobs.of_bytes(os.fsencode(os.readlink(where))) == entries[path][1]
    return True
