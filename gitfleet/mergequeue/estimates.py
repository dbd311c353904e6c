"""How long it may take, and how it went, from the last landings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gitfleet.mergequeue import order
from gitfleet.mergequeue.model import LandingNote, QueueEntry
from gitfleet.mergequeue.states import LANDED

LEAST = 2
"""Landings that must be known before anything is said."""


class Estimate(NamedTuple):
    """Seconds until an entry lands: in half of the cases at most `p50`, in nine of ten at most `p90`."""

    p50: int
    p90: int


def quantile(values: Iterable[float], share: float) -> float:
    """The value that `share` of the values are at most; of at least one value."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, -int(-share * len(ranked) // 1) - 1))]


def until(position: int, landings: Sequence[LandingNote]) -> Estimate | None:
    """When the entry at a place (1: the first) lands, if the next landings go as the last ones did; None while too few are known."""
    if len(landings) < LEAST:
        return None
    seconds = [note.seconds * max(1, note.runs) for note in landings]
    entries = [note.entries for note in landings]
    rounds = {share: -(-position // max(1, int(quantile(entries, 1 - share)))) for share in (0.5, 0.9)}
    return Estimate(int(rounds[0.5] * quantile(seconds, 0.5)), int(rounds[0.9] * quantile(seconds, 0.9)))


def per_hour(landings: Sequence[LandingNote]) -> float | None:
    """Entries that landed in an hour, over the time of the landings that are known, an hour at least; None for too few."""
    if len(landings) < LEAST or landings[-1].at <= landings[0].at:
        return None
    return 3600 * sum(note.entries for note in landings[1:]) / max(3600, landings[-1].at - landings[0].at)


def waits(finished: Iterable[QueueEntry]) -> dict[str, tuple[int, Estimate]]:
    """By band, how many of the entries have landed, and the seconds that they had waited."""
    found: dict[str, list[float]] = {}
    for entry in finished:
        if entry.state == LANDED:
            found.setdefault(order.band(entry.priority).name, []).append(max(0, entry.changed - entry.at))
    return {
        band: (len(seconds), Estimate(int(quantile(seconds, 0.5)), int(quantile(seconds, 0.9))))
        for band, seconds in found.items()
    }
