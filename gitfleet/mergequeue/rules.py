"""How the queue changes by what sessions and persons ask: entries come, change, wait and go. Pure.

Each operation moves entries as the table of states (`states`) allows it. What processors ask is in `trials` and `landings`.
"""

from __future__ import annotations

from collections.abc import Sequence

from gitfleet.base import advice
from gitfleet.base.ids import is_name
from gitfleet.base.names import Oid, SessionId
from gitfleet.base.text import counted, display, one_line
from gitfleet.codec import replace
from gitfleet.errors import EntryMoved, PolicyRefused, UsageError
from gitfleet.ledger.model import PERSON, Accepted, Changes, Operation, View
from gitfleet.ledger.operations import BY_PERSONS, Decision, Nothing, operation
from gitfleet.ledger.overlay import Overlay
from gitfleet.mergequeue import model, states, transitions
from gitfleet.mergequeue.model import EntryEvidence, QueueEntry, QueuePause
from gitfleet.mergequeue.requests import (
    Add,
    Added,
    Approve,
    Because,
    Change,
    EntryChanged,
    OfEntry,
    QueuePaused,
    Retry,
    SetPause,
)
from gitfleet.mergequeue.transitions import moved
from gitfleet.sessions import inbox, session_records, session_rules


@operation("queue.add", body=Add, answer=Added)
def add(view: View, operation: Operation, body: Add, generation: int) -> Decision[Added]:
    """`queue.add`: a branch at a head enters the queue or, where it is there already, is changed.

    A new head starts its testing anew, with the number that it has. Refused: a priority above the ceiling (PolicyRefused), a need that
    is none or needs this entry itself (UsageError), a repair too many (PolicyRefused).
    """
    if body.branch == body.target:
        raise UsageError(
            f"{display(body.branch)} is the branch that entries land on, so it cannot be an entry itself."
        )
    changes = _alive(view, operation)
    _check_priority(operation, body.priority, body.ceiling)
    there = next(
        (e for e in model.readable(view) if (e.branch, e.target) == (body.branch, body.target)), None
    )
    body = _with_needs(view, body, there)
    if there is None:
        _check_open(view, body)
        entry = _new(view, operation, body, generation)
        state = model.queue(view)
        changes |= {**model.put(entry), model.STATE_FILE: replace(state, seq=state.seq + 1).as_bytes()}
        words = one_line(f"{operation.session} queues {entry.name}")
        return Accepted(changes | _telling(view, changes, entry, words, operation), Added(entry, True), words)
    entry, said = _again(view, there, operation, body, generation)
    changes |= model.put(entry)
    what = ", ".join(said) or "nothing new"
    words = one_line(f"{operation.session} queues {entry.name} again: {what}")
    changes |= _telling(view, changes, entry, words, operation) if said else {}
    return Accepted(changes, Added(entry, False, tuple(said)), words)


def _alive(view: View, operation: Operation) -> Changes:
    """The changes by which an operation is a sign of life of its session. Raises NoSession, Conflict."""
    session = session_rules.own(view, operation)
    return session_rules.renewed(session, operation) | inbox.clear(view, operation)


def _check_priority(operation: Operation, priority: int | None, ceiling: int) -> None:
    if operation.actor.kind != PERSON and priority is not None and priority > ceiling:
        raise above(priority, ceiling)


def above(priority: int, ceiling: int) -> PolicyRefused:
    """The error for a priority that sessions may not give."""
    return PolicyRefused(
        f"A priority of {priority} is more than sessions may give ({ceiling}).",
        hint=f"Ask for {ceiling} or less, or ask a person to raise it.",
    )


def _check_open(view: View, body: Add) -> None:
    pause = model.queue(view).pause
    priority = model.DEFAULT_PRIORITY if body.priority is None else body.priority
    if pause.mode == "draining" and priority < pause.floor:
        raise PolicyRefused(
            f"The queue takes no more entries for now: {display(pause.reason)}.",
            hint=f"Wait until somebody resumes it: {advice.QUEUE_RESUME}.",
        )


def _with_needs(view: View, body: Add, there: QueueEntry | None) -> Add:
    """The same, with the entry that it is stacked on among its needs. Raises NoEntry, UsageError, EntryMoved."""
    if body.needs is None and body.stack is None:
        return body
    needs = dict.fromkeys([body.stack or "", *(body.needs or ())])
    needs.pop("", None)
    for need in needs:
        found = transitions.required(view, need)
        if found.state in {states.DROPPED, states.EXPIRED}:
            raise transitions.illegal(found, "land")
        if there is not None and there.id in {need, *_below(view, found)}:
            words = f"{display(body.branch)} and {display(found.branch)} would wait for each other."
            raise UsageError(words, hint=f"See {advice.QUEUE_SHOW.of(need)}.")
    return replace(body, needs=tuple(needs), stack=body.stack or "")


def _below(view: View, entry: QueueEntry) -> set[str]:
    """All that an entry needs, directly or not."""
    found: set[str] = set()
    waiting = list(entry.needs)
    while waiting:
        need = waiting.pop()
        if need not in found:
            found.add(need)
            below = model.find(view, need)
            waiting += below.needs if below else ()
    return found


def _new(view: View, operation: Operation, body: Add, generation: int) -> QueueEntry:
    return QueueEntry(
        id=operation.id, seq=model.queue(view).seq, branch=body.branch, head=body.head, target=body.target, base=body.base,
        session=_owner(view, operation, body), node=operation.node, title=body.title or "", claims=body.claims,
        priority=model.DEFAULT_PRIORITY if body.priority is None else body.priority,
        needs=body.needs or (), stack=body.stack or "", under=body.under, state=states.QUEUED, since=generation, at=operation.at,
        headed=operation.at, changed=operation.at, by=operation.session, nonce=operation.nonce,
    )  # fmt: skip


def _telling(view: View, changes: Changes, entry: QueueEntry, words: str, operation: Operation) -> Changes:
    """What tells an entry's session that somebody else has queued it."""
    if entry.session == operation.session:
        return {}
    return inbox.post(Overlay(view, changes), entry.session, words, operation)


def _owner(view: View, operation: Operation, body: Add) -> SessionId:
    """The session that an entry belongs to: the one that is named, if it is there, else the one that asks."""
    return body.owner if is_name(body.owner) and session_records.find(view, body.owner) else operation.session


def _again(
    view: View, there: QueueEntry, operation: Operation, body: Add, generation: int
) -> tuple[QueueEntry, list[str]]:
    """An entry that was there as it is now, and in words what has changed."""
    told: dict[str, object] = {}
    said = []
    if body.priority is not None and body.priority != there.priority:
        told["priority"] = body.priority
        said.append(f"priority {body.priority} instead of {there.priority}")
    if body.title is not None and body.title != there.title:
        told["title"] = body.title
        said.append("its title")
    if body.needs is not None and (body.needs, body.stack or "") != (there.needs, there.stack):
        told |= {"needs": body.needs, "stack": body.stack or ""}
        said.append("what it comes after")
    if body.needs is not None:
        told["under"] = body.under
    if body.head == there.head:
        if there.state in states.HANDED_BACK and not said:
            raise _unrepaired(there)
        kept = {"reason": there.reason, "evidence": there.evidence}
        return moved(there, "change", there.state, operation, **kept, **told), said
    return _repaired(view, there, operation, body, generation, told), [
        f"its head is {body.head[:12]}: it is tested anew",
        *said,
    ]


def _unrepaired(there: QueueEntry) -> EntryMoved:
    words = f"{display(there.branch)} is {there.state} at {there.head[:12]}: only a new commit on it counts as a repair."
    hint = f"See {advice.QUEUE_WHY.of(there.id)}; to have the same commit tested again: {advice.QUEUE_RETRY.of(there.id)}."
    return EntryMoved(words, hint=hint, entry=there.id, state=there.state)


def _repaired(
    view: View, there: QueueEntry, operation: Operation, body: Add, generation: int, told: dict[str, object]
) -> QueueEntry:
    tries = _tries(there, operation, body.most_tries)
    held = there.state == states.HELD and there.reason == "hold"
    told |= {"reason": there.reason, "evidence": there.evidence} if held else {}
    return moved(
        there, "add", states.HELD if held else states.QUEUED, operation, head=body.head, base=body.base, tries=tries,
        handed=0, since=generation, headed=operation.at, session=_owner(view, operation, body), node=operation.node,
        claims=tuple(dict.fromkeys((*there.claims, *body.claims)))[-model.MAX_ENTRIES :], **told,
    )  # fmt: skip


def _tries(there: QueueEntry, operation: Operation, most: int) -> int:
    """How often an entry has come back, with this time. Raises PolicyRefused where that is too often for a session."""
    tries = there.tries + (there.state in states.HANDED_BACK)
    if tries > most and operation.actor.kind != PERSON:
        raise PolicyRefused(
            f"{display(there.branch)} was handed back {tries} times, and may come back {counted(most, 'time')}.",
            hint=f"Ask a person to look at it, or drop it: {advice.QUEUE_DROP.of(there.id)}.",
        )
    return tries


@operation("queue.change", body=Change, answer=EntryChanged, waits=False)
def change(view: View, operation: Operation, body: Change, generation: int) -> Decision[EntryChanged]:
    """`queue.change`: another priority or title for an entry. PolicyRefused above the ceiling."""
    del generation
    changes = _alive(view, operation)
    _check_priority(operation, body.priority, body.ceiling)
    entry = transitions.required(view, body.entry)
    after = moved(
        entry, "change", entry.state, operation, reason=entry.reason, evidence=entry.evidence,
        priority=entry.priority if body.priority is None else body.priority,
        title=entry.title if body.title is None else body.title,
    )  # fmt: skip
    words = f"{operation.session} gives {after.name} priority {after.priority}"
    return _changed(view, operation, changes, after, words, told=after.priority != entry.priority)


def _changed(
    view: View, operation: Operation, changes: Changes, after: QueueEntry, words: str,
    *, told: bool = True, held: Sequence[QueueEntry] = (),
) -> Accepted[EntryChanged]:  # fmt: skip
    """The decision that an entry is changed; its session is told, unless it did that itself."""
    done = changes | (transitions.finish(view, after) if after.state in states.FINISHED else model.put(after))
    for entry in held:
        done |= model.put(entry)
    if told:
        for number, entry in enumerate([after, *held]):
            if entry.session != operation.session:
                said = words if entry is after else f"{entry.name} is held: {entry.evidence.words}"
                done |= inbox.post(
                    Overlay(view, done), entry.session, one_line(said), operation, number=number
                )
    return Accepted(done, EntryChanged(after, tuple(held)), one_line(words))


@operation("queue.hold", body=Because, answer=EntryChanged, waits=False)
def hold(view: View, operation: Operation, body: Because, generation: int) -> Decision[EntryChanged]:
    """`queue.hold`: an entry waits until somebody lets it go on; from then on it does not land."""
    del generation
    changes = _alive(view, operation)
    evidence = EntryEvidence(body.reason.strip() or "no reason was given", session=operation.session)
    entry = transitions.required(view, body.entry)
    after = moved(entry, "hold", states.HELD, operation, reason="hold", evidence=evidence)
    return _changed(
        view, operation, changes, after, f"{operation.session} holds {after.name}: {evidence.words}"
    )


@operation("queue.unhold", body=OfEntry, answer=EntryChanged, waits=False)
def unhold(view: View, operation: Operation, body: OfEntry, generation: int) -> Decision[EntryChanged]:
    """`queue.unhold`: a held entry waits for its turn again. One that needs an approval is refused (EntryMoved).

    One that was held since an entry before it was dropped needs that no more; one that is built upon that is refused, too: its
    branch has the commits which were not to land.
    """
    del generation
    changes = _alive(view, operation)
    entry = transitions.required(view, body.entry)
    if entry.state == states.HELD and entry.reason == "approval":
        words = f"{display(entry.branch)} is not held by anybody: it needs an approval ({display(entry.evidence.words)})."
        hint = f"A person approves it: {advice.QUEUE_APPROVE.of(entry.id)}."
        raise EntryMoved(words, hint=hint, entry=entry.id, state=entry.state)
    if entry.state == states.HELD and entry.stack and not is_open(view, entry.stack):
        words = f"{display(entry.branch)} has the commits of what was taken out of the queue ({display(entry.evidence.words)})."
        hint = f"Rebase it onto {display(entry.target)} without them, and add it again: {advice.QUEUE_ADD.of(entry.branch)}."
        raise EntryMoved(words, hint=hint, entry=entry.id, state=entry.state)
    needs = tuple(need for need in entry.needs if is_open(view, need))
    after = moved(entry, "unhold", states.QUEUED, operation, needs=needs)
    return _changed(view, operation, changes, after, f"{operation.session} lets {after.name} go on")


def is_open(view: View, need: str) -> bool:
    """Whether an entry that is needed has landed, or may yet."""
    found = model.find(view, need)
    return found is not None and found.state not in {states.DROPPED, states.EXPIRED}


@operation("queue.drop", body=Because, answer=EntryChanged, waits=False)
def drop(view: View, operation: Operation, body: Because, generation: int) -> Decision[EntryChanged]:
    """`queue.drop`: an entry leaves the queue; from then on it does not land. Those that need it are held."""
    del generation
    changes = _alive(view, operation)
    entry = transitions.required(view, body.entry)
    evidence = EntryEvidence(body.reason.strip(), session=operation.session)
    after = moved(entry, "drop", states.DROPPED, operation, reason="dropped", evidence=evidence)
    words = f"{operation.session} drops {after.name}" + (f": {evidence.words}" if evidence.words else "")
    return _changed(view, operation, changes, after, words, held=orphaned(view, operation, after))


def orphaned(view: View, operation: Operation, gone: QueueEntry) -> list[QueueEntry]:
    """The entries above one that goes without having landed, directly or not, as they are held from now on."""
    everyone = model.readable(view)
    lost, found = {gone.id}, True
    while found:
        more = {entry.id for entry in everyone if lost & set(entry.needs)} - lost
        lost, found = lost | more, bool(more)
    evidence = EntryEvidence(
        f"{gone.branch} was {gone.state}",
        entry=gone.id,
        branch=gone.branch,
        session=gone.session,
        title=gone.title,
    )
    return [
        moved(entry, "hold", states.HELD, operation, reason="dependency-dropped", evidence=evidence)
        for entry in everyone
        if entry.id in lost - {gone.id} and states.may(entry.state, "hold", states.HELD)
    ]


@operation("queue.retry", body=Retry, answer=EntryChanged, waits=False)
def retry(view: View, operation: Operation, body: Retry, generation: int) -> Decision[EntryChanged]:
    """`queue.retry`: an entry is tested again at the head that it has; verdicts from before do not speak against it.

    That counts as coming back, and is refused (PolicyRefused) where a session's entry has done so too often.
    """
    changes = _alive(view, operation)
    entry = transitions.required(view, body.entry)
    tries = _tries(entry, operation, body.most_tries)
    after = moved(entry, "retry", states.QUEUED, operation, since=generation, handed=0, tries=tries)
    return _changed(view, operation, changes, after, f"{operation.session} has {after.name} tried again")


@operation("queue.approve", body=Approve, answer=EntryChanged, actors=BY_PERSONS, waits=False)
def approve(view: View, operation: Operation, body: Approve, generation: int) -> Decision[EntryChanged]:
    """`queue.approve`: a person lets an entry pass, at the head that was looked at, although it takes away lines of others.

    Only for sessions of persons (PolicyRefused). Refused with EntryMoved when it needs no approval, or has a new head.
    """
    del generation
    if not session_rules.own(view, operation).person:
        hint = (
            f"Ask one, or merge the target into the branch and add it again: {advice.QUEUE_ADD.of('BRANCH')}."
        )
        raise PolicyRefused("Only a person may approve an entry.", hint=hint)
    changes = _alive(view, operation)
    entry = transitions.pinned(view, body.pin, "approve")
    if entry.reason != "approval":
        raise transitions.illegal(entry, "approve")
    after = moved(entry, "approve", states.QUEUED, operation, approved=Oid(entry.head))
    return _changed(view, operation, changes, after, f"{operation.session} approves {after.name}")


@operation("queue.pause", body=SetPause, answer=QueuePaused, waits=False)
def pause(view: View, operation: Operation, body: SetPause, generation: int) -> Decision[QueuePaused]:
    """`queue.pause`: nothing below a floor is tested, lands, or is added (see `model.QueuePause`). A reason is needed (UsageError)."""
    del generation
    if not body.reason.strip() or not body.mode:
        raise UsageError("Pausing the queue needs a reason.", hint="Say it: `--reason TEXT`.")
    told = QueuePause(body.mode, body.floor, body.reason.strip(), operation.session, operation.at)
    words = f"{operation.session} has the queue {body.mode} below {body.floor}: {told.reason}"
    return _paused(view, operation, told, words)


@operation("queue.resume", body=Nothing, answer=QueuePaused, waits=False)
def resume(view: View, operation: Operation, body: Nothing, generation: int) -> Decision[QueuePaused]:
    """`queue.resume`: the queue goes on."""
    del body, generation
    return _paused(view, operation, QueuePause(), f"{operation.session} resumes the queue")


def _paused(view: View, operation: Operation, told: QueuePause, words: str) -> Accepted[QueuePaused]:
    state = model.queue(view)
    changes = _alive(view, operation) | {model.STATE_FILE: replace(state, pause=told).as_bytes()}
    return Accepted(changes, QueuePaused(told, state.pause), one_line(words))


KINDS = (add, change, hold, unhold, drop, retry, approve, pause, resume)
