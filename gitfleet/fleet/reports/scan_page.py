"""A scan of a host as a page, made where it was made: what runs there, whose it is, and what nobody looks after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gitfleet.fleet.reports import charts, page
from gitfleet.fleet.views.scan_rows import ScanAnswer, ScanGroupRow, SessionUseRow
from gitfleet.onhost.records import KEEP

MOST_CARDS = 300
MOST_ROWS = 500


class GroupCard(NamedTuple):
    """A group with the chart of what speaks for and against it; None: it was not judged."""

    row: ScanGroupRow
    chart: charts.EvidenceChart | None
    posterior: tuple[tuple[str, float], ...]


def html(scan: ScanAnswer, uses: Sequence[SessionUseRow], *, name: str, at: int) -> str:
    """The page of a scan that was made `at` (seconds since 1970) on the host `name`. Pure but for the templates."""
    found = sorted((row for row in scan["groups"] if _is_left(row)), key=_order)
    bits = [piece["bits"] for row in found if row["judgement"] for piece in row["judgement"]["evidence"]]
    scale = charts.scale_of(bits)
    return page.render(
        "scan.html",
        title=f"{name}: what runs there",
        name=name,
        at=at,
        scan=scan,
        sessions=[one for one in uses if one["session"]],
        cards=[_card(row, scale) for row in found[:MOST_CARDS]],
        more_cards=max(0, len(found) - MOST_CARDS),
        memory=sum(_memory(row) for row in found),
        others=len(scan["groups"]) - len(found),
        most_rows=MOST_ROWS,
    )


def _is_left(row: ScanGroupRow) -> bool:
    judged = row["judgement"]
    return (row["orphan"] and not row["zombie"]) or bool(judged and judged["action"] != KEEP)


def _order(row: ScanGroupRow) -> tuple[bool, int]:
    """What something could be done about comes first, then what uses the most memory."""
    judged = row["judgement"]
    return not (judged and judged["action"] != KEEP), -_memory(row)


def _memory(row: ScanGroupRow) -> int:
    return row["pss"] if row["pss"] is not None else row["rss"]


def _card(row: ScanGroupRow, scale: float) -> GroupCard:
    judged = row["judgement"]
    if judged is None:
        return GroupCard(row, None, ())
    pieces = [(one["feature"], one["value"], one["bits"]) for one in judged["evidence"]]
    ranked = sorted(judged["posterior"].items(), key=lambda one: -one[1])
    likely = tuple(one for one in ranked if one[1] >= 0.005)
    return GroupCard(row, charts.evidence(pieces, scale=scale), likely)
