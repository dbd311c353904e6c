"""What a host says of what was done there, read as the words of a stranger: bounded, and nothing of it reaches a terminal raw."""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.codec import FLAG, Broken, Many, Maybe, One, Struct, Whole, field
from gitfleet.triage.shapes import CANDIDATE_ID, WORD, Printable, Real
from gitfleet.triage.wire import PlannedGate

_PID = Whole(1, 1 << 22)
_TIME = Real(0, 1e11)
_TEXT = Printable(400)
FINE = frozenset(["done", "gone-before", "skipped"])
"""Outcomes with which nothing is wrong."""
REFUSED = "refused"
SURPRISES = frozenset(["refused-identity", "refused-gate", REFUSED])
"""Outcomes that say that the plan is not about this host any more: nothing more is done without asking."""
UNTOUCHED = frozenset(["bad-request", "no-scan", "unknown-op", "journal"])
"""Codes of errors with which a host says that it did nothing, and never will upon this request."""
UNKNOWN, NOT_ASKED = "unknown", "not-asked"
"""Outcomes of ours: it was asked for and nobody knows what came of it; it was never asked for."""


class ActAnswer(Struct):
    """What came of an action. `left` and `respawned` are pids: who still runs, and new copies. `repeated`: it is what was written before."""

    candidate_id: str = field(CANDIDATE_ID)
    action: str = field(WORD)
    outcome: str = field(WORD)
    detail: str = field(_TEXT, default="")
    left: tuple[int, ...] = field(Many(_PID, most=5000), default=())
    respawned: tuple[int, ...] = field(Many(_PID, most=5000), default=())
    gates: tuple[PlannedGate, ...] = field(Many(One(PlannedGate), most=64), default=())
    until: float | None = field(Maybe(_TIME), default=None)
    repeated: bool = field(FLAG, default=False)


class ActRow(Struct):
    """One action in a host's journal. `outcome` None: nobody knows. `now`: gone, running, paused, respawned; `undo`: what came of that."""

    plan_oid: str = field(Printable(64))
    candidate_id: str = field(CANDIDATE_ID)
    action: str = field(WORD)
    at: float = field(_TIME, default=0.0)
    steps: tuple[str, ...] = field(Many(Printable(64), most=200), default=())
    outcome: str | None = field(Maybe(WORD), default=None)
    detail: str = field(_TEXT, default="")
    paused_until: float | None = field(Maybe(_TIME), default=None)
    now: str = field(Printable(64), default="")
    running: tuple[int, ...] = field(Many(_PID, most=5000), default=())
    respawned: tuple[int, ...] = field(Many(_PID, most=5000), default=())
    undo: str = field(Printable(64), default="")


class _ActRows(Struct):
    acts: tuple[ActRow, ...] = field(Many(One(ActRow), most=20_000))


def act_answer(raw: Mapping[str, object], candidate_id: str, action: str) -> ActAnswer:
    """The answer to one `act`. Raises Broken, also for the answer to another question."""
    answer = ActAnswer.decode(raw)
    if (answer.candidate_id, answer.action) != (candidate_id, action):
        raise Broken("the answer to another question", "candidate_id")
    return answer


def act_rows(raw: Mapping[str, object], plan_oid: str) -> tuple[ActRow, ...]:
    """The answer to `journal`, `verify` and `undo`, as far as it is about this plan. Raises Broken."""
    return tuple(row for row in _ActRows.decode(raw).acts if row.plan_oid == plan_oid)
