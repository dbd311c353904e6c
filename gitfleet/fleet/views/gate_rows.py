"""What gates have said of trees, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from gitfleet.base.names import Oid, SessionId
from gitfleet.fleet.views.rows import row_of
from gitfleet.gates.leases import GateLease
from gitfleet.gates.model import GateOutcome, GateResult, Publisher
from gitfleet.gates.service import GateStanding, GateTested, PartRun
from gitfleet.gates.standing import Known, Standing


class GateOutcomeRow(TypedDict):
    """How the newest run of one sort of publisher with one result ended."""

    result: GateResult
    """`indeterminate`: the machine failed, not what was tested."""
    by: Publisher
    node: str
    session: SessionId
    """Empty for CI and processors."""
    at: int
    """When, by the clock of that node."""
    commit: Oid
    """The commit that it was run on; another one may have the same tree."""
    tree: Oid
    seconds: int
    code: int | None
    """Its exit code, negative for a signal; null when it did not come so far."""
    reason: str
    """Why it is indeterminate."""
    tail: list[str]
    """The last lines of its log, unless it passed."""
    log: str
    """The name of the whole log on that node."""
    times: int
    """How many runs ended so."""


class GatePartRow(TypedDict):
    """What is known of one part of the gate, by the verdicts that count."""

    part: str
    """Its name; empty where the gate has no parts."""
    command: list[str]
    environment: str
    key: str
    """The name of its verdict: equal for equal inputs, commands and environments."""
    known: Known
    flaky: bool
    """It has failed as well as passed on the very same."""
    outcome: GateOutcomeRow | None
    """What decides it; null for `unknown`."""
    uncounted: list[GateOutcomeRow]
    """Outcomes of publishers whose verdicts policy does not count."""


class GateLeaseRow(TypedDict):
    """A run that is under way."""

    part: str
    by: Publisher
    node: str
    session: SessionId
    at: int
    """When it began, by the clock of its node."""


class GateStatusAnswer(TypedDict):
    """`gate status`: the exit code says what `known` says."""

    tree: Oid
    known: Known
    configured: bool
    """Whether gitfleet.yaml says what a tree must pass; while it does not, nothing lands."""
    none: bool
    """Whether it says `gate: none`, so that every tree passes."""
    parts: list[GatePartRow]
    running: list[GateLeaseRow]


class GatePartRunRow(GatePartRow):
    """A part, and what this command did about it."""

    ran: bool
    """False: it was known already, or could not be run now."""
    left: int
    """How many processes the run left behind, which were ended."""
    log_file: str
    """The file with the whole log on this machine; empty when it did not run."""
    tentative: bool
    """The hub has not got the verdict yet: it could not be reached."""
    waits: str
    """Why it was not run, when others run it or as many as may run at once; else empty."""


class GateRunAnswer(TypedDict):
    """`gate run`: the exit code says what `known` says, counting the verdict of this run whoever made it."""

    commit: Oid
    tree: Oid
    known: Known
    none: bool
    counts: bool
    """Whether policy counts verdicts of this publisher for landing."""
    parts: list[GatePartRunRow]


def standing(found: GateStanding) -> GateStatusAnswer:
    """What is known of a tree."""
    return {
        "tree": found.tree,
        "known": found.word,
        "configured": found.configured,
        "none": found.none,
        "parts": [part(one) for one in found.parts],
        "running": [lease(one) for one in found.running],
    }


def part(found: Standing) -> GatePartRow:
    """What is known of one part."""
    return {
        "part": found.subject.part,
        "command": list(found.subject.command),
        "environment": found.subject.environment,
        "key": found.subject.key,
        "known": found.word,
        "flaky": found.flaky,
        "outcome": outcome(found.outcome) if found.outcome else None,
        "uncounted": [outcome(one) for one in found.uncounted],
    }


def outcome(found: GateOutcome) -> GateOutcomeRow:
    """How a run ended."""
    return row_of(GateOutcomeRow, found)


def lease(found: GateLease) -> GateLeaseRow:
    """A run that is under way."""
    return row_of(GateLeaseRow, found)


def run(done: GateTested) -> GateRunAnswer:
    """What came of a run."""
    return {
        "commit": done.target.commit,
        "tree": done.target.tree,
        "known": done.word,
        "none": done.none,
        "counts": done.counts,
        "parts": _parts(done.parts),
    }


def _parts(done: Sequence[PartRun]) -> list[GatePartRunRow]:
    return [
        {
            **part(one.standing),
            "ran": one.end is not None,
            "left": one.end.left if one.end else 0,
            "log_file": one.end.path if one.end else "",
            "tentative": one.tentative,
            "waits": one.waits.message if one.waits else "",
        }
        for one in done
    ]
