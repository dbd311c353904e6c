"""What the target has by now, by its own log."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from gitfleet.git.program import Git

_TIME = 300.0
_FORMAT = "%H%x00%(trailers:key=Fleet-Entry,valueonly,separator=%x2C)%x00%(trailers:key=Fleet-Head,valueonly,separator=%x2C)"


class OnTarget(NamedTuple):
    """What the target has by now: its newer commits, and the commits in it that landed entries, by entry and head."""

    commits: frozenset[str]
    landings: Mapping[tuple[str, str], str]


@lru_cache(maxsize=1)  # what commits contain stays so
def on_target(git: Git, target: str, since: frozenset[str]) -> OnTarget:
    """What has come to the target since it was at all of the commits `since`. Two git processes; none where that was asked last, too.

    Raises GitFailed.
    """
    shut = git.ask("merge-base", "--octopus", *{target, *since}, timeout=_TIME).stdout.decode().split()
    out = git.run(
        "log", "--no-show-signature", "--no-color", f"--format={_FORMAT}", target, *(f"^{commit}" for commit in shut), "--",
        timeout=_TIME,
    )  # fmt: skip
    commits, found = set(), {}
    for row in out.decode("utf-8", "replace").splitlines():
        commit, entries, ends = (*row.split("\0"), "", "")[:3]
        commits.add(commit)
        if entries and ends:
            found[entries.split(",")[-1].strip(), ends.split(",")[-1].strip()] = commit
    return OnTarget(frozenset(commits), found)
