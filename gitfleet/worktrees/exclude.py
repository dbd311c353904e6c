"""The line that keeps the managed folder out of `git status`, in the common dir's `info/exclude`.

Shared by all worktrees, part of no commit. Owns the line's spelling and the sign above it by which `uninstall` knows its
own; whatever else is in the file stays to the byte. The caller holds the worktrees' lock.
"""

from __future__ import annotations

import os
import re

from gitfleet.base import files

SIGN = b"# gitfleet keeps worktrees in the next folder\n"
JOINED = b"# gitfleet keeps worktrees in the next folder (the line before this one had no end)\n"
NEW = b"# gitfleet keeps worktrees in the next folder (and made this file)\n"
_SIGNS = (SIGN, JOINED, NEW)


def has(common_dir: str, relative: str) -> bool:
    """Whether a line for just that folder is there, whoever wrote it."""
    data = files.read(_path(common_dir)) or b""
    return _line(relative) in {row.rstrip(b"\r") for row in data.split(b"\n")}


def add(common_dir: str, relative: str) -> None:
    """Have git pass over the folder `relative` (to the top of the worktree). Twice is once."""
    if has(common_dir, relative):
        return
    path = _path(common_dir)
    data = files.read(path)
    files.folder(os.path.dirname(path))
    sign = NEW if data is None else SIGN if not data or data.endswith(b"\n") else JOINED
    _replace(path, (data or b"") + (b"\n" if sign == JOINED else b"") + sign + _line(relative) + b"\n")


def folders(common_dir: str) -> list[str]:
    """The folders whose lines `add` put in, relative to the top of the worktree; none that would lead out of it."""
    lines = (files.read(_path(common_dir)) or b"").splitlines(keepends=True)
    ours = [line for number, line in enumerate(lines) if number and lines[number - 1] in _SIGNS]
    found = [os.fsdecode(re.sub(rb"\\(.)", rb"\1", line.rstrip(b"\r\n")[1:-1])) for line in ours]
    return [folder for folder in found if folder and not {"", ".", ".."} & set(folder.split("/"))]


def remove(common_dir: str, relative: str) -> None:
    """Take out the line that `add` put in for `relative`, if there is one.

    Without the last of them the file is as it was before, to the byte, and gone where there was none, if nobody else has
    written to it.
    """
    path, line = _path(common_dir), _line(relative) + b"\n"
    lines = (files.read(path) or b"").splitlines(keepends=True)
    ours = (number for number, sign in enumerate(lines[:-1]) if sign in _SIGNS and lines[number + 1] == line)
    at = next(ours, None)
    if at is None:
        return
    sign, kept = lines[at], lines[:at] + lines[at + 2 :]
    if kept[at : at + 1] == [SIGN]:
        kept[at] = sign  # what was there before us is for the last of ours to say
    elif sign == JOINED and kept and at == len(kept):
        kept[-1] = kept[-1].removesuffix(b"\n")
    if sign == NEW and not kept and not os.path.islink(path):
        files.remove(path)
    else:
        _replace(path, b"".join(kept))


def _path(common_dir: str) -> str:
    return os.path.join(common_dir, "info", "exclude")


def _replace(path: str, data: bytes) -> None:
    real = os.path.realpath(path)  # people link this file to one for all their clones
    mode = os.stat(real).st_mode & 0o777 if os.path.exists(real) else 0o644
    files.replace(real, data, mode=mode)


def _line(relative: str) -> bytes:
    """A pattern that matches only this path."""
    raw = os.fsencode(relative)
    for char in (b"\\", b"*", b"?", b"["):
        raw = raw.replace(char, b"\\" + char)
    return b"/" + (raw[:-1] + b"\\ " if raw.endswith(b" ") else raw) + b"/"
