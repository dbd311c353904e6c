"""Charts as numbers: where bars, lines and dots of a page stand. The templates draw them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from gitfleet.fleet.views.fleet_plan_rows import FleetCandidateRow, FleetFdrRow

_MOST_POINTS = 400
_LEAST = 0.05
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 312.0, 8.0, 128.0


class SignedBar(NamedTuple):
    """A bar from the middle (100) of an axis from 0 to 200: to the right for bits `towards` abandonment. `tick`: a mark."""

    x: float
    width: float
    towards: bool
    tick: float | None = None


class EvidenceLine(NamedTuple):
    """One piece of evidence: `bits` as text with its sign."""

    feature: str
    value: str
    bits: str
    bar: SignedBar


class EvidenceChart(NamedTuple):
    """All of one candidate, the strongest first; `total`: what counts against every way of being in use, `needed`: how much had to."""

    rows: tuple[EvidenceLine, ...]
    total: EvidenceLine | None = None
    needed: str = ""


class StackedPart(NamedTuple):
    """A part of a bar from 0 to 100. `place`: the number of its kind."""

    place: int
    x: float
    width: float


class AxisLine(NamedTuple):
    """A line across a chart, with its number."""

    y: float
    told: str


class CurveDot(NamedTuple):
    """A dot of a chart."""

    x: float
    y: float


class RankCurve(NamedTuple):
    """A value by rank, and its limit: `points` and `limit` as SVG has them. `told` says it in words, `last` is the last rank."""

    points: str
    limit: str
    dots: tuple[CurveDot, ...]
    grid: tuple[AxisLine, ...]
    last: int
    told: str


class SelectionCurves(NamedTuple):
    """The two rules that select, each as a curve with its limit; the dot is the last one that it selects."""

    mistakes: RankCurve
    evidence: RankCurve


def scale_of(bits: Iterable[float], *, least: float = 4.0) -> float:
    """The bits that half of an axis stands for, so that all of these fit on it."""
    return max([least, *(abs(one) for one in bits)])


def signed(bits: float, scale: float, *, tick: float | None = None) -> SignedBar:
    """The bar for so many bits."""
    width = min(1.0, abs(bits) / scale) * 100
    mark = None if tick is None or abs(tick) > scale else round(100 + tick / scale * 100, 2)
    return SignedBar(round(100 if bits > 0 else 100 - width, 2), round(width, 2), bits > 0, mark)


def evidence(
    pieces: Sequence[tuple[str, str, float]], *, scale: float, total: float | None = None, needed: float = 0.0
) -> EvidenceChart:
    """The chart of what (feature, value, bits) say. What says nothing to speak of is left out."""
    found = sorted((one for one in pieces if abs(one[2]) >= _LEAST), key=lambda one: -abs(one[2]))
    rows = tuple(
        EvidenceLine(name, value, f"{bits:+.1f}", signed(bits, scale)) for name, value, bits in found
    )
    if total is None:
        return EvidenceChart(rows)
    bar = signed(total, scale, tick=needed or None)
    return EvidenceChart(rows, EvidenceLine("", "", f"{total:+.1f}", bar), f"{needed:.1f}" if needed else "")


def stacked(numbers: Sequence[int]) -> tuple[StackedPart, ...]:
    """The parts of a bar, in the order of the numbers. Nothing where there is nothing."""
    total = sum(numbers)
    ends = list(accumulate(numbers, initial=0))
    return tuple(
        StackedPart(place, round(ends[place] / total * 100, 2), round(number / total * 100, 2))
        for place, number in enumerate(numbers)
        if number
    )


def selection(candidates: Sequence[FleetCandidateRow], fdr: FleetFdrRow) -> SelectionCurves | None:
    """The curves of a pool; None where there is nothing to draw.

    Of many candidates the first 400 ranks are drawn: what is selected begins there.
    """
    if len(candidates) < 2 or fdr["alpha"] <= 0:
        return None
    alpha, tested, chosen = fdr["alpha"], max(1, fdr["tested"]), fdr["by_rule"]
    rates = sorted(one["mistake"] for one in candidates)[:_MOST_POINTS]
    means = [total / count for count, total in enumerate(accumulate(rates), 1)]
    bits = [
        max(0.0, one) for one in sorted((row["log_e"] for row in candidates), reverse=True)[:_MOST_POINTS]
    ]
    needed = [math.log2(tested / (alpha * count)) for count in range(1, len(bits) + 1)]
    mistakes = _curve(
        means, [alpha] * len(means), chosen.get("bayes", 0), most=_round(max(2 * alpha, *means)), percent=True
    )
    weight = _curve(bits, needed, chosen.get("e_values", 0), most=_round(max(*bits, *needed)), percent=False)
    return SelectionCurves(mistakes, weight)


def _round(number: float) -> float:
    """The next number up that makes a good end of an axis."""
    unit = 10.0 ** math.floor(math.log10(number))
    return next(step * unit for step in (1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10) if step * unit >= number)


def _curve(
    values: Sequence[float], limits: Sequence[float], chosen: int, *, most: float, percent: bool
) -> RankCurve:
    last = len(values)

    def at(rank: int, value: float) -> CurveDot:
        x = _LEFT + (rank - 1) / (last - 1) * (_RIGHT - _LEFT)
        return CurveDot(round(x, 1), round(_BOTTOM - min(1.0, value / most) * (_BOTTOM - _TOP), 1))

    def path(some: Sequence[float]) -> str:
        return " ".join(f"{dot.x},{dot.y}" for dot in (at(rank, one) for rank, one in enumerate(some, 1)))

    grid = tuple(
        AxisLine(at(1, level).y, f"{level * 100:.3g}%" if percent else f"{level:.0f}")
        for level in (0.0, most / 2, most)
    )
    dots = (at(chosen, values[chosen - 1]),) if 0 < chosen <= last else ()
    return RankCurve(
        path(values), path(limits), dots, grid, last, f"{chosen} of {last} are selected by this rule"
    )
