"""What tells that git may have another answer for a worktree than before: stamps of a few files. No process, and nothing is read twice."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache

from gitfleet.base import files
from gitfleet.base.digests import sha256
from gitfleet.codec import Struct
from gitfleet.errors import FleetError
from gitfleet.git import refs

HOLDS = 1800
"""Seconds for which what one process noted is good enough for the next."""
_YOUNG = 2
"""Seconds for which a file counts as one that may yet be written within the same tick of the file system's clock."""


class CheckoutSigns(Struct):
    """What tells that a worktree has changed: what does so for `sure`, and `work` that somebody is at, both only to be compared.

    `newest` is when the last of it was, in seconds since 1970.
    """

    sure: object
    work: object
    newest: int

    @property
    def digest(self) -> str:
        """All of it, for a file."""
        return sha256(repr((self.sure, self.work)).encode("utf-8", "backslashreplace")).hexdigest()

    def hold(self, digest: str, age: int) -> bool:
        """Whether what was noted with this digest, `age` seconds ago, is what git would say now, as far as can be told."""
        return digest == self.digest and 0 <= age < HOLDS

    def are_old(self, at: int) -> bool:
        """Whether a change from `at` on would be told, and so what git says then may be noted."""
        return at - self.newest > _YOUNG


def look(path: str, folder: str, *, besides: object = (), logs: Iterable[str] = ()) -> CheckoutSigns:
    """Those of the worktree at `path` with git's own `folder`. `besides` counts as sure; `logs` are written by who is at work there."""
    of_git, link = git_stamp(folder), files.stamp(os.path.join(path, ".git"), follow=False)
    work = [files.stamp(one) for one in (path, *logs)]
    newest = max((one[0] for one in (*of_git, *work) if one), default=0)
    return CheckoutSigns((besides, of_git, work[0] is None, link is None), work, newest // 10**9)


def git_stamp(folder: str) -> tuple[tuple[int, ...] | None, ...]:
    """What differs once somebody has staged, committed, switched or merged in a worktree, or moved its branch from elsewhere."""
    found = [files.stamp(os.path.join(folder, name)) for name in ("index", "HEAD", "logs/HEAD", "MERGE_HEAD")]
    return *found, files.stamp(_branch_file(folder, found[1]))


@lru_cache(maxsize=4096)
def _branch_file(folder: str, _: object) -> str:
    """The file that tells where the branch of a worktree is; that of HEAD where it is on none. Read once for each stamp of HEAD."""
    path = os.path.join(folder, "HEAD")
    with suppress(FleetError, OSError):
        kind, _, name = os.fsdecode(files.read(path) or b"").rstrip("\n").partition(" ")
        if name.endswith("/.invalid"):  # all refs are in tables
            name = "reftable/tables.list"
        return os.path.join(refs.common(folder), name) if kind == "ref:" else path
    return path
