"""Two object stores behind one protocol (`trees.Objects`), for two loads.

`PlumbingObjects` starts fast and needs nothing but git: one `git cat-file --batch` answers its reads. It serves single
commands, where importing pygit2 (some 80 ms) would be most of the cost, and repositories that libgit2 cannot open. `BulkObjects` is pygit2, for work over thousands of objects.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import IO

from gitfleet.base import processes
from gitfleet.base.ids import is_oid
from gitfleet.git.program import environment
from gitfleet.git.trees import Objects
from gitfleet.git.writing import Pending

MAX_OBJECT = 64 * 1024 * 1024
ROUND = 300
"""Objects that are asked for before the first answer is read: fewer than fill the smallest pipe, or both sides would wait."""
MAX_KEPT = 64 * 1024 * 1024
"""Bytes of objects that one store keeps in memory, for processes that run for long."""
_HEAD = 256  # what keeping one costs beside its content


class _Recent:
    """The objects that were read last."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._kept: dict[str, tuple[str, bytes]] = {}

    def get(self, oid: str) -> tuple[str, bytes] | None:
        found = self._kept.pop(oid, None)
        if found is not None:
            self._kept[oid] = found  # the newest is last
        return found

    def __contains__(self, oid: str) -> bool:
        return oid in self._kept

    def put(self, oid: str, found: tuple[str, bytes]) -> None:
        self._kept[oid] = found
        self._size += _HEAD + len(found[1])
        while self._size > self._limit and self._kept:
            _, data = self._kept.pop(next(iter(self._kept)))
            self._size -= _HEAD + len(data)


class _Writing:
    """What the stores have in common: new objects. Threads take turns."""

    def __init__(self, git_dir: str) -> None:
        self._pending = Pending(git_dir)
        self._turn = threading.RLock()

    def write(self, kind: str, data: bytes) -> str:
        """Keep a new object; its id. It is stored at the next `flush`, and can be read here at once."""
        with self._turn:
            return self._pending.add(kind, data)

    def flush(self) -> None:
        """Store what was written."""
        with self._turn:
            self._pending.flush()


class PlumbingObjects(_Writing):
    """Objects through `git cat-file --batch` and loose files. One process, started at the first read. Threads take turns."""

    def __init__(self, git_dir: str, *, limit: int = MAX_OBJECT, kept: int = MAX_KEPT) -> None:
        super().__init__(git_dir)
        self._git_dir = git_dir
        self._limit = limit
        self._reader: processes.Conversation | None = None
        self._recent = _Recent(kept)

    def read(self, oid: str) -> tuple[str, bytes]:
        """Kind and content. Raises KeyError when the object is not there; fetches it in a partial clone.

        An object above the limit (bytes) raises ValueError before its content is read.
        """
        with self._turn:
            known = self._pending.get(oid) or self._recent.get(oid)
            if known is None:
                known = self._ask(oid)
                self._recent.put(oid, known)
            return known

    def prefetch(self, oids: Iterable[str]) -> None:
        """Read objects together, so that `read` has them at once. What cannot be read is left to `read`, which says why."""
        with self._turn, suppress(BrokenPipeError, EOFError, ValueError):
            wanted = [oid for oid in dict.fromkeys(oids) if is_oid(oid) and not self._is_known(oid)]
            for start in range(0, len(wanted), ROUND):
                asked = wanted[start : start + ROUND]
                for oid, found in zip(asked, self._answers(asked), strict=True):
                    if found is not None:
                        self._recent.put(oid, found)

    def close(self) -> None:
        """End the reading process."""
        with self._turn:
            if self._reader:
                self._reader.close()
                self._reader = None

    def _is_known(self, oid: str) -> bool:
        return oid in self._recent or self._pending.get(oid) is not None

    def _ask(self, oid: str) -> tuple[str, bytes]:
        if not is_oid(oid):  # git would read a name, or the beginning of an id, as a revision
            raise KeyError(oid)
        for _ in range(2):  # git ends at a broken object, so a new one is asked
            with suppress(BrokenPipeError, EOFError):
                (found,) = self._answers([oid])
                if found is None:
                    break
                return found
        raise KeyError(oid)

    def _answers(self, oids: Sequence[str]) -> Iterator[tuple[str, bytes] | None]:
        """What git says of each object, None of one that is missing; all questions are put before the first answer.

        Raises BrokenPipeError or EOFError when git has ended instead, ValueError for an object above the limit; the next
        question then starts git anew.
        """
        try:
            reader = self._reading()
            reader.ask(oids)
            for oid in oids:
                yield self._answer(reader.output, oid)
        except (BrokenPipeError, EOFError, ValueError):
            self.close()
            raise

    def _answer(self, output: IO[bytes], oid: str) -> tuple[str, bytes] | None:
        head = output.readline().split()
        if len(head) == 2:  # missing
            return None
        if len(head) != 3:
            raise EOFError(oid)
        size = int(head[2])
        if size > self._limit:
            raise ValueError(f"{oid} has {size} bytes, more than may be here ({self._limit})")
        data = output.read(size + 1)
        if len(data) != size + 1:
            raise EOFError(oid)
        return head[1].decode(), data[:-1]

    def _reading(self) -> processes.Conversation:
        if self._reader is None:
            argv = ["git", f"--git-dir={self._git_dir}", "cat-file", "--batch"]
            self._reader = processes.Conversation(argv, cwd=None, env=environment())
        return self._reader


class BulkObjects(_Writing):
    """Objects through pygit2. Raises ImportError or GitError where libgit2 cannot open the repository.

    With a `limit` (bytes) the size of each object is asked for first, and one above it raises ValueError. Threads take turns.
    """

    def __init__(self, git_dir: str, *, limit: int | None = None) -> None:
        import pygit2  # 80 ms: only work over many objects pays for it

        super().__init__(git_dir)
        pygit2.settings.set_extensions(["refstorage", "partialclone", "worktreeconfig", "relativeworktrees"])
        flags = pygit2.enums.RepositoryOpenFlag.NO_SEARCH | pygit2.enums.RepositoryOpenFlag.NO_DOTGIT
        self._repository = pygit2.Repository(git_dir, flags)
        self._odb = self._repository.odb
        self._limit = limit
        if limit is not None and not hasattr(self._odb, "read_header"):
            raise ImportError("this pygit2 cannot tell the size of an object before it is read")
        self._kinds = dict(enumerate(("commit", "tree", "blob"), start=1))  # as git numbers them
        self._failed = pygit2.GitError

    def read(self, oid: str) -> tuple[str, bytes]:
        """Kind and content. Raises KeyError when the object is not there, or broken."""
        if not is_oid(oid):
            raise KeyError(oid)
        with self._turn:
            return self._pending.get(oid) or self._look(oid)

    def _look(self, oid: str) -> tuple[str, bytes]:
        try:
            size = self._odb.read_header(oid)[1] if self._limit is not None else 0
            if size > (self._limit or 0):
                raise ValueError(f"{oid} has {size} bytes, more than may be here ({self._limit})")
            kind, data = self._odb.read(oid)
        except self._failed as error:
            raise KeyError(oid) from error
        return self._kinds.get(kind, "other"), data

    def prefetch(self, oids: Iterable[str]) -> None:
        """Nothing: each object is read as fast alone."""

    def close(self) -> None:
        """Let go of open packs."""
        with self._turn:
            self._repository.free()


def open_objects(git_dir: str, *, bulk: bool = False, limit: int | None = None) -> Objects:
    """The store that fits the load; plumbing also where libgit2 refuses the repository's format.

    `limit` is the most bytes that one object may have, for objects that strangers wrote.
    """
    if bulk:
        try:
            return BulkObjects(git_dir, limit=limit)
        except Exception as error:
            if type(error).__module__.split(".")[0] not in {"_pygit2", "pygit2", "builtins"}:
                raise
    return PlumbingObjects(git_dir, limit=MAX_OBJECT if limit is None else limit)
