"""What this node has itself seen of other sessions' leases, so that no two clocks are ever compared.

A lease has lapsed for us when its session's renewal counter stayed the same for its time to live and a margin,
measured on this machine's own clock since we first saw it. The observations are kept in the node's state folder, so
that one command goes on where another began.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from gitfleet.base import canonical, clock, files
from gitfleet.base.identity import boot_id


class Watch:
    """The observations of one node. Two writers at once: one observation may be lost and starts anew, which is safe."""

    def __init__(self, state: str) -> None:
        self._path = os.path.join(state, "watch.json")

    def saw(self, conflicts: Iterable[Mapping[str, Any]]) -> None:
        """Note the renewal counters in these conflicts; one that has moved starts a new observation."""
        seen, boot, now = self._load(), boot_id(), int(clock.elapsed())
        for item in conflicts:
            claim, renewed, ttl = item.get("claim"), item.get("renewed"), item.get("ttl")
            if not (isinstance(claim, str) and isinstance(renewed, int) and isinstance(ttl, int)):
                continue
            old = seen.get(claim)
            if old is None or old["renewed"] != renewed or old["boot"] != boot or old["since"] > now:
                seen[claim] = {"renewed": renewed, "ttl": ttl, "since": now, "boot": boot}
        files.replace(self._path, canonical.dump(dict(sorted(seen.items())[-1000:])))

    def lapsed(self, margin: int) -> dict[str, int]:
        """By claim id, the renewal counter of each lease that this machine has watched for its time and `margin`."""
        boot, now = boot_id(), int(clock.elapsed())
        return {
            claim: item["renewed"]
            for claim, item in self._load().items()
            if item["boot"] == boot and now - item["since"] > item["ttl"] + margin
        }

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            raw = canonical.load(files.read(self._path) or b"{}")
        except ValueError:
            return {}
        wanted = {"renewed": int, "ttl": int, "since": int, "boot": str}
        return {
            claim: item
            for claim, item in raw.items()
            if isinstance(item, dict) and all(type(item.get(name)) is kind for name, kind in wanted.items())
        }
