"""Carrying out one action: written down, looked at once more, done, verified, written down. Asked again, it answers what came of it."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

from gitfleet.onhost.acting import sighting
from gitfleet.onhost.acting.act_journal import INTENT, OUTCOME, ActEntry, ActJournal, alone
from gitfleet.onhost.acting.act_request import ActRequest, identities, identity_row
from gitfleet.onhost.acting.gates import GateQuestion, closed, look_at_gates
from gitfleet.onhost.acting.grip import group_members
from gitfleet.onhost.acting.journal_line import Line, texts, whole
from gitfleet.onhost.acting.muster import Muster, Seen, muster
from gitfleet.onhost.acting.pausing import pause
from gitfleet.onhost.acting.slowing import renice, throttle
from gitfleet.onhost.acting.terminating import terminate
from gitfleet.onhost.acting.work_order import (
    DONE,
    FAILED,
    GONE_BEFORE,
    REFUSED_GATE,
    REFUSED_IDENTITY,
    SURVIVED,
    ActEnd,
    ActInterrupted,
    WorkOrder,
)
from gitfleet.onhost.records import PAUSE, RENICE, TERMINATE, THROTTLE, Identity

_ACTIONS: Mapping[str, Callable[[WorkOrder, Muster], ActEnd]] = {
    RENICE: renice,
    THROTTLE: throttle,
    PAUSE: pause,
    TERMINATE: terminate,
}


def perform(
    request: ActRequest,
    folder: str,
    gone: Callable[[float], bool],
    scanned: Container[Seen] = frozenset(),
) -> Line:
    """The outcome of an action, as the wire has it. `scanned` are the processes that the scan saw. Raises OpRefused (nothing was done), ActInterrupted (no outcome yet)."""
    with ActJournal(folder) as journal:
        entry = journal.entries().get(request.key)
        if entry is not None and entry.outcome is not None:
            return {**_answer(entry.outcome), "repeated": True}
        if gone(0):
            raise ActInterrupted
        with alone(folder, gone):
            return _done_now(request, entry, journal, gone, folder, scanned)


def _done_now(
    request: ActRequest, entry: ActEntry | None, journal: ActJournal, gone: Callable[[float], bool], folder: str,
    scanned: Container[Seen],
) -> Line:  # fmt: skip
    if entry is None:
        entry = ActEntry(request.key, journal.write(INTENT, request.key, **_intent(request)))
    order = WorkOrder(request, entry, journal, gone, folder, scanned)
    end = _carry_out(order)
    copies = _copies(order) if end.outcome == DONE and request.key.action == TERMINATE else []
    facts = {
        "outcome": end.outcome,
        "detail": f"{end.detail}; {len(copies)} new ones like them have come up" if copies else end.detail,
        "left": end.left,
        "respawned": copies,
        "gates": [vars(gate) for gate in end.gates],
        **end.facts,
    }
    return {**_answer(journal.write(OUTCOME, request.key, **facts)), "repeated": False}


def _carry_out(order: WorkOrder) -> ActEnd:
    request = order.request
    crowd = muster(request.identities, request.pgid, order.scanned)
    if crowd.surprise:
        return ActEnd(REFUSED_IDENTITY, crowd.surprise)
    if not crowd.present:
        return _without_them(order)
    question = GateQuestion(
        crowd.members,
        request.key.action,
        request.category,
        crowd.pgid,
        crowd.strangers,
        request.options,
    )
    shut = closed(look_at_gates(question))
    if shut:
        words = "; ".join(f"{gate.name}: {gate.detail}" for gate in shut)
        return ActEnd(REFUSED_GATE, words, gates=tuple(shut))
    try:
        return _ACTIONS[request.key.action](order, crowd)
    except PermissionError:
        return ActEnd(FAILED, "the system does not permit it")


def _without_them(order: WorkOrder) -> ActEnd:
    """None of them is there. Who has joined their group since TERM was sent may be: a number that leads one again is another group's."""
    if not order.entry.steps:
        return ActEnd(GONE_BEFORE)
    pgid = order.request.pgid
    left = list(group_members(pgid)) if pgid > 1 and order.request.key.action == TERMINATE else []
    if left and pgid not in left:
        return ActEnd(SURVIVED, f"{len(left)} that have joined their group still run", left=left)
    return ActEnd(DONE, "it had ended when it was looked at")


def _intent(request: ActRequest) -> Line:
    """What is kept of a request: whom it means, and what they are like, so that a new copy is known as one."""
    return {
        "plan": request.plan,
        "identities": [identity_row(one) for one in request.identities],
        "pgid": request.pgid,
        "category": request.category,
        "likeness": sorted({like for like in map(_likeness, request.identities) if like}),
        "newest": max((one.start for one in sighting.lines()), default=0),
    }


def _copies(order: WorkOrder) -> list[int]:
    """Copies that came up within the time to settle. Whoever has left does not wait for it."""
    waited, settle = 0.0, order.request.options.settle
    while True:
        found = copies_of(order.entry)
        if found or waited >= settle or order.gone(min(0.1, settle)):
            return found
        waited += 0.1


def copies_of(entry: ActEntry) -> list[int]:
    """Processes that began after the intent was written, and have program, words and folder of one that was meant."""
    like, newest = set(texts(entry.intent, "likeness")), whole(entry.intent.get("newest", 0))
    meant = {one.pid for one in identities(entry.intent.get("identities"))}
    found = []
    for one in sighting.lines():
        seen = sighting.look(one.pid) if one.start > newest and one.pid not in meant else None
        if seen is not None and not seen.zombie and sighting.likeness(seen) in like:
            found.append(one.pid)
    return found


def _likeness(identity: Identity) -> str | None:
    seen = sighting.look(identity.pid)
    return None if seen is None or seen.identity != identity else sighting.likeness(seen)


def _answer(outcome: Line) -> Line:
    names = ("candidate_id", "action", "outcome", "detail", "left", "respawned", "gates", "at", "until")
    return {name: outcome[name] for name in names if name in outcome}
