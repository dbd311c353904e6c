"""Ending processes: TERM to the group, CONT to what is stopped, time to end, and only then KILL. Each step is written down around it.

KILL is not sent when who asked has left meanwhile, nor when they are writing by then.
"""

from __future__ import annotations

import signal

from gitfleet.onhost.acting import sighting
from gitfleet.onhost.acting.gates import GateQuestion, closed, loss_gates
from gitfleet.onhost.acting.grip import GroupGrip, wait_for_end
from gitfleet.onhost.acting.muster import Muster, muster
from gitfleet.onhost.acting.work_order import DONE, SURVIVED, ActEnd, ActInterrupted, WorkOrder

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
        if not wait_for_end(grip, order.request.options.grace, order.gone) and not order.gone(0):
            refused = _kill(order, grip)
            if refused is not None:
                return refused
        left = grip.left()
    if left and order.gone(0):
        raise ActInterrupted
    if left:
        return ActEnd(SURVIVED, f"{len(left)} of them still run", left=left)
    killed = order.entry.step("kill") is not None
    return ActEnd(DONE, "ended by KILL" if killed else "ended")


def _kill(order: WorkOrder, grip: GroupGrip) -> ActEnd | None:
    left = grip.left()
    if not order.request.options.kill:
        return ActEnd(SURVIVED, f"{len(left)} of them did not end upon TERM", left=left)
    crowd = muster(order.request.identities, order.request.pgid, order.scanned)
    shut = closed(loss_gates(GateQuestion(crowd.members, order.request.key.action)))
    if shut:
        words = f"not killed: {shut[0].name} ({shut[0].detail})"
        return ActEnd(SURVIVED, words, left=left, gates=tuple(shut))
    order.around("kill", lambda: grip.send(signal.SIGKILL))
    wait_for_end(grip, _AFTER_KILL, order.gone)
    return None


def _is_stopped(pid: int) -> bool:
    found = sighting.line(pid)
    return found is not None and found.state in sighting.STOPPED
