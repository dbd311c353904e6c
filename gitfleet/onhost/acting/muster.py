"""Who of a plan is there at the moment of acting: each member as planned, gone, or something else; and who has joined them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitfleet.onhost.acting import sighting
from gitfleet.onhost.acting.sighting import Sighting
from gitfleet.onhost.records import Identity


@dataclass(frozen=True)
class Muster:
    """`present`: members that are as planned; `joined`: children of theirs in the group since; `strangers`: others in the group.

    `surprise` says what is not as planned; then nothing may be done. `pgid` is 0 where no member is in the planned group.
    """

    present: tuple[Sighting, ...] = ()
    joined: tuple[Sighting, ...] = ()
    gone: int = 0
    strangers: int = 0
    surprise: str = ""
    pgid: int = 0

    @property
    def members(self) -> tuple[Sighting, ...]:
        """All that an action would reach and that belongs together."""
        return (*self.present, *self.joined)

    @property
    def held(self) -> list[tuple[int, int]]:
        """Number and start of each of them."""
        return [(one.pid, one.identity.start) for one in self.members]


def muster(planned: Iterable[Identity], pgid: int) -> Muster:
    """Look at all of them now. A member that has ended, or is a zombie, is gone; a number that another process has is a surprise."""
    present, gone, surprise = [], 0, ""
    for identity in planned:
        seen = sighting.look(identity.pid)
        if seen is None or (seen.zombie and seen.identity.start == identity.start):
            gone += 1
            continue
        why = sighting.difference(identity, seen.identity)
        surprise = surprise or (f"process {identity.pid}: {why}" if why else "")
        present.append(seen)
    if surprise:
        return Muster(gone=gone, surprise=surprise)
    in_group = pgid > 1 and any(one.pgid == pgid for one in present)
    joined, strangers = _others(present, pgid) if in_group else ((), 0)
    return Muster(tuple(present), joined, gone, strangers, "", pgid if in_group else 0)


def _others(present: list[Sighting], pgid: int) -> tuple[tuple[Sighting, ...], int]:
    family = sighting.family()
    known = {one.pid for one in present}
    joined, strangers = [], 0
    for pid, (_, group, _) in family.items():
        if group != pgid or pid in known:
            continue
        seen = sighting.look(pid)
        if seen is None or seen.zombie:
            continue
        if _descends(pid, known, family):
            joined.append(seen)
        else:
            strangers += 1
    return tuple(joined), strangers


def _descends(pid: int, known: set[int], family: Mapping[int, tuple[int, int, str]]) -> bool:
    passed: set[int] = set()
    while pid in family and pid not in passed:
        passed.add(pid)
        pid = family[pid][0]
        if pid in known:
            return True
    return False
