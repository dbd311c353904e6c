"""How entries are handed to the host, where only that may change the target. Pure.

What was handed over, and on which commit, is in the entry's record before the host hears of it: by that the landing is known again.
"""

from __future__ import annotations

from gitfleet.base.names import BranchName, Oid
from gitfleet.base.text import one_line
from gitfleet.codec import Many, One, Struct, field
from gitfleet.ledger.model import Accepted, Changes, Operation, View
from gitfleet.ledger.operations import BY_NODES, Decision, operation
from gitfleet.mergequeue import landings, model, states, transitions
from gitfleet.mergequeue.model import BRANCH, MAX_ENTRIES, OID, WORDS, EntryEvidence, EntryPin
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
        after.append(moved(entry, "offer", states.QUEUED, operation, reason="host", evidence=evidence))
        changes |= model.put(after[-1])
    names = ", ".join(entry.name for entry in after)
    return Accepted(changes, EntriesChanged(tuple(after)), one_line(f"the host is asked to land {names}"))


KINDS = (offer,)
