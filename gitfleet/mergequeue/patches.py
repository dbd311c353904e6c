"""What commits change, line by line: patches without context, as values."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gitfleet.git.program import Git

_TIME = 300.0
OPTIONS = (
    "-r", "-p", "-U0", "--text", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-prefix", "--root",
)  # fmt: skip
"""What `git diff-tree` is asked for, so that `hunks` can read its answer."""
_RANGES = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_QUOTED = re.compile(rb"\\([0-7]{3}|.)")
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}


class Hunk(NamedTuple):
    """Lines of a path that go and that come, the first of those that go being number `at` of the old file."""

    path: str
    at: int
    removed: list[bytes]
    added: list[bytes]


def hunks(patch: bytes) -> Iterator[Hunk]:
    """The hunks of patches without context."""
    path, lines = "", iter(patch.split(b"\n"))
    for line in lines:
        if line.startswith(b"diff --git "):
            path = _path(line.removeprefix(b"diff --git "))
        elif found := _RANGES.match(line):
            at, *counts = found.groups()
            out, put = (1 if count is None else int(count) for count in counts)
            hunk = Hunk(path, int(at), [], [])
            while len(hunk.removed) < out or len(hunk.added) < put:
                row = next(lines)
                if row[:1] == b"-":
                    hunk.removed.append(row[1:])
                elif row[:1] == b"+":
                    hunk.added.append(row[1:])
            yield hunk


def _path(names: bytes) -> str:
    """The path in the head of a patch, which stands there twice, in quotes where it has odd characters."""
    name = names[: len(names) // 2]
    if name[:1] == b'"':
        name = _QUOTED.sub(_unquote, name[1:-1])
    return os.fsdecode(name)


def _unquote(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code, 8)]) if code.isdigit() else _ESCAPES.get(code, code)


def lines(git: Git, commits: Iterable[str], path: str) -> list[bytes]:
    """The lines of a path in these commits, one after the other."""
    if "\n" in path:
        return []
    found: list[bytes] = []
    for commit in commits:
        done = git.ask("cat-file", "blob", f"{commit}:{path}", timeout=_TIME)
        found += done.stdout.split(b"\n") if done.code == 0 else []
    return found
