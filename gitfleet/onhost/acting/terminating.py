"""Ending processes: TERM to the group, CONT to what is stopped, time to end, and only then KILL. Each step is written down around it.

KILL is not sent when who asked has left meanwhile, nor when one that it would reach is writing by then, or has become another
program upon TERM. Who joined the group meanwhile is asked about, too.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable

from gitfleet.onhost.acting import sighting
from gitfleet.onhost.acting.gates import GateQuestion, closed, loss_gates
from gitfleet.onhost.acting.grip import GroupGrip, wait_for_end
from gitfleet.onhost.acting.muster import Muster, Seen, muster
from gitfleet.onhost.acting.work_order import DONE, SURVIVED, ActEnd, ActInterrupted, WorkOrder
from gitfleet.onhost.records import HostProcess

_AFTER_KILL = 3.0


def terminate(order: WorkOrder, crowd: Muster) -> ActEnd:
    """End all of `crowd`. What was sent before a crash is not sent again. Raises ActInterrupted: who asked has left."""
    with GroupGrip(crowd.held, crowd.pgid) as grip:
        unsure = order.begun_without_end("term") or order.begun_without_end("kill")
        if unsure and grip.left():
            words = "it was interrupted while it sent a signal, which is not sent again"
            return ActEnd(SURVIVED, words, left=grip.left())
        if order.entry.step("term") is None:
            order.around("term", lambda: grip.send(signal.SIGTERM))
        if any(_is_stopped(pid) for pid in grip.left()):
            order.around("cont", lambda: grip.send(signal.SIGCONT))
        late: list[Seen] = []
        if not wait_for_end(grip, order.request.options.grace, order.gone) and not order.gone(0):
            refused = _kill(order, grip, late)
            if refused is not None:
                return refused
        left = sorted({*grip.left(), *(pid for pid, start in late if sighting.alive(pid, start))})
    if left and order.gone(0):
        raise ActInterrupted
    if left:
        return ActEnd(SURVIVED, f"{len(left)} of them still run", left=left)
    killed = order.entry.step("kill") is not None
    return ActEnd(DONE, "ended by KILL" if killed else "ended")


def _kill(order: WorkOrder, grip: GroupGrip, late: list[Seen]) -> ActEnd | None:
    """Send KILL; else why not. `late` becomes those that were born since TERM in groups of their own: they have heard nothing, and are left."""
    left = grip.left()
    if not order.request.options.kill:
        return ActEnd(SURVIVED, f"{len(left)} of them did not end upon TERM", left=left)
    crowd = muster(order.request.identities, order.request.pgid, order.scanned)
    late.extend(one for one in crowd.held if one[0] not in left)
    reached, surprise = _seen(left), crowd.surprise
    shut = closed(loss_gates(GateQuestion(reached, order.request.key.action))) if reached else []
    if surprise or reached is None or shut:
        why = surprise or (
            f"{shut[0].name} ({shut[0].detail})" if shut else "one of them cannot be looked at"
        )
        left = grip.left()  # the look took its time: who has ended meanwhile is not left
        return ActEnd(SURVIVED, f"not killed: {why}", left=left, gates=tuple(shut)) if left else None
    order.around("kill", lambda: grip.send(signal.SIGKILL))
    wait_for_end(grip, _AFTER_KILL, order.gone)
    return None


def _seen(pids: Iterable[int]) -> tuple[HostProcess, ...] | None:
    """Those of them that are there, whatever they run; None: one cannot be looked at."""
    try:
        return tuple(one for one in map(sighting.look, pids) if one is not None)
    except OSError:
        return None


def _is_stopped(pid: int) -> bool:
    found = sighting.line(pid)
    return found is not None and found.state in sighting.STOPPED
