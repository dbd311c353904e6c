"""The line that keeps the managed folder out of `git status`, in the common dir's `info/exclude`.

Shared by all worktrees, part of no commit. Owns the line's spelling and the sign above it by which `uninstall` knows its
own; whatever else is in the file stays to the byte. The caller holds the worktrees' lock.
"""

from __future__ import annotations

import os

from gitfleet.base import files

SIGN = b"# gitfleet keeps worktrees in the next folder\n"


def has(common_dir: str, relative: str) -> bool:
    """Whether a line for just that folder is there, whoever wrote it."""
    data = files.read(_path(common_dir)) or b""
    return _line(relative) in {row.rstrip(b"\r") for row in data.split(b"\n")}


def add(common_dir: str, relative: str) -> bool:
    """Have git pass over the folder `relative` (to the top of the worktree). Once; answers whether the file was changed."""
    if has(common_dir, relative):
        return False
    path = _path(common_dir)
    data = files.read(path) or b""
    files.folder(os.path.dirname(path))
    gap = b"" if not data or data.endswith(b"\n") else b"\n"
    _replace(path, data + gap + SIGN + _line(relative) + b"\n")
    return True


def remove(common_dir: str) -> bool:
    """Take out every line that `add` put in. Answers whether there was one."""
    path = _path(common_dir)
    data = files.read(path)
    if data is None or SIGN not in data:
        return False
    lines = data.splitlines(keepends=True)
    kept = [
        line
        for number, line in enumerate(lines)
        if line != SIGN and (number == 0 or lines[number - 1] != SIGN)
    ]
    _replace(path, b"".join(kept))
    return True


def _path(common_dir: str) -> str:
    return os.path.join(common_dir, "info", "exclude")


def _replace(path: str, data: bytes) -> None:
    real = os.path.realpath(path)  # people link this file to one for all their clones
    mode = os.stat(real).st_mode & 0o777 if os.path.exists(real) else 0o644
    files.replace(real, data, mode=mode)


def _line(relative: str) -> bytes:
    return b"/" + _escaped(relative) + b"/"


def _escaped(relative: str) -> bytes:
    """The path as a pattern that matches only itself."""
    raw = os.fsencode(relative)
    for char in (b"\\", b"*", b"?", b"["):
        raw = raw.replace(char, b"\\" + char)
    return raw[:-1] + b"\\ " if raw.endswith(b" ") else raw
