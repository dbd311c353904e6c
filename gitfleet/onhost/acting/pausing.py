"""Pausing processes by STOP, and letting them go on. What is paused has a keeper: a small process that lets it go on in time.

So a controller that crashed, a lost connection or a forgotten plan leaves nothing stopped for ever; until then the journal shows it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable

from gitfleet.onhost import facts
from gitfleet.onhost.acting import act_journal, programs, sighting
from gitfleet.onhost.acting.act_journal import STEP, ActEntry, ActJournal, ActKey
from gitfleet.onhost.acting.act_request import identities
from gitfleet.onhost.acting.grip import Grip, GroupGrip
from gitfleet.onhost.acting.journal_line import pair, pairs, whole, wholes
from gitfleet.onhost.acting.muster import Muster
from gitfleet.onhost.acting.work_order import DONE, FAILED, SKIPPED, ActEnd, WorkOrder
from gitfleet.onhost.serving import OpRefused

_STOPPED_WITHIN = 2.0
_LOOK_EVERY = 60.0


def pause(order: WorkOrder, crowd: Muster) -> ActEnd:
    """Stop all of `crowd`, under a keeper. Those that somebody had stopped before are left to them."""
    before = [one.identity.pid for one in crowd.members if one.state in sighting.STOPPED]
    if order.entry.step("about-stop") is None:
        if len(before) == len(crowd.members):
            return ActEnd(SKIPPED, "somebody has stopped them already")
        until = facts.now() + order.request.options.pause_for
        held = [(pid, start) for pid, start in crowd.held if pid not in before]
        seconds = order.request.options.pause_for
        keeper = programs.detach(lambda: keep(order.folder, order.request.key, held, seconds))
        found = sighting.line(keeper)
        noted = {
            "until": until,
            "before": before,
            "held": [list(one) for one in held],
            "keeper": [keeper, found.start if found else 0],
        }
        with GroupGrip(crowd.held, crowd.pgid) as grip:
            order.around("stop", lambda: grip.send(signal.SIGSTOP), **noted)
    return _stopped(order, crowd)


def _stopped(order: WorkOrder, crowd: Muster) -> ActEnd:
    waited = 0.0
    while True:
        running = [pid for pid, start in crowd.held if _runs(pid, start)]
        if not running:
            return ActEnd(
                DONE, "paused", facts={"until": (order.entry.step("about-stop") or {}).get("until")}
            )
        if waited >= _STOPPED_WITHIN:
            return ActEnd(FAILED, f"{len(running)} of them are not paused", left=running)
        time.sleep(0.02)
        waited += 0.02


def resume(journal: ActJournal, entry: ActEntry, why: str) -> tuple[int, int]:
    """Let go on what this pause has stopped. Answers how many did, and how many of it are no more. Safe to repeat."""
    noted = entry.step("about-stop") or {}
    held = pairs(noted, "held")
    if any(one.boot != facts.boot() for one in identities(entry.intent.get("identities"))):
        return 0, len(held)
    stopped, gone = 0, 0
    for pid, start in held:
        if not sighting.alive(pid, start):
            gone += 1
        elif not _runs(pid, start):
            stopped += _send(pid, start, signal.SIGCONT)
    for pid, start in _joined(entry):
        stopped += not _runs(pid, start) and _send(pid, start, signal.SIGCONT)
    entry.steps.append(journal.write(STEP, entry.key, step="continued", why=why))
    pid, start = pair(noted.get("keeper", [0, 0]))
    if pid not in {0, os.getpid()}:
        _send(pid, start, signal.SIGTERM)
    return stopped, gone


def keep(folder: str, key: ActKey, held: Iterable[tuple[int, int]], seconds: float) -> None:
    """Wait for so long, or until nothing of it is left to wait for; then let go on what is paused still."""
    waiting, end = list(held), time.monotonic() + seconds
    with GroupGrip(waiting) as grip:
        while time.monotonic() < end:
            grip.wait_for_one(max(0.05, min(_LOOK_EVERY, end - time.monotonic())))
            entry = act_journal.read(folder).get(key)
            over = entry is not None and entry.step("about-stop") is not None and not entry.paused
            if over or not any(sighting.alive(pid, start) for pid, start in waiting):
                return
    while True:
        try:
            with ActJournal(folder) as journal:
                entry = journal.entries().get(key)
                if entry is not None and entry.paused:
                    resume(journal, entry, "its time was over")
        except OpRefused:
            time.sleep(1.0)
        else:
            return


def _joined(entry: ActEntry) -> list[tuple[int, int]]:
    """Children that were born while the signal was on its way: in the same group, stopped, and not named in the step."""
    pgid = whole(entry.intent.get("pgid", 0))
    named = {one.pid for one in identities(entry.intent.get("identities"))}
    step = entry.step("about-stop") or {}
    held = pairs(step, "held")
    named |= {pid for pid, _ in held} | set(wholes(step.get("before", [])))
    found: list[tuple[int, int]] = []
    if pgid > 1 and any(sighting.alive(pid, start) for pid, start in held):
        found = [
            (one.pid, one.start) for one in sighting.lines() if one.pgid == pgid and one.pid not in named
        ]
    return found


def _send(pid: int, start: int, number: int) -> bool:
    try:
        grip = Grip(pid, start)
    except ProcessLookupError:
        return False
    try:
        return grip.send(number)
    finally:
        grip.close()


def _runs(pid: int, start: int) -> bool:
    found = sighting.line(pid)
    return sighting.alive(pid, start) and found is not None and found.state not in sighting.STOPPED
