"""The log that git keeps of where a worktree's HEAD was: which commits were made there. Read as a file; no clock is believed."""

from __future__ import annotations

import os

from gitfleet.base import files

# about going to a commit that was there
_ARRIVALS = ("checkout: ", "clone: ", "reset: ", "branch: ", "Branch: ")
_FORWARD = ": Fast-forward"


def length(git_dir: str) -> int:
    """How long the log of a worktree's HEAD is, in bytes, for `made_since`; 0 where there is none."""
    try:
        return os.path.getsize(_path(git_dir))
    except OSError:
        return 0


def made_since(git_dir: str, start: int) -> set[str]:
    """The commits that were made in a worktree after its HEAD's log was `start` bytes long: by commit, rebase, merge, or whatever.

    Of a log that has become shorter (git lets old lines go), or with a negative `start`, all.
    """
    data = files.read(_path(git_dir)) or b""
    lines = os.fsdecode(data[start if 0 <= start <= len(data) else 0 :]).split("\n")
    rows = [line.partition("\t") for line in lines]
    made = [who for who, _, words in rows if not words.startswith(_ARRIVALS) and not words.endswith(_FORWARD)]
    return {who[41:81] for who in made if len(who) > 81}


def _path(git_dir: str) -> str:
    return os.path.join(git_dir, "logs", "HEAD")
