"""What is wrong with a clone's part of the fleet, as rows."""

from __future__ import annotations

from typing import TypedDict

from gitfleet.fleet.doctor import Diagnosis
from gitfleet.fleet.views.rows import row_of


class FindingRow(TypedDict):
    """One thing that was looked at."""

    what: str
    ok: bool
    words: str
    """What was found."""
    advice: str
    """What to do; may be empty."""


class DoctorAnswer(TypedDict):
    """`doctor`."""

    repaired: list[str]
    """With `--repair`: what was done."""
    findings: list[FindingRow]


def diagnosed(found: Diagnosis) -> DoctorAnswer:
    """What `Fleet.doctor` found."""
    return {
        "repaired": list(found.repaired),
        "findings": [row_of(FindingRow, one) for one in found.findings],
    }
