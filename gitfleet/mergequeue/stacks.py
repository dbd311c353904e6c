"""Which entries are stacked on others: a branch that holds the head of another that waits, too."""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.git import lineage
from gitfleet.git.program import Git


def below(git: Git, heads: Mapping[str, str], base: str) -> dict[str, str]:
    """By entry, the nearest one that it is stacked on. `heads` are given first come, first named; of two at one commit, the
    later is on the first. One git process, and memory for the commits that `base` lacks. Raises GitFailed.
    """
    order = {entry: number for number, entry in enumerate(heads)}
    at: dict[str, list[str]] = {}
    for entry, head in heads.items():
        at.setdefault(head, []).append(entry)
    held = lineage.carriers(git, heads, base, lambda commit: at.get(commit.oid, ()))
    found = {}
    for entry, inside in held.items():
        same = heads[entry]
        under = [one for one in inside if heads[one] != same or order[one] < order[entry]]
        if under:
            found[entry] = max(under, key=lambda one: (len(held[one]), order[one]))
    return found
