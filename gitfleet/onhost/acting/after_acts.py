"""What a host says afterwards: what its journal has, what became of it since, and what can be taken back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from gitfleet.onhost import facts
from gitfleet.onhost.acting import act_journal, sighting
from gitfleet.onhost.acting.act_journal import STEP, ActEntry, ActJournal
from gitfleet.onhost.acting.act_request import identities
from gitfleet.onhost.acting.journal_line import number, text
from gitfleet.onhost.acting.pausing import resume
from gitfleet.onhost.acting.performing import copies_of
from gitfleet.onhost.acting.slowing import unslow
from gitfleet.onhost.records import PAUSE, RENICE, TERMINATE, THROTTLE

GONE, RUNNING, PAUSED, RESPAWNED = "gone", "running", "paused", "respawned"
UNDONE, CANNOT, NOTHING = "undone", "cannot", "nothing"


class JournalRow(TypedDict):
    """An action of a scan's journal. `at` and `paused_until`: seconds since 1970."""

    plan: str
    plan_oid: str
    candidate_id: str
    action: str
    at: float
    steps: list[str]
    outcome: str | None
    detail: str
    paused_until: float | None


class NowPart(TypedDict):
    """What is there now: the word, those that live, and their new copies."""

    now: str
    running: list[int]
    respawned: list[int]


class VerifiedRow(JournalRow, NowPart):
    """An action, and what is there now."""


class UndoneRow(JournalRow):
    """An action, and what came of taking it back."""

    undo: str


def journal_rows(folder: str) -> list[JournalRow]:
    """Every action of a scan's journal: what was intended, how far it came, and the outcome (None: nobody knows). Raises OpRefused."""
    return [_row(entry) for entry in act_journal.read(folder).values()]


def verify_rows(folder: str) -> list[VerifiedRow]:
    """The same, with what is there now: `now` is gone, running, paused or respawned. Changes nothing. Raises OpRefused."""
    return [{**_row(entry), **_now(entry)} for entry in act_journal.read(folder).values()]


def undo(folder: str, plan_oid: str, candidate_ids: Iterable[str]) -> list[UndoneRow]:
    """Take back what a plan has done to these candidates (none named: to all). Raises OpRefused. Safe to repeat.

    `undo` of a row is undone (also where it was undone before: who asked may not have heard of it), cannot (an end cannot be taken back; a nice value not by every user), gone, or nothing.
    """
    wanted = set(candidate_ids)
    rows: list[UndoneRow] = []
    with ActJournal(folder) as journal:
        for entry in journal.entries().values():
            key = entry.key
            if key.plan_oid == plan_oid and (not wanted or key.candidate_id in wanted):
                said, detail = _undo(journal, entry)
                rows.append({**_row(entry), "undo": said, "detail": detail})
    return rows


def _undo(journal: ActJournal, entry: ActEntry) -> tuple[str, str]:
    if entry.key.action == TERMINATE:
        touched = entry.step("about-term") is not None
        return (CANNOT, "what has ended cannot be taken back") if touched else (NOTHING, "it was not touched")
    if _is_undone(entry):
        return UNDONE, "it was undone before"
    if entry.key.action == PAUSE and entry.paused:
        going, gone = resume(journal, entry, "undone")
        return (UNDONE, "continued") if going or not gone else (GONE, "they have ended meanwhile")
    return _unslow(journal, entry)


def _is_undone(entry: ActEntry) -> bool:
    return entry.step("undone") is not None or (entry.step("continued") or {}).get("why") == "undone"


def _unslow(journal: ActJournal, entry: ActEntry) -> tuple[str, str]:
    before = entry.step(f"about-{entry.key.action}")
    if entry.key.action not in {RENICE, THROTTLE} or before is None:
        return NOTHING, "there is nothing to take back"
    if not _living(entry):
        return GONE, "they have ended meanwhile"
    if not unslow(before):
        return CANNOT, "the system does not let this user give it back"
    entry.steps.append(journal.write(STEP, entry.key, step="undone"))
    return UNDONE, "as it was before"


def _living(entry: ActEntry) -> list[int]:
    known, boot = identities(entry.intent.get("identities")), facts.boot()
    return [one.pid for one in known if one.boot == boot and sighting.alive(one.pid, one.start)]


def _now(entry: ActEntry) -> NowPart:
    living = _living(entry)
    copies = copies_of(entry) if not living and entry.intent.get("likeness") else []
    states = [found.state for found in map(sighting.line, living) if found is not None]
    word = RESPAWNED if copies else GONE if not living else RUNNING
    if living and states and all(state in sighting.STOPPED for state in states):
        word = PAUSED
    return {"now": word, "running": living, "respawned": copies}


def _row(entry: ActEntry) -> JournalRow:
    outcome = entry.outcome or {}
    stop = entry.step("about-stop") or {}
    return {
        "plan": text(entry.intent.get("plan", "")),
        "plan_oid": entry.key.plan_oid,
        "candidate_id": entry.key.candidate_id,
        "action": entry.key.action,
        "at": number(entry.intent.get("at", 0)),
        "steps": [str(one.get("step", "")) for one in entry.steps],
        "outcome": None if entry.outcome is None else text(entry.outcome.get("outcome")),
        "detail": text(outcome.get("detail", "")),
        "paused_until": number(stop.get("until")) if entry.paused else None,
    }
