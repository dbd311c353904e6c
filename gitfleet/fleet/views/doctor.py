"""What is wrong with a clone's part of the fleet, as rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from gitfleet.fleet.doctor import Finding


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


def findings(found: Iterable[Finding]) -> list[FindingRow]:
    """What was looked at."""
    return [{"what": one.what, "ok": one.ok, "words": one.words, "advice": one.advice} for one in found]
