"""How often entries of the merge queue came back, since the ledger began: counted from the chain, each commit once.

What was counted is kept with the newest commit that it is of, so that a look reads only what is new. The ledger itself keeps no such number.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from gitfleet.base import files, statefile
from gitfleet.clone import Clone
from gitfleet.codec import TEXT, WHOLE, Struct, Table, field
from gitfleet.errors import Corrupt, FleetError
from gitfleet.ledger import commits
from gitfleet.ledger.ledger import State
from gitfleet.mergequeue import states

WHYS = (states.REJECTED, states.CONFLICTED)


class CountedRejections(Struct):
    """By state, how many entries came back with it, in the chain up to the commit `upto`."""

    upto: str = field(TEXT, default="")
    counts: Mapping[str, int] = field(Table(WHOLE), default={})


def total(clone: Clone, state: State) -> Mapping[str, int]:
    """The counts up to now. No network; where they cannot be kept, they are counted again the next time. Raises Corrupt, Damaged."""
    path = os.path.join(clone.ledger.state, "telemetry", "rejections.json")
    known = statefile.load(CountedRejections, path) or CountedRejections()
    counts, objects = Counter[str](), clone.ledger.objects
    tip = state.tip
    while tip.oid != known.upto:
        with suppress(Corrupt):  # one that cannot be read tells of none
            for raw in commits.transaction(objects, tip).raw:
                counts.update(_of(raw))
        if tip.parent is None:
            known = CountedRejections()  # that chain is no more, or nothing was counted yet
            break
        tip = commits.read(objects, tip.parent)
    counts.update(known.counts)
    if state.tip.oid != known.upto:
        with suppress(FleetError):
            files.folder(os.path.dirname(path))
            statefile.save(path, CountedRejections(state.tip.oid, dict(counts)), durable=False)
    return counts


def _of(raw: Mapping[str, object]) -> list[str]:
    """The states with which an operation gives entries back; pure."""
    if raw.get("kind") == "queue.reject":
        return [states.REJECTED]
    body = raw.get("body")
    found = body.get("found") if raw.get("kind") == "queue.mark" and isinstance(body, dict) else None
    if not isinstance(found, list):
        return []
    return [
        states.CONFLICTED for one in found if isinstance(one, dict) and one.get("state") == states.CONFLICTED
    ]
