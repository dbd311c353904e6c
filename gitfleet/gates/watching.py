"""Which runs of other nodes have stood still for so long that they count as over: by this node's own clock, never by theirs.

A runner counts its lease up while it runs. What this node has seen at the same count for the lease's time and a margin is over,
and so is a run of this very node whose process is gone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Protocol

from gitfleet.base import canonical, clock, files, identity
from gitfleet.base.identity import ProcessIdentity, boot_id
from gitfleet.base.names import NodeId
from gitfleet.codec import TEXT, WHOLE, Broken, One, Struct, Table, field

MARGIN = 60
"""Seconds that a lease is left alone beyond its time."""


class _Watched(Struct):
    renewed: int = field(WHOLE)
    since: int = field(WHOLE)
    boot: str = field(TEXT)


_KEPT = Table(One(_Watched))


class Leased(Protocol):
    """A run with a lease: `renewed` is counted up by its `node` while it goes on, and each time is enough for `ttl` seconds.

    `process` makes it, for its own node.
    """

    @property
    def id(self) -> str: ...
    @property
    def node(self) -> NodeId: ...
    @property
    def renewed(self) -> int: ...
    @property
    def ttl(self) -> int: ...
    @property
    def process(self) -> ProcessIdentity | None: ...


def over(
    runs: Iterable[Leased], state: str, node: str, *, name: str = "watch", margin: int = MARGIN
) -> dict[str, int]:
    """Those of the runs that are over, each with its counter; what is seen now is noted (as `name`) for the next look.

    `margin`: seconds that a lease is left alone beyond its time.

    Two at once: one may lose a note, and watches anew.
    """
    path = os.path.join(state, "runs", f"{name}.json")
    before, boot, now = _load(path), boot_id(), int(clock.elapsed())
    seen, found = {}, {}
    for lease in runs:
        old = before.get(lease.id)
        same = old is not None and (old.renewed, old.boot) == (lease.renewed, boot) and old.since <= now
        since = old.since if old is not None and same else now
        seen[lease.id] = _Watched(lease.renewed, since, boot)
        gone = lease.node == node and lease.process is not None and identity.state(lease.process) == "dead"
        if gone or now - since > lease.ttl + margin:
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
