"""One move of an entry, held against the table of states; and what an operation asks of the entries that it is about. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.base import advice
from gitfleet.base.text import display
from gitfleet.codec import changed, replace
from gitfleet.errors import EntryMoved, NoEntry
from gitfleet.ledger.model import Changes, Operation, View
from gitfleet.mergequeue import model, states
from gitfleet.mergequeue.model import NOTHING_FOUND, EntryPin, QueueEntry
from gitfleet.mergequeue.states import State, Verb

_DONE: Mapping[Verb, str] = {
    "add": "added again",
    "change": "changed",
    "hold": "held",
    "unhold": "let go on",
    "drop": "dropped",
    "retry": "tried again",
    "approve": "approved",
    "take": "tested",
    "end": "judged",
    "mark": "marked",
    "reject": "rejected",
    "offer": "handed to the host",
    "repair": "called repaired",
    "expire": "called expired",
    "land": "landed",
    "reconcile": "called landed",
}


def required(view: View, entry_id: str) -> QueueEntry:
    """The entry. Raises NoEntry, Corrupt, NewerFormat."""
    entry = model.find(view, entry_id)
    if entry is None:
        raise no_entry(entry_id)
    return entry


def no_entry(name: str) -> NoEntry:
    """The error for an entry that is none."""
    words = f"The merge queue has no entry {display(name[:80])!r}."
    return NoEntry(words, hint=f"See {advice.QUEUE}, and {advice.QUEUE_HISTORY}.", entry=name)


def pinned(view: View, pin: EntryPin, verb: Verb) -> QueueEntry:
    """The entry, which must still be at that head and live. Raises NoEntry, EntryMoved."""
    entry = required(view, pin.id)
    if entry.state in states.FINISHED and not (verb == "reconcile" and entry.recalled):
        raise illegal(entry, verb)
    if entry.head != pin.head:
        words = f"{display(entry.branch)} has a new head ({entry.head[:12]}) since this was decided."
        raise EntryMoved(
            words, hint=f"See {advice.QUEUE_SHOW.of(entry.id)}.", entry=entry.id, state=entry.state
        )
    return entry


def moved(entry: QueueEntry, verb: Verb, to: State, operation: Operation, **changes: object) -> QueueEntry:
    """The entry after a move, as the table of states allows it. Without `reason` and `evidence`, it has none. Raises EntryMoved."""
    if not states.may(entry.state, verb, to):
        raise illegal(entry, verb)
    who = operation.session or operation.node
    moved = {"state": to, "changed": operation.at, "by": who, "nonce": operation.nonce}
    return changed(entry, {**moved, "reason": "", "evidence": NOTHING_FOUND, **changes})


def illegal(entry: QueueEntry, verb: Verb) -> EntryMoved:
    """The error for a move that the table does not have."""
    name = display(entry.branch)
    said = (
        f"{name} has landed already, as {entry.landed[:12]}"
        if entry.state == states.LANDED
        else f"{name} is {entry.state}"
    )
    words = f"{said}: it cannot be {_DONE[verb]}."
    hint = f"See {advice.QUEUE_SHOW.of(entry.id)}."
    return EntryMoved(words, hint=hint, entry=entry.id, state=entry.state, landed=entry.landed)


def finish(view: View, *gone: QueueEntry) -> Changes:
    """The changes that file finished entries and remember them as the last ones."""
    state = model.queue(view)
    changes: Changes = {}
    for entry in gone:
        changes |= model.put(entry)
    new = [entry.id for entry in gone]
    last = (*(one for one in state.finished if one not in new), *new)[-model.RECENT :]
    counts = dict(state.counts)
    for entry in gone:
        before = model.find(view, entry.id)
        if before is not None and before.state in states.FINISHED:
            counts[before.state] = max(0, counts.get(before.state, 0) - 1)
        counts[entry.state] = counts.get(entry.state, 0) + 1
    changes[model.STATE_FILE] = replace(state, finished=last, counts=counts).as_bytes()
    return changes
