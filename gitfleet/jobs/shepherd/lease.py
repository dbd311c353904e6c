"""The lease by which an attempt of a job of the whole fleet runs: until when, on this machine's own clock.

The daemon puts the moment off each time that the fleet's ledger agreed to it. A shepherd whose moment has come stops its attempt by
itself, since another node may begin the job soon after. So two never run at once, whatever becomes of the daemon or of the network.
"""

from __future__ import annotations

import os

from gitfleet.base import clock, plain_json
from gitfleet.base.identity import boot_id
from gitfleet.codec import TEXT, WHOLE, Struct, field

_MOST = 1 << 16
LOOK = 5.0
"""Seconds between two looks at the moment: a machine that slept has gone past it without waking anybody."""


class LeaseNote(Struct):
    """`fence` of the ledger's lease; `until` in milliseconds since `boot`; `grace`: milliseconds between TERM and KILL, then."""

    fence: int = field(WHOLE)
    until: int = field(WHOLE)
    boot: str = field(TEXT)
    grace: int = field(WHOLE, default=0)


def noted(fence: int, began: float, ttl: int) -> LeaseNote:
    """The note of a lease that was asked for at `began` (`clock.elapsed`) and lives for `ttl` seconds.

    It ends a sixth earlier here. Half of that is for an agent that has to be killed.
    """
    margin = ttl * 1000 // 6
    return LeaseNote(fence, int(began * 1000) + ttl * 1000 - margin, boot_id(), margin // 2)


def load(path: str) -> LeaseNote | None:
    """The note there; None where there is none that can be read."""
    try:
        with open(path, "rb") as file:
            return LeaseNote.decode(plain_json.load(file.read(_MOST)))
    except (OSError, ValueError):
        return None


def left(path: str, fence: int | None = None) -> float:
    """Seconds that are left, of the lease with this fence; 0 where it is over, or was never noted."""
    note = load(path)
    if note is None or note.boot != boot_id() or fence not in {None, note.fence}:
        return 0.0
    return max(0.0, note.until / 1000 - clock.elapsed())


class LeaseWatch:
    """What a shepherd goes by. `path` "": there is no lease, and nothing ever comes to its end."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._due = clock.elapsed()

    def pause(self) -> float | None:
        """Seconds until the next look; None: never."""
        return min(LOOK, max(0.0, self._due - clock.elapsed())) if self._path else None

    def over(self) -> bool:
        """Whether the attempt has to stop now."""
        if not self._path or clock.elapsed() < self._due:
            return False
        rest = left(self._path)
        self._due = clock.elapsed() + rest
        return rest <= 0

    @property
    def grace(self) -> int:
        """Milliseconds between TERM and KILL then."""
        note = load(self._path)
        return note.grace if note else 0


def path_in(home: str) -> str:
    """Where the note of a job is, whose files are in `home`."""
    return os.path.join(home, "lease.json")
