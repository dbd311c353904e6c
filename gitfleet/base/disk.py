"""How much disk a folder takes: the blocks of all that is in it, each file once, whatever its names. Links are not followed."""

from __future__ import annotations

import os
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 512


def sizes(top: str) -> Iterator[int]:
    """The bytes that each thing in the folder takes, as they are come by; what cannot be looked at is passed over."""
    folders, seen = [top], set()
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                size = 0
                with suppress(OSError):
                    known = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    if known.st_nlink < 2 or known.st_ino not in seen:
                        size = known.st_blocks * _BLOCK
                    if known.st_nlink > 1:
                        seen.add(known.st_ino)
                yield size


def taken(path: str) -> int:
    """The bytes that a folder takes now, all at once."""
    return sum(sizes(path))
