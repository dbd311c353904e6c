"""How entries are handed to the host, where only that may change the target. Pure.

What was handed over, and on which commit, is in the entry's record before the host hears of it: by that the landing is known again.
"""

from __future__ import annotations

from gitfleet.base.names import BranchName, Oid
from gitfleet.base.text import one_line
from gitfleet.codec import Many, One, Struct, field, replace
from gitfleet.ledger.model import Accepted, Changes, Operation, View
from gitfleet.ledger.operations import BY_NODES, Decision, operation
from gitfleet.mergequeue import landings, model, states, transitions
from gitfleet.mergequeue.model import (
    BRANCH,
    MAX_ENTRIES,
    NOTHING_HANDED,
    OID,
    WORDS,
    EntryEvidence,
    EntryPin,
    HostHolding,
)
from gitfleet.mergequeue.requests import EntriesChanged, Proof
from gitfleet.mergequeue.transitions import moved


class EntryOffer(Struct):
    """An entry that is to land as a commit of `tree`, and what the host says of it."""

    pin: EntryPin = field(One(EntryPin))
    tree: Oid = field(OID)
    words: str = field(WORDS, default="", omit=True)


class HostOrder(Struct):
    """Entries that the host is to put onto `target`, which is at `base`, in this order."""

    target: BranchName = field(BRANCH)
    base: Oid = field(OID)
    entries: tuple[EntryOffer, ...] = field(Many(One(EntryOffer), least=1, most=MAX_ENTRIES))
    proof: Proof = field(One(Proof))


@operation("queue.offer", body=HostOrder, answer=EntriesChanged, actors=BY_NODES)
def offer(view: View, operation: Operation, body: HostOrder, generation: int) -> Decision[EntriesChanged]:
    """`queue.offer`: entries are handed to the host, or it has said something new of them. Refused as a landing would be."""
    del generation
    found = [transitions.pinned(view, one.pin, "offer") for one in body.entries]
    landings.check_ready(view, body.target, found, body.proof)
    changes: Changes = {}
    after = []
    for entry, one in zip(found, body.entries, strict=True):
        evidence = EntryEvidence(words=one.words or "it was asked", commit=body.base, tree=one.tree)
        after.append(
            moved(
                entry,
                "offer",
                states.QUEUED,
                operation,
                reason="host",
                evidence=evidence,
                host=HostHolding(entry.head, body.base, one.tree),
            )
        )
        changes |= model.put(after[-1])
    names = ", ".join(entry.name for entry in after)
    return Accepted(changes, EntriesChanged(tuple(after)), one_line(f"the host is asked to land {names}"))


class Recall(Struct):
    """Entries at the heads at which the host was handed them."""

    entries: tuple[EntryPin, ...] = field(Many(One(EntryPin), least=1, most=MAX_ENTRIES))


@operation("queue.recall", body=Recall, answer=EntriesChanged, actors=BY_NODES)
def recall(view: View, operation: Operation, body: Recall, generation: int) -> Decision[EntriesChanged]:
    """`queue.recall`: the host has let go of entries that were held or dropped, or came back. One that it was handed anew since stays."""
    del operation, generation
    found = [transitions.required(view, pin.id) for pin in body.entries]
    gone = [
        one
        for one, pin in zip(found, body.entries, strict=True)
        if one.recalled and one.host.head == pin.head
    ]
    changes: Changes = {}
    for entry in gone:
        changes |= {**model.put(replace(entry, host=NOTHING_HANDED)), model.recall(entry.id): None}
    names = ", ".join(entry.name for entry in gone) or "nothing"
    return Accepted(changes, EntriesChanged(tuple(gone)), one_line(f"the host lets go of {names}"))


KINDS = (offer, recall)
