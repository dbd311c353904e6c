"""How entries come back by themselves: a branch that was handed back has a new head on the hub. Pure."""

from __future__ import annotations

from gitfleet.base.names import Oid
from gitfleet.base.text import one_line
from gitfleet.codec import WHOLE, One, Struct, field
from gitfleet.errors import EntryMoved
from gitfleet.ledger.model import Accepted, Operation, View
from gitfleet.ledger.operations import BY_NODES, Decision, operation
from gitfleet.mergequeue import model, states, transitions
from gitfleet.mergequeue.model import OID, OID_OR_NONE, ULID_OR_NONE, EntryPin, QueueEntry
from gitfleet.mergequeue.requests import EntriesChanged
from gitfleet.mergequeue.transitions import moved


class RepairEntry(Struct):
    """An entry at a head, and the head that its branch has by now, with what that is built on (see `Add`). `most`: how many of these are
    accepted.
    """

    pin: EntryPin = field(One(EntryPin))
    head: Oid = field(OID)
    base: Oid = field(OID_OR_NONE, default=Oid(""), omit=True)
    stack: str = field(ULID_OR_NONE, default="", omit=True)
    under: Oid = field(OID_OR_NONE, default=Oid(""), omit=True)
    most: int = field(WHOLE, default=1000)


@operation("queue.repair", body=RepairEntry, answer=EntriesChanged, actors=BY_NODES)
def repair(view: View, operation: Operation, body: RepairEntry, generation: int) -> Decision[EntriesChanged]:
    """`queue.repair`: an entry that was handed back waits again at the new head of its branch; so does one that waits for a repair below it.

    Refused (EntryMoved) after too many repairs.
    """
    entry = transitions.pinned(view, body.pin, "repair")
    handed = entry.state in states.HANDED_BACK
    if handed and entry.tries >= body.most:
        raise EntryMoved(
            f"{entry.branch} has come back {entry.tries} times already.", entry=entry.id, state=entry.state
        )
    after = moved(
        entry, "repair", states.QUEUED, operation, head=body.head, tries=entry.tries + handed, since=generation,
        headed=operation.at, handed=0, base=body.base or entry.base, stack=body.stack, under=body.under, needs=_needs(entry, body),
    )  # fmt: skip
    return Accepted(
        model.put(after),
        EntriesChanged((after,)),
        one_line(f"{after.branch} comes back repaired, at {after.head[:12]}"),
    )


def _needs(entry: QueueEntry, body: RepairEntry) -> tuple[str, ...]:
    needs = dict.fromkeys([body.stack, *(need for need in entry.needs if need != entry.stack)])
    return tuple(need for need in needs if need)


KINDS = (repair,)
