"""What `gitfleet sync` does: the exchange with the hub, and hooks that another tool may have displaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitfleet.errors import FleetError
from gitfleet.fleet import hooks
from gitfleet.trunk import hub_head
from gitfleet.upkeep import exchange
from gitfleet.upkeep.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitfleet.clone import Clone


class Synced(NamedTuple):
    """The exchange; what sessions of this clone have lost and were not told yet, each with its session's name; what was
    mended of the hooks, in words, and why they could not be put in place (None: they are).
    """

    exchange: Exchange
    lost: Sequence[str]
    mended: Sequence[str]
    failure: FleetError | None = None


def sync(clone: Clone) -> Synced:
    """Exchange everything. Raises the hub's errors; hooks that cannot be put in place are a `failure` in the answer."""
    done = exchange.sync(clone)
    mended: list[str] = []
    failure = None
    try:
        mended = hooks.put_again(clone.repository)
    except FleetError as error:
        failure = error
    hub_head.heard(clone.ledger)
    return Synced(done, exchange.lost(clone), mended, failure)
