"""New objects: kept in memory until they are all known, then stored at once.

A transaction of one claim is some fifteen small objects, stored loose. One of many claims is hundreds, and there
creating the files would cost ten times all the rest; those go into one pack. Nothing is stored for objects that turn
out not to be wanted (a replay, a decision that was overtaken).
"""

from __future__ import annotations

import _thread  # `threading` makes a dozen classes, of which no claim needs one
import os
import zlib
from collections.abc import Sequence
from contextlib import suppress

from gitfleet.base import files, ids, processes
from gitfleet.base.digests import sha1
from gitfleet.git.program import environment

PACK_ABOVE = 100
"""From so many new objects on, one pack is cheaper than loose files. git counts packs (50), too, before it repacks."""

AT_ONCE = 4
"""Loose objects stored at once: each waits for the disk, and file systems write their journal once for all that wait."""

_ATTEMPTS = 50
"""So often a folder may be taken away before that is an error: each time needs a `git gc` that meets the same moment."""

_KINDS = {"commit": 1, "tree": 2, "blob": 3}


class Pending:
    """Objects that were written but not stored yet. `flush` stores them, whole and durable, before it returns."""

    def __init__(self, git_dir: str) -> None:
        self._git_dir = git_dir
        self._folder = os.path.join(git_dir, "objects")
        state = os.path.join(git_dir, "gitfleet")  # shows first for whom new things are (`git.sharing`)
        self._like = state if os.path.isdir(state) else self._folder
        self._objects: dict[str, tuple[str, bytes]] = {}

    def add(self, kind: str, data: bytes) -> str:
        """Keep an object; its id."""
        head = b"%s %d\0" % (kind.encode(), len(data))
        oid: str = sha1(head + data, usedforsecurity=False).hexdigest()
        self._objects[oid] = (kind, data)
        return oid

    def get(self, oid: str) -> tuple[str, bytes] | None:
        """An object that was added and is not stored yet."""
        return self._objects.get(oid)

    def flush(self) -> None:
        """Store everything that was added. Raises LocalStorage when there is no room; then nothing points at any of it."""
        if len(self._objects) > PACK_ABOVE:
            self._store_pack()
        else:
            self._store_all([(oid, *content) for oid, content in self._objects.items()])
        self._objects.clear()

    def _store_all(self, objects: Sequence[tuple[str, str, bytes]]) -> None:
        """Store objects loose, a few at once. Raises what one of them met, when no other is being stored any more."""
        failed: list[BaseException] = []

        def store(share: Sequence[tuple[str, str, bytes]], done: _thread.LockType) -> None:
            try:
                for one in share:
                    self._store_loose(*one)
            except BaseException as error:  # noqa: BLE001 - raised below, in the caller's thread
                failed.append(error)
            finally:
                done.release()

        first, *others = [objects[start::AT_ONCE] for start in range(AT_ONCE)]
        running = []
        try:
            for share in filter(None, others):
                done = _thread.allocate_lock()
                done.acquire()
                running.append(done)
                try:
                    _thread.start_new_thread(store, (share, done))
                except RuntimeError:  # no more threads are to be had
                    store(share, done)
            for one in first:
                self._store_loose(*one)
        finally:
            for done in running:
                done.acquire()
        if failed:
            raise failed[0]

    def _store_loose(self, oid: str, kind: str, data: bytes) -> None:
        """Store one object, also while git takes away folders that have become empty, and files of writers that died."""
        path = os.path.join(self._folder, oid[:2], oid[2:])
        with files.storage(self._folder):
            for left in range(_ATTEMPTS, -1, -1):
                try:
                    if not _is_fresh(path):
                        self._put(path, zlib.compress(b"%s %d\0%s" % (kind.encode(), len(data), data), 1))
                except FileNotFoundError:
                    if not left or not os.path.isdir(self._folder):
                        raise
                else:
                    return

    def _put(self, path: str, data: bytes) -> None:
        """Put the file of an object at its place. Raises FileNotFoundError when git has taken the folder away meanwhile."""
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            with suppress(FileExistsError):
                os.mkdir(folder)
            os.chmod(folder, os.stat(self._like).st_mode & 0o7777)
        aside = os.path.join(folder, f"tmp_obj_{ids.ulid()}")
        try:
            handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
            with os.fdopen(handle, "wb") as file:
                files.follow(handle, self._like)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.rename(aside, path)
        except OSError:
            files.remove(aside)
            raise

    def _store_pack(self) -> None:
        pack = bytearray(b"PACK\0\0\0\2" + len(self._objects).to_bytes(4, "big"))
        for kind, data in self._objects.values():
            pack += _pack_head(_KINDS[kind], len(data)) + zlib.compress(data, 1)
        pack += sha1(pack, usedforsecurity=False).digest()
        argv = ["git", f"--git-dir={self._git_dir}", "index-pack", "--stdin"]
        done = processes.run(argv, cwd=None, env=environment(), data=bytes(pack))
        if done.code:
            for oid, (kind, data) in self._objects.items():
                self._store_loose(oid, kind, data)  # says what the matter is, in words


def _is_fresh(path: str) -> bool:
    """Whether the object is there. It is as new as one written now, then: what nothing leads to yet, git prunes by its age."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except PermissionError:  # another user's, in a repository that is shared
        return os.path.exists(path)
    return True


def _pack_head(kind: int, size: int) -> bytes:
    """The head of a pack entry: 3 bits of kind, then the size, 4 and then 7 bits a byte (gitformat-pack)."""
    byte, size = (kind << 4) | (size & 15), size >> 4
    head = bytearray()
    while size:
        head.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    head.append(byte)
    return bytes(head)
