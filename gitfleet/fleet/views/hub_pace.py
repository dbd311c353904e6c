"""How often the fleet writes to its hub, held against what the hub's owner asks for.

The ledger tells it: each of its commits is one push, whichever node made it, by the clock of that node. What nodes push beside it
(heartbeats, branches, archives of jobs) is not in it, so a hub has at least so many pushes.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from gitfleet.base import clock, files
from gitfleet.codec import Struct
from gitfleet.errors import Corrupt
from gitfleet.jobs.delivery import forges
from gitfleet.ledger import commits

if TYPE_CHECKING:
    from gitfleet.clone import Clone
    from gitfleet.git.repository import Repository
    from gitfleet.git.trees import Objects

MINUTES = 30
"""How far it looks back."""
MOST = 2000
"""Generations that are read at most."""
_SLACK = 600
"""Seconds by which clocks of nodes may differ without that a push is missed."""
ADVISED = {"github.com": 6}
"""Pushes a minute to one repository, by the host's own published advice; what is not here advises nothing that is known."""


class HubPace(Struct):
    """`minutes`: the ledger's pushes in each of the last 30 minutes, the newest last. `hub`: the remote; "" where this clone is the hub.

    `limit`: pushes a minute that `host` asks to stay below; 0 where nothing is known of that.
    """

    hub: str = ""
    minutes: tuple[int, ...] = (0,) * MINUTES
    limit: int = 0
    host: str = ""

    @property
    def now(self) -> int:
        """Pushes within the last minute."""
        return self.minutes[-1]

    @property
    def busiest(self) -> int:
        """Pushes of the busiest minute."""
        return max(self.minutes)

    @property
    def often(self) -> bool:
        """Whether there were at least as many in the last minute as the limit admits."""
        return bool(self.limit) and self.now >= self.limit


def look(fleet: Clone, now: int = 0) -> HubPace:
    """The pace as this clone knows it, at `now` (seconds since 1970; 0: the present). No network. Raises NoFleet, Corrupt."""
    hub = fleet.ledger.node.hub
    if not hub:
        return HubPace()
    now = now or clock.now()
    counts = [0] * MINUTES
    oid, left = str(fleet.current().tip.oid), MOST
    while oid and left:
        at, parent = _link(fleet.ledger.objects, oid)
        if 0 < at < now - MINUTES * 60 - _SLACK:
            break
        minute = MINUTES - 1 - max(0, now - at) // 60
        if minute >= 0 and parent:  # the first commit is made by nobody
            counts[minute] += 1
        oid, left = parent, left - 1
    host = _host(fleet.repository, hub)
    return HubPace(hub, tuple(counts), ADVISED.get(host, 0), host)


def _link(objects: Objects, oid: str) -> tuple[int, str]:
    """When a ledger commit was made, and its parent ("": none). A look reads what is new since the last one."""
    known = _LINKS.get(oid)
    if known is None:
        tip = commits.read(objects, oid)
        try:
            at = commits.transaction(objects, tip).at
        except Corrupt:
            at = 0
        known = at, tip.parent or ""
        if len(_LINKS) > 2 * MOST:
            _LINKS.clear()
        _LINKS[oid] = known
    return known


_LINKS: dict[str, tuple[int, str]] = {}
"""By their ids, which are of their content: the same in every clone."""


def _host(repository: Repository, hub: str) -> str:
    """The host of a remote, "" where none can be told. Asks git once, and again when its configuration has changed."""
    stamp = files.changed_at(os.path.join(repository.common_dir, "config"))
    return _asked(repository, hub, stamp)


@lru_cache(maxsize=16)
def _asked(repository: Repository, hub: str, stamp: int) -> str:
    del stamp
    said = repository.git.ask("remote", "get-url", "--push", "--all", "--", hub).stdout
    return forges.of(os.fsdecode(said).splitlines()).host
