"""What several hosts have in common: the same leak in many places is one thing to look at, and one mistake if it is one. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from gitfleet.codec import Many, Struct, Text, Whole, field
from gitfleet.triage.shapes import Printable


class CrossHostPattern(Struct):
    """A kind of command that is proposed on several hosts: on which, and how many times in all."""

    pattern: str = field(Printable(120))
    hosts: tuple[str, ...] = field(Many(Text[str](320)))
    count: int = field(Whole(1))


MOST = 200


def across(found: Iterable[tuple[str, str]], *, least: int = 2) -> tuple[CrossHostPattern, ...]:
    """The patterns that at least so many hosts have, most frequent first, from pairs of host and pattern, one for each candidate."""
    hosts: dict[str, dict[str, int]] = {}
    for host, pattern in found:
        there = hosts.setdefault(pattern, {})
        there[host] = there.get(host, 0) + 1
    rows = [
        CrossHostPattern(pattern, tuple(there), sum(there.values()))
        for pattern, there in hosts.items()
        if pattern and len(there) >= least
    ]
    return tuple(sorted(rows, key=lambda row: (-row.count, row.pattern))[:MOST])
