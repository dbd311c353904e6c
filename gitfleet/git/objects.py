"""Two object stores behind one protocol (`trees.Objects`), for two loads.

`PlumbingObjects` starts fast and needs nothing but git: one `git cat-file` answers its reads. It serves single
commands, where importing pygit2 (some 80 ms) would be most of the cost, and repositories that libgit2 cannot open. `BulkObjects` is pygit2, for work over thousands of objects.
"""

from __future__ import annotations

import _thread  # `threading` makes a dozen classes, of which no claim needs one
import _weakref  # as above, of `weakref`
import os
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from gitfleet.base import processes
from gitfleet.base.ids import is_oid
from gitfleet.git.program import TIMEOUT, environment
from gitfleet.git.trees import Objects
from gitfleet.git.writing import Pending

MAX_OBJECT = 64 * 1024 * 1024
ROUND = 150
"""Objects that are asked for at once. The questions of two rounds fit into the smallest pipe, or both sides would wait."""
MAX_KEPT = 64 * 1024 * 1024
"""Bytes of objects that one store keeps in memory, for processes that run for long."""
_HEAD = 256  # what keeping one costs beside its content


class _Recent(dict[str, tuple[str, bytes]]):
    """The objects that were read last; the oldest go when there is no more room."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._room = limit

    def keep(self, found: Mapping[str, tuple[str, bytes]]) -> None:
        """Keep objects that are not here yet."""
        self.update(found)
        self._room -= sum([_HEAD + len(data) for _, data in found.values()])
        while self._room < 0 and self:
            _, oldest = self.pop(next(iter(self)))
            self._room += _HEAD + len(oldest)


class _Writing:
    """What the stores have in common: new objects. Threads take turns; a process that is forked has its own."""

    def __init__(self, git_dir: str) -> None:
        self._pending = Pending(git_dir)
        self._turn = _thread.RLock()
        _STORES.add(_weakref.ref(self, _STORES.discard))

    def forked(self) -> None:
        """Called in a process that was forked from ours: a thread that has its turn stayed behind."""
        self._turn = _thread.RLock()

    def write(self, kind: str, data: bytes) -> str:
        """Keep a new object; its id. It is stored at the next `flush`, and can be read here at once."""
        with self._turn:
            return self._pending.add(kind, data)

    def flush(self) -> None:
        """Store what was written."""
        with self._turn:
            self._pending.flush()


_STORES: set[_weakref.ref[_Writing]] = set()


def _after_fork() -> None:
    for store in filter(None, [known() for known in _STORES]):
        store.forked()


os.register_at_fork(after_in_child=_after_fork)


class PlumbingObjects(_Writing):
    """Objects through `git cat-file` and loose files. One process, started at the first read. Threads take turns.

    What is to be read ahead is asked for while other answers are outstanding, so git looks for it while we work on those.
    """

    def __init__(
        self,
        git_dir: str,
        *,
        limit: int = MAX_OBJECT,
        kept: int = MAX_KEPT,
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(git_dir)
        self._git_dir = git_dir
        self._env = environment(env)
        self._limit = limit
        self._reader: processes.Conversation | None = None
        self._recent = _Recent(kept)
        self._wanted: deque[str] = deque()  # to be read ahead, not asked for yet
        self._asked: deque[str] = deque()  # asked for, not answered yet
        self._coming: set[str] = set()  # both

    def read(self, oid: str) -> tuple[str, bytes]:
        """Kind and content. Raises KeyError when the object is not there; fetches it in a partial clone.

        An object above the limit (bytes) raises ValueError before its content is read.
        """
        with self._turn:
            return self._pending.get(oid) or self._recent.get(oid) or self._ahead(oid) or self._ask(oid)

    def prefetch(self, oids: Iterable[str]) -> None:
        """Read objects ahead of `read`. What cannot be read is left to `read`, which says why."""
        with self._turn:
            known, pending, coming = self._recent, self._pending, self._coming
            for oid in oids:
                if oid not in coming and oid not in known and is_oid(oid) and pending.get(oid) is None:
                    self._wanted.append(oid)
                    coming.add(oid)

    def listing(self, tree: str, *, folders: bool = False) -> Mapping[str, str] | None:
        """The files below a tree: ids by path. None where something cannot be read. One process."""
        argv = ["git", f"--git-dir={self._git_dir}", "ls-tree", "-r", "-z", "--full-tree"]
        try:
            done = processes.run(
                [*argv, *(["-t"] if folders else []), tree], cwd=None, env=self._env, timeout=TIMEOUT
            )
        except processes.TimedOut:
            return None
        rows = [row.partition(b"\t") for row in done.stdout.split(b"\0")[:-1]]
        return (
            None
            if done.code
            else {
                os.fsdecode(name) + "/" * (b" tree " in told): told[-40:].decode("ascii")
                for told, _, name in rows
            }
        )

    def close(self) -> None:
        """End the reading process."""
        with self._turn:
            self._ask_nothing()
            if self._reader:
                self._reader.close(kill=True)  # what was forked from us may have its input open, too
                self._reader = None

    def forked(self) -> None:
        """See above: the reading process answers the one that we were forked from."""
        super().forked()
        self._ask_nothing()
        if self._reader:
            self._reader.leave()
            self._reader = None

    def _ask_nothing(self) -> None:
        for ahead in (self._wanted, self._asked, self._coming):
            ahead.clear()

    def _ahead(self, oid: str) -> tuple[str, bytes] | None:
        """An object that is being read ahead; None where it has to be asked for alone."""
        while oid in self._coming:
            while self._wanted and len(self._asked) <= ROUND:
                self._question([self._wanted.popleft() for _ in range(min(ROUND, len(self._wanted)))])
            self._take(ROUND)
        return self._recent.get(oid)

    def _question(self, oids: Sequence[str]) -> None:
        self._asked.extend(oids)
        with suppress(BrokenPipeError):  # then there is no answer
            self._reading().ask([*[f"contents {oid}" for oid in oids], "flush"])

    def _take(self, most: int) -> None:
        """Take the next answers. At one that is none, and at an object above the limit, nothing more is read ahead."""
        output, found = self._reading().output, {}
        whole = True
        for oid in [self._asked.popleft() for _ in range(min(most, len(self._asked)))]:
            self._coming.discard(oid)
            head = output.readline().split()
            if len(head) == 2:  # missing
                continue
            size = int(head[2]) if len(head) == 3 else self._limit + 1
            data = output.read(size + 1) if size <= self._limit else b""
            whole = len(data) == size + 1
            if not whole:
                break
            found[oid] = head[1].decode(), data[:-1]
        self._recent.keep(found)
        if not whole:
            self.close()

    def _ask(self, oid: str) -> tuple[str, bytes]:
        if not is_oid(oid):  # git would read a name, or the beginning of an id, as a revision
            raise KeyError(oid)
        self._take(len(self._asked))
        head = self._head(oid) or self._head(oid)  # git ends at a broken object, so a new one is asked
        if len(head) != 3:
            raise KeyError(oid)
        size = int(head[2])
        if size > self._limit:
            self.close()
            raise ValueError(f"{oid} has {size} bytes, more than may be here ({self._limit})")
        data = self._reading().output.read(size + 1)
        if len(data) != size + 1:
            self.close()
            raise KeyError(oid)
        found = head[1].decode(), data[:-1]
        self._recent.keep({oid: found})
        return found

    def _reading(self) -> processes.Conversation:
        if self._reader is None:
            argv = ["git", f"--git-dir={self._git_dir}", "cat-file", "--batch-command", "--buffer"]
            self._reader = processes.Conversation(argv, cwd=None, env=self._env)
        return self._reader

    def _head(self, oid: str) -> list[bytes]:
        """What git says of an object: its id, kind and size; "missing"; or nothing, when it ended instead."""
        reader = self._reading()
        try:
            reader.ask([f"contents {oid}", "flush"])
            words = reader.output.readline().split()
        except BrokenPipeError:
            words = []
        if not words:
            self.close()
        return words


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

    def listing(self, tree: str, *, folders: bool = False) -> Mapping[str, str] | None:
        """Nothing: see `prefetch`."""

    def close(self) -> None:
        """Let go of open packs."""
        with self._turn:
            self._repository.free()


def open_objects(
    git_dir: str, *, bulk: bool = False, limit: int | None = None, env: Mapping[str, str] | None = None
) -> Objects:
    """The store that fits the load; plumbing also where libgit2 refuses the repository's format.

    `limit` is the most bytes that one object may have, for objects that strangers wrote. `env` is for git, where plumbing reads
    (what is in quarantine, for one).
    """
    if bulk:
        try:
            return BulkObjects(git_dir, limit=limit)
        except Exception as error:
            if type(error).__module__.split(".")[0] not in {"_pygit2", "pygit2", "builtins"}:
                raise
    return PlumbingObjects(git_dir, limit=MAX_OBJECT if limit is None else limit, env=env)
