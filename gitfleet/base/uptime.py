"""How long ago something was on this machine, whatever is done to its wall clock meanwhile.

A stamp says which boot of the machine it was made in, and how many seconds after that boot. Two stamps of one boot are
an exact distance apart: nobody sets that clock back, and nothing stops it. Two of different boots say nothing.
"""

from __future__ import annotations

from gitfleet.base import clock
from gitfleet.base.identity import UNKNOWN, boot_id


def stamp() -> str:
    """The present moment, as `<boot id>:<seconds since that boot>`; empty where the boot cannot be named."""
    boot = boot_id()
    return "" if boot == UNKNOWN else f"{boot}:{int(clock.elapsed())}"


def age(then_at: int, then: str, now_at: int, now: str) -> int | None:
    """Seconds from one moment of a machine to another, at least; None when that cannot be told. Pure.

    Each moment is a wall time and a stamp (may be empty). The longer of the two distances counts: a clock that was set
    back or stands still makes nothing younger, and a machine whose other clock sleeps when it does, neither.
    """
    wall = now_at - then_at
    if not then or not now:
        return wall if wall >= 0 else None
    (boot, _, start), (boot_now, _, end) = then.rpartition(":"), now.rpartition(":")
    if boot != boot_now or not (start.isascii() and start.isdigit() and end.isascii() and end.isdigit()):
        return None
    return max(int(end) - int(start) - 1, wall, 0)  # each was rounded down
