"""What processes do to a merge queue at the same moment."""

from __future__ import annotations

from typing import Any

from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.mergequeue import landings
from gitfleet.mergequeue.requests import EntryLanding, Land, Proof


def land(clone: str, name: str) -> dict[str, Any]:
    """Have an entry land as its own head, which is on top of the target; how that went."""
    with Fleet.open(clone) as fleet:
        entry = fleet.queue.find(name)
        row = EntryLanding(entry.id, entry.head, entry.head)
        body = Land(entry.target, entry.base, entry.head, (row,), Proof("none"))
        try:
            fleet.ledger.request(landings.land, fleet.ledger.itself, body)
        except FleetError as error:
            return {"landed": False, "error": type(error).__name__}
        return {"landed": True}
