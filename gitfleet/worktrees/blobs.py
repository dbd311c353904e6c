"""File content as git blobs and back, byte for byte: no filter, no line ending is applied, and no file is held in memory.

Content is hashed as it lies there (`git hash-object --no-filters`) and read through one `git cat-file --batch`, which is
checked against the id that was asked for: what comes back is what was stored, or an error.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

from gitfleet.base.processes import Conversation
from gitfleet.errors import Corrupt
from gitfleet.git.program import Git, environment, failed

HOURS = 7200.0
_CHUNK = 1 << 20
_SYNC_ABOVE = 500


def store(git: Git, paths: Sequence[str]) -> dict[str, str]:
    """Store the regular files at `paths` (relative to where `git` works) as they are; their ids, durable when back.

    Raises GitFailed when one of them is gone or cannot be read. One git process, and one more for each name with a line break.
    """
    plain = [path for path in paths if "\n" not in path]
    data = b"".join(os.fsencode(os.path.join(git.cwd, path)) + b"\n" for path in plain)
    found = (
        dict(zip(plain, _hash(git, "--stdin-paths", data=data, wanted=len(plain)), strict=True))
        if plain
        else {}
    )
    for path in paths:
        if "\n" in path:
            with open(os.path.join(git.cwd, path), "rb") as file:
                found[path] = _hash(git, "--stdin", data=file.read(), wanted=1)[0]
    if _all_at_once(len(plain)):
        os.sync()
    return found


def _all_at_once(count: int) -> bool:
    """Whether so many new files become durable sooner by one flush of the whole system (which waits on Linux only)."""
    return count > _SYNC_ABOVE and sys.platform == "linux"


def _hash(git: Git, source: str, *, data: bytes, wanted: int) -> list[str]:
    how = "none" if _all_at_once(wanted) else "loose-object"
    durable = ("-c", f"core.fsync={how}", "-c", "core.fsyncMethod=fsync")
    kind = ("--no-filters",) if source == "--stdin-paths" else ()
    done = git.ask(*durable, "hash-object", "-w", *kind, source, data=data, timeout=HOURS)
    oids = done.stdout.decode("ascii", "replace").split()
    if done.code or len(oids) != wanted:
        raise failed(done)
    return oids


def missing(git: Git, oids: Iterable[str]) -> list[str]:
    """Those of `oids` that this clone does not have."""
    asked = sorted(set(oids))
    data = "".join(f"{oid}\n" for oid in asked).encode()
    out = git.run("cat-file", "--batch-check", data=data, timeout=HOURS).decode("ascii", "replace")
    return [line.split(" ")[0] for line in out.splitlines() if line.endswith(" missing")] if asked else []


def of_file(path: str) -> str:
    """The blob id of what a regular file holds now. Raises OSError for anything else, and never waits."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        return _sum(size, iter(lambda: file.read(_CHUNK), b""))


def of_bytes(data: bytes) -> str:
    """The blob id of `data`."""
    return _sum(len(data), [data])


def _sum(size: int, parts: Iterable[bytes]) -> str:
    found = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for part in parts:
        found.update(part)
    return found.hexdigest()


class Reader(Conversation):
    """Reads blobs of one clone. Close it. Not for two threads."""

    def __init__(self, git_dir: str) -> None:
        super().__init__(["git", f"--git-dir={git_dir}", "cat-file", "--batch"], cwd=None, env=environment())

    def copy(self, oid: str, sink: Callable[[bytes], object]) -> None:
        """Hand the content of a blob to `sink`, in parts. Raises Corrupt when it is not there or not what its id says."""
        size = self._size(oid)
        found = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        for part in self._parts(size):
            found.update(part)
            sink(part)
        self.output.read(1)
        if found.hexdigest() != oid:
            raise _unreadable(oid, "is damaged")

    def read(self, oid: str) -> bytes:
        """The whole content of a blob that is known to be small. Raises Corrupt."""
        parts: list[bytes] = []
        self.copy(oid, parts.append)
        return b"".join(parts)

    def _size(self, oid: str) -> int:
        try:
            self.ask([oid])
            words = self.output.readline().split()
        except BrokenPipeError:
            words = []
        if len(words) != 3 or words[1] != b"blob":
            raise _unreadable(oid, "is not there")
        return int(words[2])

    def _parts(self, size: int) -> Iterator[bytes]:
        while size:
            part = self.output.read(min(size, _CHUNK))
            if not part:
                return
            size -= len(part)
            yield part


def _unreadable(oid: str, what: str) -> Corrupt:
    return Corrupt(
        f"The object {oid} of an archive {what}.",
        unharmed="Nothing was removed.",
        hint="`git fsck` tells more.",
        where=oid,
    )
