"""How the queue changes by what processors find out: runs begin and end, entries are marked and go back to their sessions. Pure.

A run is a ticket with a lease (`model.GateRun`). It saves work, and nothing rests on it: a run whose node is gone is ended by whoever
has watched its lease go by.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gitfleet.base import advice
from gitfleet.base.text import counted, display, one_line
from gitfleet.codec import replace
from gitfleet.errors import Conflict, PolicyRefused
from gitfleet.ledger.model import Accepted, Changes, Operation, View
from gitfleet.ledger.operations import BY_NODES, Decision, operation
from gitfleet.ledger.overlay import Overlay
from gitfleet.mergequeue import model, order, states, transitions
from gitfleet.mergequeue.model import CandidateResult, GateRun, QueueEntry, QueuePause
from gitfleet.mergequeue.requests import (
    EndRun,
    EntriesChanged,
    Expire,
    Mark,
    Marked,
    OfRun,
    Reject,
    RunEnded,
    RunTaken,
    Take,
)
from gitfleet.mergequeue.rules import orphaned
from gitfleet.mergequeue.transitions import moved
from gitfleet.sessions import inbox


@operation("queue.take", body=Take, answer=RunTaken, actors=BY_NODES)
def take(view: View, operation: Operation, body: Take, generation: int) -> Decision[RunTaken]:
    """`queue.take`: this node is about to run the gate on a candidate. Refused when an entry of it may not be tested (any more), and with
    Conflict when such a run is in hand already.
    """
    del generation
    found = [transitions.pinned(view, pin, "take") for pin in body.entries]
    check_pause(view, found, modes=("paused",))
    for other in model.runs(view):
        if (other.tree, other.keys) == (body.tree, body.keys):
            raise Conflict(
                f"Node {display(other.node)} runs that gate on that tree already.",
                hint=f"See {advice.QUEUE}.",
            )
    run = GateRun(
        id=operation.id, target=body.target, base=body.base, entries=body.entries, commit=body.commit, tree=body.tree,
        keys=body.keys, node=operation.node, lease=body.lease, at=operation.at, nonce=operation.nonce, purpose=body.purpose,
        process=body.process,
    )  # fmt: skip
    changes: Changes = {run.where: run.as_bytes()}
    for entry in found:
        changes |= model.put(moved(entry, "take", states.TESTING, operation, reason="testing"))
    words = f"node {operation.node} tests {counted(len(found), 'entry')} as {body.commit[:12]}"
    return Accepted(changes, RunTaken(run), one_line(words))


def check_pause(view: View, entries: Sequence[QueueEntry], *, modes: Sequence[str]) -> None:
    """Raise PolicyRefused when the queue is in one of `modes`, and one of the entries is below its floor. What an entry is lent counts."""
    pause = model.queue(view).pause
    if pause.mode not in modes:
        return
    low = below_floor(view, entries, pause)
    if low:
        words = f"The queue is {pause.mode} below {pause.floor}, and {display(low[0].branch)} is below that: {display(pause.reason)}."
        raise PolicyRefused(words, hint=f"Somebody resumes it: {advice.QUEUE_RESUME}.")


def below_floor(view: View, entries: Iterable[QueueEntry], pause: QueuePause) -> list[QueueEntry]:
    """Those of the entries that a pause keeps back."""
    if not pause.mode:
        return []
    lent = order.lent(model.readable(view))
    return [entry for entry in entries if lent.get(entry.id, entry.priority) < pause.floor]


@operation("queue.renew", body=OfRun, answer=RunTaken, actors=BY_NODES)
def renew(view: View, operation: Operation, body: OfRun, generation: int) -> Decision[RunTaken]:
    """`queue.renew`: a run goes on. Refused with Conflict when it is no run of this node (any more): then it is of no use."""
    del generation
    run = _run(view, body.run)
    if run.node != operation.node:
        raise Conflict(f"That is a run of node {display(run.node)}.")
    after = replace(run, renewed=run.renewed + 1)
    return Accepted(
        {run.where: after.as_bytes()}, RunTaken(after), one_line(f"node {operation.node} goes on testing")
    )


def _run(view: View, run_id: str) -> GateRun:
    run = model.run(view, run_id)
    if run is None:
        raise Conflict("That run has ended.", hint=f"See {advice.QUEUE}.")
    return run


@operation("queue.end", body=EndRun, answer=RunEnded, actors=BY_NODES)
def end(view: View, operation: Operation, body: EndRun, generation: int) -> Decision[RunEnded]:
    """`queue.end`: a run is over, and its entries wait again. Refused with Conflict when it has ended, or is another node's and was renewed since."""
    run = _run(view, body.run)
    if run.node != operation.node and body.lapsed != run.renewed:
        raise Conflict(f"That is a run of node {display(run.node)}, which is alive.")
    changes = _gone(view, run, operation, suspects=body.suspects)
    state = model.queue(view)
    counts = dict(state.counts)
    for word in ["runs", body.outcome, *(["flaky"] if body.flaky else [])]:
        counts[word] = counts.get(word, 0) + 1
    changes[model.STATE_FILE] = replace(state, counts=counts).as_bytes()
    changes |= _remembered(view, run, body, generation)
    what = f": {body.words}" if body.words else ""
    return Accepted(
        changes,
        RunEnded(run),
        one_line(f"the run of {run.commit[:12]} on node {run.node} {_ENDS[body.outcome]}{what}"),
    )


def _remembered(view: View, run: GateRun, body: EndRun, generation: int) -> Changes:
    """The changes that keep how a run ended, and let go of results that say nothing of entries which wait."""
    heads = {(entry.id, entry.head) for entry in model.readable(view)}
    known = model.results(view)
    stale = [
        one
        for one in known
        if (
            one.base != run.base if not one.entries else not any((p.id, p.head) in heads for p in one.entries)
        )
    ]
    rest = [one for one in known if one not in stale]
    changes: Changes = {one.where: None for one in (*stale, *rest[: -(model.MAX_RESULTS - 1)])}
    if body.outcome != "abandoned":
        result = CandidateResult(
            run.id,
            run.base,
            run.entries,
            run.commit,
            run.tree,
            body.outcome,
            generation,
            run.keys,
            body.seconds,
        )
        changes[result.where] = result.as_bytes()
    return changes


_ENDS = {
    "passed": "passed",
    "failed": "failed",
    "indeterminate": "did not come to an end",
    "abandoned": "was given up",
}


def _gone(view: View, run: GateRun, operation: Operation, *, suspects: Sequence[str] = ()) -> Changes:
    """The changes by which a run is over: its ticket goes, and those of its entries wait again that no other run has."""
    others = {pin.id for other in model.runs(view) if other.id != run.id for pin in other.entries}
    changes: Changes = {run.where: None}
    for pin in run.entries:
        entry = model.find(view, pin.id)
        if entry is None or entry.state != states.TESTING or entry.head != pin.head:
            continue
        if pin.id in suspects:
            changes |= model.put(moved(entry, "end", states.SUSPECT, operation, reason="narrowing"))
        elif pin.id not in others:
            changes |= model.put(moved(entry, "end", states.QUEUED, operation))
    return changes


@operation("queue.mark", body=Mark, answer=EntriesChanged, actors=BY_NODES)
def mark(view: View, operation: Operation, body: Mark, generation: int) -> Decision[EntriesChanged]:
    """`queue.mark`: what a processor found of entries. A conflicted one goes back to its session; all of it, or nothing (EntryMoved)."""
    del generation
    changes: Changes = {}
    after = []
    for number, found in enumerate(body.found):
        entry = transitions.pinned(Overlay(view, changes), found.pin, "mark")
        entry = _marked(entry, found, operation)
        after.append(entry)
        changes |= model.put(entry)
        if found.state == states.CONFLICTED and found.reason == "restack":
            words = f"Your branch {entry.branch} is built upon an old version of {entry.evidence.rival}, and comes back to you."
            changes |= _tell(Overlay(view, changes), entry, words, operation, number)
        elif found.state == states.CONFLICTED:
            rival = f" ({entry.evidence.rival})" if entry.evidence.rival else ""
            words = f"Your branch {entry.branch} conflicts with {entry.target}{rival}, and comes back to you: {_paths(entry)}."
            changes |= _tell(Overlay(view, changes), entry, words, operation, number)
        elif found.state == states.HELD:
            need = "needs an approval" if found.reason == "approval" else "is held"
            words = f"Your branch {entry.branch} {need}: {entry.evidence.words}."
            changes |= _tell(Overlay(view, changes), entry, words, operation, number)
    what = ", ".join(f"{entry.branch} is {entry.state}" for entry in after)
    return Accepted(changes, EntriesChanged(tuple(after)), one_line(what))


def _marked(entry: QueueEntry, found: Marked, operation: Operation) -> QueueEntry:
    handed = operation.at if found.state == states.CONFLICTED else 0
    return moved(
        entry, "mark", found.state, operation, reason=found.reason, evidence=found.evidence, handed=handed
    )


def _paths(entry: QueueEntry) -> str:
    paths = entry.evidence.paths
    return (
        ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
        or entry.evidence.words
    )


def _tell(view: View, entry: QueueEntry, words: str, operation: Operation, number: int = 0) -> Changes:
    """The changes that leave word with an entry's session, if it is there, of what to do next."""
    return inbox.post(
        view, entry.session, f"{words} {advice.QUEUE_WHY.of(entry.id)} says more.", operation, number=number
    )


@operation("queue.reject", body=Reject, answer=EntriesChanged, actors=BY_NODES)
def reject(view: View, operation: Operation, body: Reject, generation: int) -> Decision[EntriesChanged]:
    """`queue.reject`: an entry fails its gate by itself, and goes back to its session with the evidence."""
    del generation
    entry = transitions.pinned(view, body.pin, "reject")
    after = moved(
        entry,
        "reject",
        states.REJECTED,
        operation,
        reason=body.reason or "gate-failed",
        evidence=body.evidence,
        handed=operation.at,
    )
    why = "is refused by the host" if after.reason == "host-refused" else "fails its gate"
    words = f"Your branch {after.branch} {why}, and comes back to you: {after.evidence.words}."
    changes = model.put(after) | _tell(view, after, words, operation)
    if body.window:
        changes[model.STATE_FILE] = replace(model.queue(view), window=body.window).as_bytes()
    return Accepted(
        changes, EntriesChanged((after,)), one_line(f"{after.branch} is rejected: {after.evidence.words}")
    )


@operation("queue.expire", body=Expire, answer=EntriesChanged, actors=BY_NODES)
def expire(view: View, operation: Operation, body: Expire, generation: int) -> Decision[EntriesChanged]:
    """`queue.expire`: an entry that was handed back was not repaired in time; those above it are held."""
    del generation
    entry = transitions.pinned(view, body.pin, "expire")
    after = moved(entry, "expire", states.EXPIRED, operation, reason="expired", evidence=entry.evidence)
    held = orphaned(view, operation, after)
    changes = transitions.finish(view, after)
    for above in held:
        changes |= model.put(above)
    changes |= _tell(
        Overlay(view, changes), after, f"Your branch {after.branch} was not repaired in time.", operation
    )
    return Accepted(changes, EntriesChanged((after, *held)), one_line(f"{after.branch} has expired"))


KINDS = (take, renew, end, mark, reject, expire)
