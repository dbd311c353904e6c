"""The queue: its order with reasons and times, the candidates that are tested, and one entry with all that was found of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitfleet.codec import Struct
from gitfleet.errors import NoEntry
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import queue as entries
from gitfleet.fleet.views import queue_line
from gitfleet.fleet.views.queue import EvidenceRow, QueueEntryRow, RunRow, TaskRow
from gitfleet.fleet.views.queue_line import EntryInLine, QueueLine
from gitfleet.ledger.ledger import State
from gitfleet.mergequeue import model
from gitfleet.web.page.page import PageQuery

ASKS = ("id",)
MOST_LOG = 8000
"""Characters of evidence that a panel shows."""


class QueueRow(Struct):
    """An entry in a list. `agent`: of its session, "" where that has gone; `candidates`: "1, 2 and 3"."""

    key: str
    row: QueueEntryRow
    agent: str
    when: str
    candidates: str


class EntryPanel(Struct):
    """One entry. `needs` and `above` are entries, each by its id and name."""

    key: str
    row: QueueEntryRow
    agent: str
    when: str
    evidence: EvidenceRow
    task: TaskRow | None
    runs: Sequence[RunRow]
    needs: Sequence[tuple[str, str]]
    above: Sequence[tuple[str, str]]


class QueueView(Struct):
    """All of it. `missing`: the entry that was asked for and is not there."""

    told: QueueLine
    queue: Sequence[QueueRow]
    aside: Sequence[QueueRow]
    finished: Sequence[QueueRow]
    panel: EntryPanel | None
    missing: str
    most_hours: int
    may_change: bool


def look(fleet: Fleet, asked: PageQuery) -> QueueView:
    """The queue. Raises NoFleet, NewerFormat, Corrupt."""
    state = fleet.current()
    told = queue_line.look(fleet, state)
    agents = {str(row["id"]): row["agent"] for row in asked.now(fleet).status.answer["sessions"]}
    wanted = asked.get("id")
    panel = _panel(fleet, state, told, agents, wanted) if wanted else None
    return QueueView(
        told=told, queue=_rows(told.line, agents), aside=_rows(told.aside, agents), finished=_rows(told.finished, agents),
        panel=panel, missing=wanted if wanted and panel is None else "",
        most_hours=max((one.landed + one.gone for one in told.hours), default=0), may_change=asked.may_change,
    )  # fmt: skip


def _rows(shown: Sequence[EntryInLine], agents: Mapping[str, str]) -> list[QueueRow]:
    return [
        QueueRow(one.key, one.row, agents.get(one.row["session"], ""), one.when, _listed(one.candidates))
        for one in shown
    ]


def _listed(numbers: Sequence[int]) -> str:
    said = [str(one) for one in numbers]
    return " and ".join(filter(None, [", ".join(said[:-1]), *said[-1:]]))


def _panel(
    fleet: Fleet, state: State, told: QueueLine, agents: Mapping[str, str], wanted: str
) -> EntryPanel | None:
    """An entry by its id, the end of that, or its branch; None where there is none."""
    try:
        found = entries.shown(fleet, wanted)
    except NoEntry:
        return None
    row = found["entry"]
    when = next((one.when for one in (*told.line, *told.aside) if one.key == row["id"]), "finished")
    evidence = bounded(found["evidence"])
    return EntryPanel(
        key=row["id"], row=row, agent=agents.get(row["session"], ""), when=when, evidence=evidence, task=found["task"], runs=found["runs"],
        needs=_named(state, row["needs"]), above=_named(state, found["above"]),
    )  # fmt: skip


def bounded(evidence: EvidenceRow) -> EvidenceRow:
    """As much of the evidence as a panel shows: the beginning of a conflict, the end of a log. Pure."""
    shown: EvidenceRow = {**evidence}
    if "hunks" in shown:
        shown["hunks"] = shown["hunks"][:MOST_LOG]
    if "log" in shown:
        shown["log"] = shown["log"][-MOST_LOG:]
    return shown


def _named(state: State, ids: Sequence[str]) -> list[tuple[str, str]]:
    found = [(one, model.find(state.view, one)) for one in ids]
    return [(one, (entry.title or entry.branch) if entry else "") for one, entry in found]
