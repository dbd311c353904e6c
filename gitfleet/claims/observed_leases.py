"""What this node has itself seen of other sessions' leases, so that no two clocks are ever compared.

A lease has lapsed for us when its session's renewal counter stayed the same for its time to live and a margin,
measured on this machine's own clock since we first saw it; before a claim is taken away, a pause goes by on top. It has
outlived its greatest age when we have seen the same grant of it for so long. The observations are kept in the node's state folder, so
that one command goes on where another began.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress

from gitfleet.base import canonical, clock, files
from gitfleet.base.identity import boot_id
from gitfleet.codec import TEXT, WHOLE, Broken, One, Struct, Table, field
from gitfleet.obstacles import Obstacle

PAUSE = 60
"""Seconds more that a lapsed claim is left alone, unless its session's process is known to be dead."""


class _Seen(Struct):
    """A lease (`renewed`) that was first seen so `since`, and a grant (`token`) since `granted`, in seconds since `boot`."""

    renewed: int = field(WHOLE)
    ttl: int = field(WHOLE)
    since: int = field(WHOLE)
    boot: str = field(TEXT)
    token: int = field(WHOLE)
    granted: int = field(WHOLE)
    session: str = field(TEXT)
    pause: int = field(WHOLE)


class Watch:
    """The observations of one node. Two writers at once: one observation may be lost and starts anew, which is safe."""

    def __init__(self, state: str) -> None:
        self._path = os.path.join(state, "watch.json")

    def saw(self, conflicts: Iterable[Obstacle]) -> None:
        """Note renewal counters and tokens in these conflicts; one that has moved starts a new observation."""
        seen, boot, now = self._load(), boot_id(), int(clock.elapsed())
        for item in conflicts:
            if not item.claim:
                continue
            old = seen.get(item.claim)
            since = granted = now
            if old is not None and old.boot == boot:
                since = old.since if old.renewed == item.renewed and old.since <= now else now
                granted = old.granted if old.token == item.token and old.granted <= now else now
            pause = 0 if item.waiting else PAUSE
            seen[item.claim] = _Seen(
                item.renewed, item.ttl, since, boot, item.token, granted, str(item.session), pause
            )
        files.replace(self._path, canonical.dump(_KEPT.encode(dict(sorted(seen.items())[-1000:]))))

    def lapsed(self, margin: int, dead: Callable[[str], bool] = lambda _: False) -> dict[str, int]:
        """By claim id, the renewal counter of each lease that this machine has watched for its time, `margin` and pause.

        `dead` says whether a session's process is known to be gone; it is asked only where that makes a difference.
        """
        boot, now = boot_id(), int(clock.elapsed())
        found = {}
        for claim, item in self._load().items():
            over = now - item.since - item.ttl - margin
            if item.boot == boot and over > 0 and (over > item.pause or dead(item.session)):
                found[claim] = item.renewed
        return found

    def outlived(self, limit: int) -> dict[str, int]:
        """By claim id, the token of each grant that this machine has seen standing for more than `limit` seconds."""
        boot, now = boot_id(), int(clock.elapsed())
        return {
            claim: item.token
            for claim, item in self._load().items()
            if item.boot == boot and item.token and now - item.granted > limit + item.pause
        }

    def _load(self) -> dict[str, _Seen]:
        found = {}
        with suppress(ValueError):
            for claim, raw in canonical.load(files.read(self._path) or b"{}").items():
                with suppress(Broken):
                    found[claim] = _Seen.decode(raw)
        return found


_KEPT = Table(One(_Seen))
