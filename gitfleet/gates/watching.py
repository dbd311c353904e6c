"""Which runs of other nodes have stood still for so long that they count as over: by this node's own clock, never by theirs.

A runner counts its lease up while it runs. What this node has seen at the same count for the lease's time and a margin is over,
and so is a run of this very node whose process is gone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from gitfleet.base import canonical, clock, files, identity
from gitfleet.base.identity import boot_id
from gitfleet.codec import TEXT, WHOLE, Broken, One, Struct, Table, field
from gitfleet.gates import leases
from gitfleet.ledger.model import View

MARGIN = 60
"""Seconds that a lease is left alone beyond its time."""


class _Watched(Struct):
    renewed: int = field(WHOLE)
    since: int = field(WHOLE)
    boot: str = field(TEXT)


_KEPT = Table(One(_Watched))


def over(view: View, state: str, node: str) -> dict[str, int]:
    """The leases that are over, each with its counter; what is seen now is noted for the next look.

    Two at once: one may lose a note, and watches anew.
    """
    path = os.path.join(state, "gates", "watch.json")
    before, boot, now = _load(path), boot_id(), int(clock.elapsed())
    seen, found = {}, {}
    for lease in leases.running(view):
        old = before.get(lease.id)
        same = old is not None and (old.renewed, old.boot) == (lease.renewed, boot) and old.since <= now
        since = old.since if old is not None and same else now
        seen[lease.id] = _Watched(lease.renewed, since, boot)
        gone = lease.node == node and lease.process is not None and identity.state(lease.process) == "dead"
        if gone or now - since > lease.ttl + MARGIN:
            found[lease.id] = lease.renewed
    if seen != before:
        files.folder(os.path.dirname(path))
        files.replace(path, canonical.dump(_KEPT.encode(seen)), durable=False)
    return found


def _load(path: str) -> Mapping[str, _Watched]:
    try:
        return _KEPT.decode(canonical.load(files.read(path) or b"{}"))
    except (ValueError, Broken):
        return {}
