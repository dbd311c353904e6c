"""How entries come back by themselves: a branch that was handed back has a new head on the hub. Pure."""

from __future__ import annotations

from gitfleet.base.names import Oid
from gitfleet.base.text import one_line
from gitfleet.codec import WHOLE, One, Struct, field
from gitfleet.errors import EntryMoved
from gitfleet.ledger.model import Accepted, Operation, View
from gitfleet.ledger.operations import BY_NODES, Decision, operation
from gitfleet.mergequeue import model, states, transitions
from gitfleet.mergequeue.model import OID, EntryPin
from gitfleet.mergequeue.requests import EntriesChanged
from gitfleet.mergequeue.transitions import moved


class RepairEntry(Struct):
    """An entry at the head that was handed back, and the head that its branch has by now. `most`: how many of these are accepted."""

    pin: EntryPin = field(One(EntryPin))
    head: Oid = field(OID)
    most: int = field(WHOLE, default=1000)


@operation("queue.repair", body=RepairEntry, answer=EntriesChanged, actors=BY_NODES)
def repair(view: View, operation: Operation, body: RepairEntry, generation: int) -> Decision[EntriesChanged]:
    """`queue.repair`: an entry that was handed back waits again at the new head of its branch. Refused (EntryMoved) after too many of these."""
    entry = transitions.pinned(view, body.pin, "repair")
    if entry.tries >= body.most:
        raise EntryMoved(
            f"{entry.branch} has come back {entry.tries} times already.", entry=entry.id, state=entry.state
        )
    after = moved(
        entry, "repair", states.QUEUED, operation, head=body.head, tries=entry.tries + 1, since=generation,
        headed=operation.at, handed=0,
    )  # fmt: skip
    return Accepted(
        model.put(after),
        EntriesChanged((after,)),
        one_line(f"{after.branch} comes back repaired, at {after.head[:12]}"),
    )


KINDS = (repair,)
