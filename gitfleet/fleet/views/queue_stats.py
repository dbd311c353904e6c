"""How the merge queue goes, as rows: landings, gate runs for each, waits by band."""

from __future__ import annotations

from itertools import islice
from typing import TypedDict

from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views.knowledge import Knowledge, knowledge
from gitfleet.fleet.views.queue import EstimateRow, estimate
from gitfleet.mergequeue import estimates, model, order, states
from gitfleet.mergequeue.model import LandingNote
from gitfleet.mergequeue.order import BandName


class WaitRow(TypedDict):
    """How long the entries of a band waited until they landed."""

    band: BandName
    landed: int
    wait: EstimateRow


class LandingRow(TypedDict):
    """One landing."""

    at: int
    entries: int
    runs: int
    """Gate runs since the landing before."""
    seconds: int
    """What the last of them took."""


class QueueStatsAnswer(Knowledge):
    """`queue stats`."""

    landings: list[LandingRow]
    """The last ones, the newest last."""
    per_hour: float | None
    """Entries that landed in an hour, over these; null for too few."""
    runs_per_landing: float | None
    """Gate runs for each entry that landed, over all; null before the first."""
    counts: dict[str, int]
    """How many there were, ever: `runs`, and of these `passed`, `failed`, `indeterminate`, `abandoned`, `flaky`; `landings`; entries by state."""
    waits: list[WaitRow]
    """Over the entries that were finished last."""


STATS_OF = 200
"""Finished entries that waits are told from."""


def stats(fleet: Fleet) -> QueueStatsAnswer:
    """How the last landings went."""
    state = fleet.current()
    known = model.queue(state.view)
    waits = estimates.waits(islice(model.finished(state.view), STATS_OF))
    landed, runs = known.counts.get(states.LANDED, 0), known.counts.get("runs", 0)
    return {
        "landings": [_landing(note) for note in known.landings],
        "per_hour": estimates.per_hour(known.landings),
        "runs_per_landing": runs / landed if landed else None,
        "counts": {name: count for name, count in known.counts.items() if " " not in name},
        "waits": [
            {"band": band.name, "landed": waits[band.name][0], "wait": estimate(waits[band.name][1])}
            for band in order.BANDS
            if band.name in waits
        ],
        **knowledge(state),
    }  # fmt: skip


def _landing(note: LandingNote) -> LandingRow:
    return {"at": note.at, "entries": note.entries, "runs": note.runs, "seconds": note.seconds}
