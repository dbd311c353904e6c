"""The target's own line: the commits that it was at, one after the other, without what their branches brought along."""

from __future__ import annotations

import os
from typing import NamedTuple

from gitfleet.git.program import Git

_TIME = 300.0
_FORMAT = "%H%x00%T%x00%P%x00%(trailers:key=Fleet-Entry,valueonly,separator=%x2C)"


class TargetCommit(NamedTuple):
    """A commit of the line, its tree, what it is on top of, and the entry that it names ("": none)."""

    oid: str
    tree: str
    parent: str
    entry: str


def since(git: Git, old: str, new: str) -> list[TargetCommit]:
    """The line from `new` down to what `old` has already. One git process. Raises GitFailed."""
    out = git.run(
        "log", "--no-show-signature", "--no-color", "--first-parent", f"--format={_FORMAT}", new, f"^{old}", "--", timeout=_TIME,
    )  # fmt: skip
    rows = [row.split("\0") for row in os.fsdecode(out).split("\n") if row]
    return [
        TargetCommit(oid, tree, parents.partition(" ")[0], named.rpartition(",")[2].strip())
        for oid, tree, parents, named in rows
    ]
