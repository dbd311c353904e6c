"""Why an entry is where it is: one reason of the closed list, what shows it, and the one next step. Pure, from the ledger alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from gitfleet.base import advice
from gitfleet.base.advice import Step
from gitfleet.base.ids import is_name
from gitfleet.base.text import counted, display, one_line
from gitfleet.gates import model as gates
from gitfleet.ledger.model import View
from gitfleet.mergequeue import model, reasons, states
from gitfleet.mergequeue.contenders import HOTFIX
from gitfleet.mergequeue.model import CandidateResult, GateRun, QueueEntry, QueuePause
from gitfleet.mergequeue.reasons import Reason
from gitfleet.mergequeue.trials import below_floor
from gitfleet.sessions import session_records

_USUAL: dict[str, Reason] = {
    states.TESTING: "testing",
    states.SUSPECT: "narrowing",
    states.HELD: "hold",
    states.BLOCKED: "conflict-ahead",
    states.REJECTED: "gate-failed",
    states.CONFLICTED: "conflict",
    states.STALE: "stale",
    states.LANDED: "landed",
    states.DROPPED: "dropped",
    states.EXPIRED: "expired",
}
"""The reason of a state for which the entry names none."""


class Why(NamedTuple):
    """One reason with its words, and the step that comes next ("": there is none), with what it is done to."""

    reason: Reason
    words: str
    step: str


class Lineup:
    """What reasons are told from: the ledger, the live entries in their order, the runs that go on, and the queue's pause."""

    def __init__(
        self,
        view: View,
        ordered: Sequence[QueueEntry],
        runs: Sequence[GateRun],
        pause: QueuePause,
        *,
        tries: int = 1000,
        gated: bool = True,
        tip: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`tries`: how often an entry may come back, by the rules; `gated`: these say what must pass; `tip`: the target, as far as it is known."""
        self.view = view
        self.ordered = ordered
        self.runs = runs
        self.pause = pause
        self.tries = tries
        self.gated = gated
        self._tip = tip

    @cached_property
    def places(self) -> Mapping[str, int]:
        """By id, the place of each entry that has one, 1 being the first: all but those that are stale or their sessions' turn."""
        line = [one.id for one in self.ordered if one.state in states.GOING or one.state == states.HELD]
        return {entry_id: number for number, entry_id in enumerate(line, start=1)}

    @cached_property
    def ahead(self) -> Mapping[str, int]:
        """By id, how many entries that may land stand before each of those."""
        line = [one.id for one in self.ordered if one.state in states.GOING]
        return {entry_id: number for number, entry_id in enumerate(line)}

    @cached_property
    def kept_back(self) -> Collection[str]:
        """The ids of those that the queue's pause keeps back."""
        return {one.id for one in below_floor(self.view, self.ordered, self.pause)}

    @cached_property
    def ends(self) -> Mapping[tuple[str, str], CandidateResult]:
        """By id and head, the last run of each entry that has ended."""
        return {(pin.id, pin.head): one for one in model.results(self.view) for pin in one.entries}

    @cached_property
    def target_fails(self) -> bool:
        """Whether the last run of the target by itself has failed, and that is where the target is."""
        last = next((one for one in reversed(model.results(self.view)) if not one.entries), None)
        return last is not None and last.outcome == "failed" and last.base == self._tip()


def why(lineup: Lineup, entry: QueueEntry) -> Why:
    """The reason for an entry: what keeps it from landing most of all."""
    reason, other = _reason(lineup, entry)
    rebuilt = reason == "dependency-dropped" and entry.stack == other
    told = reasons.REBUILD if rebuilt else reasons.TOLD[reason]
    words = told.words.format(**_facts(lineup, entry, other))
    if entry.state in states.HANDED_BACK and not receivable(lineup.view, entry):
        words += f" Nobody can receive it: there is no session {display(entry.session)} any more."
    if entry.recalled:
        words += " The host has it, and may still land it: the next round asks the host to give it up."
    if is_spent(lineup, entry):
        words += f" It has come back {counted(entry.tries, 'time')}, and no more is accepted of sessions: a person may add it again."
        return Why(reason, words, advice.QUEUE_DROP.of(entry.id))
    to = {"": "", "entry": entry.id, "branch": entry.branch, "other": other}[told.of]
    return Why(reason, words, Step(told.step).of(to) if to else told.step)


def is_spent(lineup: Lineup, entry: QueueEntry) -> bool:
    """Whether an entry was handed back after it has come back as often as the rules accept."""
    return entry.state in states.HANDED_BACK and entry.tries >= lineup.tries


def receivable(view: View, entry: QueueEntry) -> bool:
    """Whether the session of an entry is there to have it back."""
    return is_name(entry.session) and view.get(session_records.path(entry.session)) is not None


def _reason(lineup: Lineup, entry: QueueEntry) -> tuple[Reason, str]:
    """The reason, and the id of the other entry that it is about ("": none)."""
    if entry.state not in {states.QUEUED, states.TESTING, states.SUSPECT, states.BLOCKED}:
        return entry.reason or _USUAL[entry.state], entry.evidence.entry
    pause = lineup.pause
    if pause.mode in {"paused", "frozen"} and entry.id in lineup.kept_back:
        return "paused" if pause.mode == "paused" else "frozen", ""
    if entry.state != states.QUEUED:
        return entry.reason or _USUAL[entry.state], entry.evidence.entry
    waits = next((need for need in entry.needs if not model.has_landed(lineup.view, need)), "")
    if waits and entry.reason != "host":
        return "stack" if waits == entry.stack else "dependency", waits
    return "host" if entry.reason == "host" else _waiting(lineup, entry), ""


def _waiting(lineup: Lineup, entry: QueueEntry) -> Reason:
    """The reason of an entry that may be tested as far as its own state goes."""
    if not lineup.gated:
        return "no-gate"
    if lineup.target_fails and entry.priority < HOTFIX:
        return "target-fails"
    last = lineup.ends.get((entry.id, entry.head))
    if last is not None and last.outcome == "indeterminate":
        return "indeterminate"
    return "behind" if lineup.ahead.get(entry.id) else "next"


def _trouble(lineup: Lineup, entry: QueueEntry) -> str:
    """Why the last run of an entry gave no verdict."""
    last = lineup.ends.get((entry.id, entry.head))
    found = [verdict for key in last.keys if (verdict := gates.verdict(lineup.view, key))] if last else []
    outcomes = [one for verdict in found for one in verdict.outcomes if one.result == gates.INDETERMINATE]
    return f"{outcomes[-1].reason} on node {outcomes[-1].node}" if outcomes else ""


def _facts(lineup: Lineup, entry: QueueEntry, other: str) -> dict[str, str]:
    """What the words of reasons name. All of it is safe to show."""
    evidence = entry.evidence
    there = model.find(lineup.view, other) if other else None
    name = there.name if there else evidence.branch or other or "another entry"
    ahead = lineup.ahead.get(entry.id, 0)
    node = next((run.node for run in lineup.runs if any(pin.id == entry.id for pin in run.entries)), "")
    paths = ", ".join(evidence.paths[:5])
    more = f" and {len(evidence.paths) - 5} more" if len(evidence.paths) > 5 else ""
    said = {
        "ahead": "One entry is" if ahead == 1 else f"{ahead} entries are",
        "because": f": {evidence.words}" if evidence.words else "",
        "by": evidence.session or entry.by,
        "floor": str(lineup.pause.floor),
        "head": entry.head[:12],
        "landed": entry.landed[:12],
        "node": node or "?",
        "other": name,
        "paths": paths + more or evidence.words or "see its evidence",
        "pause": lineup.pause.reason,
        "against": entry.target + (f" ({evidence.rival})" if evidence.rival else ""),
        "target": entry.target,
        "words": evidence.words or _trouble(lineup, entry) or "nothing more is known",
    }
    return {key: one_line(value, 500) for key, value in said.items()}
