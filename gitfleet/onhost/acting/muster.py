"""Who of a plan is there at the moment of acting: each member as planned, gone, or something else; and who has joined them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Container, Tuple  # subscripted at run time, which Python 3.8 has only here

from gitfleet.onhost.acting import sighting
from gitfleet.onhost.procfs import StatLine
from gitfleet.onhost.records import HostProcess, Identity

Seen = Tuple[int, int]
"""Number and start of a process."""


@dataclass(frozen=True)
class Muster:
    """`present`: members that are as planned; `joined`: children of theirs since the scan; `strangers`: others in their group.

    `surprise` says what is not as planned; then nothing may be done. `pgid` is 0 where no member is in the planned group.
    """

    present: tuple[HostProcess, ...] = ()
    joined: tuple[HostProcess, ...] = ()
    gone: int = 0
    strangers: int = 0
    surprise: str = ""
    pgid: int = 0

    @property
    def members(self) -> tuple[HostProcess, ...]:
        """All that an action would reach and that belongs together."""
        return (*self.present, *self.joined)

    @property
    def held(self) -> list[tuple[int, int]]:
        """Number and start of each of them."""
        return [(one.identity.pid, one.identity.start) for one in self.members]


def muster(planned: Iterable[Identity], pgid: int, scanned: Container[Seen] = frozenset()) -> Muster:
    """Look at all of them now. A member that has ended, or is a zombie, is gone; a number that another process has is a surprise.

    `scanned` are the processes that the scan saw: a child that was there and was not planned is no part of it.
    """
    present, gone, surprise = [], 0, ""
    for identity in planned:
        try:
            seen = sighting.look(identity.pid)
        except OSError:
            surprise = surprise or f"process {identity.pid}: it cannot be looked at"
            continue
        if seen is None or (seen.zombie and seen.identity.start == identity.start):
            gone += 1
            continue
        why = sighting.difference(identity, seen.identity)
        surprise = surprise or (f"process {identity.pid}: {why}" if why else "")
        present.append(seen)
    if surprise:
        return Muster(gone=gone, surprise=surprise)
    in_group = pgid > 1 and any(one.pgid == pgid for one in present)
    joined, strangers = _others(present, pgid if in_group else 0, scanned)
    return Muster(tuple(present), joined, gone, strangers, "", pgid if in_group else 0)


def _others(
    present: list[HostProcess], pgid: int, scanned: Container[Seen]
) -> tuple[tuple[HostProcess, ...], int]:
    family = {one.pid: one for one in sighting.lines()}
    known = {one.identity.pid for one in present}
    joined, strangers = [], 0
    for pid, one in family.items():
        if pid in known or not sighting.runs(one):
            continue
        child = (pid, one.start) not in scanned and _descends(pid, known, family)
        seen = sighting.look(pid) if child else None
        if seen is not None:
            joined.append(seen)
        elif pgid and one.pgid == pgid and sighting.alive(pid, one.start):
            strangers += 1
    return tuple(joined), strangers


def _descends(pid: int, known: set[int], family: dict[int, StatLine]) -> bool:
    passed: set[int] = set()
    while pid in family and pid not in passed:
        passed.add(pid)
        pid = family[pid].ppid
        if pid in known:
            return True
    return False
