"""The queue as a line with what is tested of it: which candidates there are, when each entry lands, or why that cannot be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Literal

from gitfleet.base import clock
from gitfleet.base.names import Oid
from gitfleet.codec import Struct
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import queue
from gitfleet.fleet.views.queue import PauseRow, QueueEntryRow
from gitfleet.fleet.views.queue_stats import STATS_OF
from gitfleet.ledger.ledger import State
from gitfleet.mergequeue import estimates, model, states
from gitfleet.mergequeue.model import GateRun, QueueEntry, QueueState
from gitfleet.trunk import position

WIDEST = 12
"""Entries of the line that are drawn above candidates."""
NOBODY_AFTER = 900
"""Seconds that an entry was the next one and nobody tested anything, after which nobody is said to process the queue."""
HOURS = 12
LATELY = 10
"""Finished entries that are shown."""

When = Literal[
    "", "not yet", "paused", "frozen", "no gate", "target fails", "no processor", "held", "its session's turn", "with the host", "finished"
]  # fmt: skip
"""Why there is no estimate; "" where there is one. `not yet`: too few landings are known."""


class EntryInLine(Struct):
    """An entry, and when it lands: `when` says why that cannot be told. `candidates`: those that have it, by number."""

    row: QueueEntryRow
    when: When
    candidates: Sequence[int]

    @property
    def key(self) -> str:
        """What a row of it is called."""
        return self.row["id"]


class WindowPlace(Struct):
    """An entry of the line that candidates are drawn under."""

    id: str
    number: int
    title: str
    effective: int
    hot: bool


class GateCandidate(Struct):
    """A gate run: of the places `first` to `last`, all of them where it is `whole`. `typical`: seconds that the last ones took, 0 where not known.

    `at` is when it began, by the clock of `node`. `words`: the places as text. `beyond`: it has entries behind those that are drawn.
    """

    key: str
    number: int
    node: str
    first: int
    last: int
    whole: bool
    beyond: bool
    words: str
    at: int
    typical: int
    purpose: str


class LandedHour(Struct):
    """What landed in one hour, and what was taken out or ran out; `ago` 0 is the last 60 minutes."""

    ago: int
    landed: int
    gone: int


class QueueLine(Struct):
    """The queue. `aside` are entries in no line: their sessions' turn. `wait` is the median of the last landings' waits, in seconds."""

    line: Sequence[EntryInLine]
    aside: Sequence[EntryInLine]
    finished: Sequence[EntryInLine]
    window: Sequence[WindowPlace]
    candidates: Sequence[GateCandidate]
    pause: PauseRow
    target: str
    tip: Oid | None
    processors: Sequence[str]
    nobody: bool
    landed_today: int
    wait: int | None
    hours: Sequence[LandedHour]
    warnings: Sequence[str]


def look(fleet: Fleet, state: State) -> QueueLine:
    """The queue of a state. No network; reads the live entries, the runs, and the entries that were finished last. Raises Corrupt."""
    answer, warnings = queue.listed(fleet, state)
    runs, known = model.runs(state.view), model.queue(state.view)
    live = [row for row in answer["entries"] if row["state"] not in states.FINISHED]
    places = {row["id"]: row["position"] for row in live if row["position"] is not None}
    nobody = _nobody(live, runs, known)
    inside = _numbers(runs)
    shown = [EntryInLine(row, _when(row, nobody=nobody), inside.get(row["id"], ())) for row in live]
    line = [one for one in shown if one.row["position"] is not None]
    done = list(islice(model.finished(state.view), STATS_OF))
    by_id = {row["id"]: row for row in answer["entries"]}
    finished = [
        EntryInLine(by_id[one.id], "finished", ()) for one in model.lately(state.view) if one.id in by_id
    ]
    waits = [max(0, one.changed - one.at) for one in done if one.state == states.LANDED]
    node = fleet.ledger.node
    return QueueLine(
        line=line, aside=[one for one in shown if one.row["position"] is None], finished=finished[:LATELY],
        window=_window(line, runs, places), candidates=_candidates(runs, places, known), pause=answer["pause"],
        target=node.trunk, tip=_tip(fleet), processors=sorted({run.node for run in runs}), nobody=nobody,
        landed_today=_landed(done, clock.now() - 86400), wait=int(estimates.quantile(waits, 0.5)) if waits else None,
        hours=_hours(done), warnings=warnings,
    )  # fmt: skip


def _tip(fleet: Fleet) -> Oid | None:
    found = position.tip(fleet.repository.git, fleet.ledger.node)
    return Oid(found) if found else None


def _when(row: QueueEntryRow, *, nobody: bool) -> When:
    """Why there is no estimate of an entry that has not finished."""
    if row["position"] is None:
        return "its session's turn"
    if row["state"] == states.HELD:
        return "held"
    words: Mapping[str, When] = {
        "paused": "paused", "frozen": "frozen", "no-gate": "no gate", "target-fails": "target fails", "host": "with the host"
    }  # fmt: skip
    if row["reason"] in words:
        return words[row["reason"]]
    if nobody:
        return "no processor"
    return "" if row["estimate"] else "not yet"


def _nobody(live: Sequence[QueueEntryRow], runs: Sequence[GateRun], known: QueueState) -> bool:
    """Whether an entry has been the next one for a while, and nobody has tested or landed anything since."""
    waiting = [row["changed"] for row in live if row["reason"] == "next"]
    if runs or not waiting:
        return False
    last = max(known.landings[-1].at if known.landings else 0, min(waiting))
    return clock.now() - last > NOBODY_AFTER


def _numbers(runs: Sequence[GateRun]) -> Mapping[str, Sequence[int]]:
    """By entry, the numbers of the candidates that have it."""
    found: dict[str, list[int]] = {}
    for number, run in enumerate(_sorted(runs), start=1):
        for pin in run.entries:
            found.setdefault(pin.id, []).append(number)
    return found


def _sorted(runs: Sequence[GateRun]) -> list[GateRun]:
    """The shortest first, as candidates build upon each other."""
    return sorted(runs, key=lambda run: (len(run.entries), run.id))


def _window(
    line: Sequence[EntryInLine], runs: Sequence[GateRun], places: Mapping[str, int]
) -> list[WindowPlace]:
    last = max((places.get(pin.id, 0) for run in runs for pin in run.entries), default=0)
    rows = [one.row for one in line[: min(last, WIDEST)]]
    return [
        WindowPlace(
            row["id"], row["position"] or 0, row["title"] or row["branch"], row["effective"], row["band"] == "hotfix"
        )
        for row in rows
    ]  # fmt: skip


def _candidates(runs: Sequence[GateRun], places: Mapping[str, int], known: QueueState) -> list[GateCandidate]:
    seconds = [note.seconds for note in known.landings if note.seconds]
    typical = int(estimates.quantile(seconds, 0.5)) if seconds else 0
    found = []
    for number, run in enumerate(_sorted(runs), start=1):
        has = sorted(places[pin.id] for pin in run.entries if pin.id in places)
        drawn = [one for one in has if one <= WIDEST]
        found.append(
            GateCandidate(
                key=run.id, number=number, node=run.node, first=drawn[0] if drawn else 0, last=drawn[-1] if drawn else 0,
                whole=has == list(range(has[0], has[-1] + 1)) if has else True, beyond=len(drawn) < len(has),
                words=_spans(has), at=run.at, typical=typical, purpose=run.purpose,
            )
        )  # fmt: skip
    return found


def _spans(numbers: Sequence[int]) -> str:
    """Places as people say them: `1 to 4`, `2 and 5`; of none, the target alone."""
    spans: list[list[int]] = []
    for one in numbers:
        if spans and spans[-1][1] == one - 1:
            spans[-1][1] = one
        else:
            spans.append([one, one])
    said = [str(a) if a == b else f"{a} to {b}" for a, b in spans]
    return " and ".join(filter(None, [", ".join(said[:-1]), said[-1]])) if said else ""


def _landed(done: Sequence[QueueEntry], since: int) -> int:
    return sum(one.state == states.LANDED and one.changed >= since for one in done)


def _hours(done: Sequence[QueueEntry]) -> list[LandedHour]:
    """The last hours, the oldest first."""
    now, landed, gone = clock.now(), [0] * HOURS, [0] * HOURS
    for one in done:
        ago = (now - one.changed) // 3600
        if 0 <= ago < HOURS:
            (landed if one.state == states.LANDED else gone)[ago] += 1
    return [LandedHour(ago, landed[ago], gone[ago]) for ago in reversed(range(HOURS))]
