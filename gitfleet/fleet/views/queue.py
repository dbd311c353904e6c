"""The merge queue as rows: entries, each with its place and why it is there; and how the last landings went."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NotRequired, TypedDict

from gitfleet.base import clock
from gitfleet.base.names import BranchName, Oid, SessionId
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views.knowledge import Knowledge, knowledge
from gitfleet.fleet.views.rows import encoded
from gitfleet.ledger.ledger import State
from gitfleet.mergequeue import estimates, explain, model, order, states
from gitfleet.mergequeue.adding import QueuedBranch
from gitfleet.mergequeue.explain import Lineup
from gitfleet.mergequeue.model import GateRun, QueueEntry, QueuePause
from gitfleet.mergequeue.order import BandName
from gitfleet.mergequeue.requests import EntryChanged, QueuePaused
from gitfleet.trunk import queue_policy

if TYPE_CHECKING:
    from gitfleet.mergequeue.processor import (
        Processed,
    )  # all of merging and gates, of which a list needs nothing


class EvidenceRow(TypedDict):
    """What was found of an entry. Absent: nothing of the kind."""

    words: NotRequired[str]
    paths: NotRequired[list[str]]
    """The files that it is about."""
    entry: NotRequired[str]
    """The other entry, with its branch, session and title."""
    branch: NotRequired[str]
    session: NotRequired[str]
    title: NotRequired[str]
    hunks: NotRequired[str]
    """The conflict, as git shows it."""
    verdict: NotRequired[str]
    """The key of the gate's verdict."""
    log: NotRequired[str]
    """The end of the gate's log."""
    archive: NotRequired[str]
    """The name under which all of the log is kept."""
    commit: NotRequired[Oid]
    """Where it was found."""
    theirs: NotRequired[Oid]
    """The commit of the target that is the other side."""
    author: NotRequired[str]
    """Who made that, where no entry of the queue brought it; `title` is its subject then."""
    node: NotRequired[str]
    """The node that has the log."""


class EstimateRow(TypedDict):
    """Seconds: at most so many in half of the cases, and in nine of ten."""

    p50: int
    p90: int


class TaskRow(TypedDict):
    """An entry that is its session's to repair."""

    session: SessionId
    receivable: bool
    """Whether that session is there to have it back."""
    since: int
    """When it came back, by the clock of the node that sent it."""
    until: int
    """Until when it may be repaired."""
    tries: int
    """How often it has come back repaired before."""
    left: int
    """How often it may come back yet."""


class QueueEntryRow(TypedDict):
    """An entry of the merge queue."""

    id: str
    seq: int
    """Its number, given once: among equal priorities the lower one comes first."""
    branch: BranchName
    head: Oid
    """The commit that is to land."""
    base: Oid
    """Where the branch had left the target when it was added; empty when that was not told."""
    target: BranchName
    session: SessionId
    title: str
    state: states.State
    position: int | None
    """Its place, 1 being the first; null when it is in no line: finished, or its session's turn."""
    priority: int
    """As it was given."""
    effective: int
    """With what entries that need it lend, and what waiting has added."""
    lent: int
    waited: int
    band: BandName
    reason: str
    """Why it is where it is: one word of a closed list."""
    why: str
    """The same as a sentence."""
    next: str
    """The one next step; empty when there is none."""
    needs: list[str]
    """Entries that land before it."""
    stack: str
    """The one of them that it is built upon; empty for none."""
    at: int
    """When it was added, by the clock of the node that did."""
    changed: int
    by: str
    """Who moved it last: a session, or a node."""
    tries: int
    estimate: EstimateRow | None
    """When it lands, if the next landings go as the last ones did; null while that cannot be told."""
    landed: Oid
    """The commit that it landed as; empty before."""
    tentative: bool


class PauseRow(TypedDict):
    """How the queue is kept back. An empty mode: it is not."""

    mode: model.Mode
    floor: int
    """What is below this priority is kept back."""
    reason: str
    by: str
    at: int


class QueueListAnswer(Knowledge):
    """`queue list`."""

    entries: list[QueueEntryRow]
    """First place first; then those that are their sessions' turn; then those that were finished lately, the last one first."""
    pause: PauseRow


class RunRow(TypedDict):
    """A gate run that goes on."""

    id: str
    node: str
    commit: Oid
    tree: Oid
    base: Oid
    entries: list[str]
    at: int
    purpose: str


class QueueShowAnswer(Knowledge):
    """`queue show`."""

    entry: QueueEntryRow
    evidence: EvidenceRow
    task: TaskRow | None
    """Where it is its session's turn."""
    runs: list[RunRow]
    """The gate runs that have it."""
    above: list[str]
    """Entries that come after it."""
    log: str | None
    """With `--log`: all that the gate wrote; null where that was not asked for, or is kept no more."""


class QueueWhyAnswer(Knowledge):
    """`queue why`."""

    id: str
    branch: BranchName
    state: states.State
    reason: str
    why: str
    evidence: EvidenceRow
    next: str
    """The one next step; empty when there is none."""


class QueueAddAnswer(TypedDict):
    """`queue add`."""

    session: SessionId
    entry: QueueEntryRow
    new: bool
    """Whether it is a new entry; else one that was there has changed."""
    changes: list[str]
    """What has changed, in words."""
    below: list[QueueEntryRow]
    """What was queued with it, since it is built upon that."""
    pushed: bool
    """Whether the branch was pushed to the hub for that."""


class QueueChangeAnswer(TypedDict):
    """What changes one entry: `queue bump`, `hold`, `unhold`, `drop`, `retry`, `approve`."""

    session: SessionId
    entry: QueueEntryRow
    held: list[QueueEntryRow]
    """With `drop`: what was built upon it, and is held now."""


class QueueProcessAnswer(TypedDict):
    """`queue process`."""

    landed: list[QueueEntryRow]
    rejected: list[QueueEntryRow]
    conflicted: list[QueueEntryRow]
    held: list[QueueEntryRow]
    """What waits for an approval now."""
    waiting: list[QueueEntryRow]
    """What is left in the queue."""
    runs: int
    """How many gate runs this took here."""
    halted: str
    """Why no more could be done, where something is left; else empty."""


class QueuePauseAnswer(TypedDict):
    """`queue pause`, `queue resume`."""

    session: SessionId
    pause: PauseRow
    before: PauseRow


class QueueHistoryAnswer(Knowledge):
    """`queue history`."""

    entries: list[QueueEntryRow]
    """Finished ones, those that were added last first."""


def listed(fleet: Fleet, state: State | None = None) -> tuple[QueueListAnswer, list[str]]:
    """The live entries in their order and those that were finished lately, and warnings. No network."""
    state = state or fleet.current()
    rows = _Rows(fleet, state)
    live = [rows.row(entry) for entry in rows.lineup.ordered]
    live.sort(key=lambda row: (row["position"] is None, row["position"] or 0))
    lately = [model.find(state.view, one) for one in reversed(rows.queue.finished)]
    found = [*live, *[rows.row(entry) for entry in lately if entry is not None]]
    broken = [one.message for one in model.entries(state.view) if not isinstance(one, QueueEntry)]
    return {"entries": found, "pause": _pause(rows.queue.pause), **knowledge(state)}, broken


def shown(fleet: Fleet, name: str, *, log: bool = False) -> QueueShowAnswer:
    """One entry with all that is known of it; with the whole log of its gate, for which another node's archive may be asked.

    Raises NoEntry, and the hub's errors.
    """
    state = fleet.current()
    rows = _Rows(fleet, state)
    entry = fleet.queue.find(name, state.view)
    data = fleet.queue.log(entry) if log else None
    return {
        "entry": rows.row(entry),
        "evidence": _evidence(entry),
        "task": _task(fleet, state, entry),
        "runs": [_run(run) for run in rows.lineup.runs if any(pin.id == entry.id for pin in run.entries)],
        "above": [one.id for one in rows.lineup.ordered if entry.id in one.needs],
        "log": data.decode("utf-8", "replace") if data is not None else None,
        **knowledge(state),
    }


def why(fleet: Fleet, name: str) -> QueueWhyAnswer:
    """Why one entry is where it is. Raises NoEntry."""
    state = fleet.current()
    lineup = fleet.queue.lineup(state)
    entry = fleet.queue.find(name, state.view)
    told = explain.why(lineup, entry)
    return {
        "id": entry.id,
        "branch": entry.branch,
        "state": entry.state,
        "reason": told.reason,
        "why": told.words,
        "evidence": _evidence(entry),
        "next": told.step,
        **knowledge(state),
    }


def added(fleet: Fleet, session: SessionId, done: QueuedBranch) -> QueueAddAnswer:
    """What has become of a branch that was added."""
    rows = _Rows(fleet, fleet.current())
    return {
        "session": session,
        "entry": rows.row(done.added.entry),
        "new": done.added.new,
        "changes": list(done.added.changes),
        "below": [rows.row(one.entry) for one in done.below],
        "pushed": done.pushed,
    }


def processed(fleet: Fleet, done: Processed) -> QueueProcessAnswer:
    """What a runner has done."""
    rows = _Rows(fleet, fleet.current())
    return {
        "landed": [rows.row(one) for one in done.landed],
        "rejected": [rows.row(one) for one in done.rejected],
        "conflicted": [rows.row(one) for one in done.conflicted],
        "held": [rows.row(one) for one in done.held],
        "waiting": [rows.row(one) for one in done.waiting],
        "runs": done.runs,
        "halted": done.halted,
    }


def changed(fleet: Fleet, session: SessionId, done: EntryChanged) -> QueueChangeAnswer:
    """An entry that was changed, and those that are held since."""
    rows = _Rows(fleet, fleet.current())
    held = [rows.row(entry) for entry in done.held]
    return {"session": session, "entry": rows.row(done.entry), "held": held}


def paused(session: SessionId, done: QueuePaused) -> QueuePauseAnswer:
    """How the queue is kept back from now on."""
    return {"session": session, "pause": _pause(done.pause), "before": _pause(done.before)}


def history(fleet: Fleet, limit: int) -> QueueHistoryAnswer:
    """The last finished entries. Reads the newest only."""
    state = fleet.current()
    rows = _Rows(fleet, state)
    found = [rows.row(entry) for entry in islice(model.finished(state.view), limit)]
    return {"entries": found, **knowledge(state)}


class _Rows:
    """What rows of entries are made from, looked at once."""

    def __init__(self, fleet: Fleet, state: State) -> None:
        self.lineup: Lineup = fleet.queue.lineup(state)
        self.queue = model.queue(state.view)
        self._state = state
        self._strengths = order.priorities(self.lineup.ordered, clock.now())

    def row(self, entry: QueueEntry) -> QueueEntryRow:
        """One entry as a row."""
        position = self.lineup.places.get(entry.id)
        strength = self._strengths.get(entry.id, order.Priority(entry.priority))
        told = explain.why(self.lineup, entry)
        when = None
        if position is not None and entry.state != states.HELD and not self.queue.pause.mode:
            when = estimates.until(position, self.queue.landings)
        return {
            "id": entry.id, "seq": entry.seq, "branch": entry.branch, "head": entry.head, "base": entry.base, "target": entry.target,
            "session": entry.session, "title": entry.title, "state": entry.state, "position": position,
            "priority": entry.priority, "effective": strength.effective, "lent": strength.lent, "waited": strength.waiting,
            "band": order.band(entry.priority).name, "reason": told.reason, "why": told.words, "next": told.step,
            "needs": list(entry.needs), "stack": entry.stack, "at": entry.at, "changed": entry.changed, "by": entry.by,
            "tries": entry.tries, "estimate": estimate(when) if when else None, "landed": entry.landed,
            "tentative": entry.id in self._state.tentative,
        }  # fmt: skip


def estimate(found: estimates.Estimate) -> EstimateRow:
    return {"p50": found.p50, "p90": found.p90}


def _pause(pause: QueuePause) -> PauseRow:
    return encoded(PauseRow, pause)


def _evidence(entry: QueueEntry) -> EvidenceRow:
    return encoded(EvidenceRow, entry.evidence)


def _run(run: GateRun) -> RunRow:
    return {
        "id": run.id, "node": run.node, "commit": run.commit, "tree": run.tree, "base": run.base,
        "entries": [pin.id for pin in run.entries], "at": run.at, "purpose": run.purpose,
    }  # fmt: skip


def _task(fleet: Fleet, state: State, entry: QueueEntry) -> TaskRow | None:
    if entry.state not in states.HANDED_BACK:
        return None
    rules = queue_policy.load(fleet.ledger.state)
    return {
        "session": entry.session,
        "receivable": explain.receivable(state.view, entry),
        "since": entry.handed,
        "until": entry.handed + rules.deadline,
        "tries": entry.tries,
        "left": max(0, rules.tries - entry.tries),
    }
