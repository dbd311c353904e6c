"""Reading the ledger on the commit path: trees and records through one `git cat-file --batch`.

The standard library's process module alone would cost a third of a hook's time, so programs are started with
`posix_spawn` here. Reads only; whatever is unexpected raises, and the full gate takes over.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


PIPE = 60_000
"""Bytes that go into a pipe before anybody reads them; with more, both sides could wait."""
DIFF = ("diff-index", "--cached", "--name-only", "--no-renames", "--ignore-submodules=none", "-z")
"""How git is asked for the paths that the index has otherwise than a commit or tree."""
AT_ONCE = 500
"""Questions asked before their answers are read: so few that they fit into a pipe, or both sides would wait."""


class Unexpected(Exception):
    """Something that the quick way does not deal with."""


def ask(*arguments: str, feed: bytes = b"") -> bytes:
    """What git answers where it is told `feed`, of which it reads all before it answers. Raises Unexpected where it fails."""
    pid, out, entry = _spawn(*arguments)
    with out, entry:
        entry.write(feed)
        entry.close()
        data = out.read()
    if os.waitpid(pid, 0)[1] != 0:
        raise Unexpected
    return data


def _spawn(*arguments: str) -> tuple[int, BinaryIO, BinaryIO]:
    """Start git: its number, its output and its input. What it says else is dropped.

    Replaced objects (`git replace`) are for looking at history, and no part of the ledger.
    """
    out, out_there = os.pipe()
    entry_there, entry = os.pipe()
    actions = [
        (os.POSIX_SPAWN_DUP2, entry_there, 0),
        (os.POSIX_SPAWN_DUP2, out_there, 1),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    environment = {**os.environ, "LC_ALL": "C", "GIT_NO_REPLACE_OBJECTS": "1"}
    pid = os.posix_spawnp("git", ["git", *arguments], environment, file_actions=actions)
    os.close(out_there)
    os.close(entry_there)
    return pid, open(out, "rb"), open(entry, "wb", buffering=0)


class Records:
    """The records of one ledger commit, read by path. `at` names the commit (a ref will do)."""

    def __init__(self, common_dir: str, at: str) -> None:
        self._pid, self._out, self._in = _spawn(f"--git-dir={common_dir}", "cat-file", "--batch")
        self._folders: dict[tuple[str, ...], dict[bytes, tuple[bool, bytes]]] = {}
        self._blobs: dict[bytes, bytes] = {}
        self._root = at.encode() + b"^{tree}"

    def folder(self, path: tuple[str, ...]) -> dict[bytes, tuple[bool, bytes]]:
        """The entries of a folder by name: whether each is a folder, and its object id. Empty when there is none."""
        known = self._folders.get(path)
        if known is None:
            self.read_folders([path])
            known = self._folders[path]
        return known

    def read_folders(self, paths: list[tuple[str, ...]]) -> None:
        """Read folders ahead, those of one depth with one question each, all asked before the first answer is read."""
        missing = [path for path in paths if path not in self._folders]
        above = list({path[:-1] for path in missing if path} - self._folders.keys())
        if above:
            self.read_folders(above)
        wanted = {}
        for path in missing:
            entry = self._folders[path[:-1]].get(os.fsencode(path[-1])) if path else (True, self._root)
            if entry is not None and entry[0]:
                wanted[path] = entry[1]
            else:
                self._folders[path] = {}
        for path, data in zip(wanted, self._ask(list(wanted.values()), b"tree"), strict=True):
            self._folders[path] = _entries(data)

    def blob(self, oid: bytes) -> bytes:
        """The content of a file."""
        known = self._blobs.get(oid)
        if known is None:
            self.read_blobs([oid])
            known = self._blobs[oid]
        return known

    def read_blobs(self, oids: list[bytes]) -> None:
        """Read files ahead."""
        missing = list({oid for oid in oids if oid not in self._blobs})
        self._blobs.update(zip(missing, self._ask(missing, b"blob"), strict=True))

    def file(self, *path: str) -> bytes | None:
        """The content of the file at `path`."""
        entry = self.folder(path[:-1]).get(os.fsencode(path[-1]))
        return None if entry is None or entry[0] else self.blob(entry[1])

    def close(self) -> None:
        """End the reader."""
        self._in.close()
        self._out.close()
        os.waitpid(self._pid, 0)

    def _ask(self, names: list[bytes], kind: bytes) -> list[bytes]:
        answers = []
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            self._in.write(b"\n".join(some) + b"\n")
            answers += [self._answer(kind) for _ in some]
        return answers

    def _answer(self, kind: bytes) -> bytes:
        words = self._out.readline().split()
        if len(words) != 3 or words[1] != kind:
            raise Unexpected
        size = int(words[2])
        data = self._out.read(size + 1)
        if len(data) != size + 1:
            raise Unexpected
        return data[:-1]


def _entries(data: bytes) -> dict[bytes, tuple[bool, bytes]]:
    entries = {}
    at = 0
    while at < len(data):
        zero = data.index(b"\0", at)
        mode, name = data[at:zero].split(b" ", 1)
        entries[name] = (mode == b"40000", data[zero + 1 : zero + 21].hex().encode())
        at = zero + 21
    return entries
