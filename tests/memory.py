"""Temporary folders in memory, where the machine has room: we sync each file to disk, and no test needs it to last."""

from __future__ import annotations

import os
import tempfile

MEMORY = "/dev/shm"
ROOM = 1 << 30


def use() -> None:
    """Have this process and its children make their temporary files in memory, unless TMPDIR says otherwise."""
    if "TMPDIR" not in os.environ and _has_room():
        os.environ["TMPDIR"] = tempfile.tempdir = MEMORY


def _has_room() -> bool:
    if not os.access(MEMORY, os.W_OK):
        return False
    state = os.statvfs(MEMORY)
    no_programs = state.f_flag & getattr(
        os, "ST_NOEXEC", 0
    )  # as containers often have it: hooks could not run
    return not no_programs and state.f_bavail * state.f_frsize > ROOM
