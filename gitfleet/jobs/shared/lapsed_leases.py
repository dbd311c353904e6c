"""Which leases are over, of jobs and of tasks: as this node has watched them, by its own clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gitfleet.base.names import NodeId
from gitfleet.dispatch.model import SharedJob
from gitfleet.dispatch.rules import LapsedLease
from gitfleet.dispatch.work import TakenWork
from gitfleet.gates import watching
from gitfleet.ledger.ledger import Ledger


class WatchedLease(NamedTuple):
    """A lease as `watching` goes by it."""

    id: str
    node: NodeId
    renewed: int
    ttl: int
    process: None = None


def lapsed(held: Mapping[str, SharedJob | TakenWork], ledger: Ledger, name: str) -> dict[str, LapsedLease]:
    """Those of the leases in `held` that have not been renewed for their time and a sixth of it, by the same keys.

    What is seen now is noted as `name` for the next look; of two at once one may watch anew.
    """
    leases = {f"{one.id}-{one.lease.fence}": key for key, one in held.items() if one.lease}
    if not leases:
        return {}
    watched = [
        WatchedLease(id_, lease.node, lease.renewed, held[key].ttl + held[key].ttl // 6)
        for id_, key in leases.items()
        if (lease := held[key].lease)
    ]
    over = watching.over(watched, ledger.state, ledger.node.id, name=name, margin=0)
    return {
        leases[id_]: LapsedLease(lease.fence, renewed)
        for id_, renewed in over.items()
        if (lease := held[leases[id_]].lease)
    }
