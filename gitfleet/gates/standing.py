"""What the fleet knows of a subject, by those whose verdicts count.

Pure. Anybody may publish; whose verdicts count is said by policy (`queue: trust:`), and asked when they are read. Among those
that count, one pass vouches for a failure of the very same subject: then the gate is flaky on it, and that is told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from gitfleet.codec import Struct
from gitfleet.gates import model
from gitfleet.gates.model import (
    FAILED,
    INDETERMINATE,
    PASSED,
    GateOutcome,
    GateResult,
    GateSubject,
    Publisher,
)
from gitfleet.ledger.model import View

UNKNOWN: Literal["unknown"] = "unknown"
Known = Literal["passed", "failed", "indeterminate", "unknown"]


class Standing(Struct):
    """What counts of what is known of a subject. `unknown`: nothing does.

    `outcome` is what decides it, the newest. `flaky`: it has failed as well as passed. `tries` counts the runs that told
    nothing. `uncounted` are outcomes of publishers that policy does not trust.
    """

    subject: GateSubject
    word: Known = UNKNOWN
    outcome: GateOutcome | None = None
    flaky: bool = False
    tries: int = 0
    uncounted: tuple[GateOutcome, ...] = ()


def standing(view: View, subject: GateSubject, trust: Collection[Publisher]) -> Standing:
    """What is known of `subject`, by those whose verdicts count. Of use in a decision: reads one record."""
    found = model.verdict(view, subject.key)
    outcomes = found.outcomes if found else ()
    counted_ = [one for one in outcomes if one.by in trust]
    of: dict[GateResult, GateOutcome] = {one.result: one for one in counted_}
    word: Known = next((word for word in (PASSED, FAILED, INDETERMINATE) if word in of), UNKNOWN)
    return Standing(
        subject,
        word,
        of.get(word) if word != UNKNOWN else None,
        flaky=PASSED in of and FAILED in of,
        tries=sum(one.times for one in counted_ if one.result == INDETERMINATE),
        uncounted=tuple(one for one in outcomes if one.by not in trust),
    )


def together(parts: Sequence[Standing]) -> Known:
    """What is known of a gate, from all of its parts: one that fails decides it; it passes when each part does."""
    words = {one.word for one in parts}
    return next((word for word in (FAILED, INDETERMINATE, UNKNOWN) if word in words), PASSED)
