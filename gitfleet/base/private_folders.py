"""Folders with short names that only this user can enter: where sockets lie, whose whole path has some 100 characters at most."""

from __future__ import annotations

import os
import stat

_TEMPORARY = "/tmp"  # noqa: S108 - what lies there is looked at (`_is_ours`); TMPDIR is often too long for a socket


def private_folder(name: str, longest: int) -> str:
    """The folder of that name in XDG_RUNTIME_DIR, else in /tmp (with our uid), made if need be; its path.

    "" where there is none of at most `longest` characters that is a folder of ours which nobody else can enter.
    """
    places = [(os.environ.get("XDG_RUNTIME_DIR", ""), name), (_TEMPORARY, f"{name}-{os.getuid()}")]
    for base, folder in places:
        path = os.path.join(base, folder)
        if os.path.isabs(base) and len(path) <= longest and "%" not in path and _is_ours(path):
            return path
    return ""


def _is_ours(path: str) -> bool:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    except OSError:
        return False
    there = os.lstat(path)
    return stat.S_ISDIR(there.st_mode) and there.st_uid == os.getuid() and not there.st_mode & 0o077
