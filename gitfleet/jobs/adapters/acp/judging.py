"""What came of an agent's turn. Pure.

`end_turn` says that the agent has stopped, not that it has done anything: agents say it, too, when their model never answered,
when the answer was cut off, when they were not allowed what they asked for. What is known to be a failure is one; what only
casts doubt is told, and held against what the agent has changed.
"""

from __future__ import annotations

from typing import NamedTuple

from gitfleet.jobs.adapters import refusals
from gitfleet.jobs.adapters.acp.wire import AUTH_REQUIRED, INVALID_PARAMS, NO_RESOURCE, AcpFault
from gitfleet.jobs.words import AttemptOutcome

_STATUSES = {401: AttemptOutcome.AUTH, 403: AttemptOutcome.AUTH, 429: AttemptOutcome.QUOTA}
_KINDS = {
    "rate_limit": AttemptOutcome.QUOTA,
    "billing_error": AttemptOutcome.QUOTA,
    "authentication_failed": AttemptOutcome.AUTH,
    "oauth_org_not_allowed": AttemptOutcome.AUTH,
}
_STOPPED = {
    "max_tokens": (AttemptOutcome.FAILED, "its answer was cut at the greatest length"),
    "max_turn_requests": (AttemptOutcome.MAX_TURNS, "it has asked its model as often as it may in a turn"),
    "refusal": (AttemptOutcome.FAILED, "the model refused, or its answer was blocked"),
}


class EndedTurn(NamedTuple):
    """How a turn was answered, and what was seen of it. `denied`: what it was not allowed to do.

    `stopped`: it was told to stop. `error`: the message by which the agent said that it has failed; `stands`: an error that it said to be in.
    """

    reason: str
    error: str = ""
    stands: str = ""
    denied: tuple[str, ...] = ()
    told_usage: bool = True
    tells_usage: bool = True
    spoke: bool = True
    stopped: bool = False


class TurnVerdict(NamedTuple):
    """The outcome; why it is no success; and what makes a success doubtful unless something was changed."""

    outcome: AttemptOutcome
    errors: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    lost: bool = False


def of_fault(fault: AcpFault, method: str) -> TurnVerdict:
    """An error as the answer to `method`."""
    words = (f"{method}: {fault.words}",)
    if fault.code == AUTH_REQUIRED or method == "authenticate":
        return TurnVerdict(AttemptOutcome.AUTH, words)
    known = _KINDS.get(fault.kind) or _STATUSES.get(fault.code) or refusals.refused(fault.message)
    again = method in {"session/resume", "session/load"}
    lost = again and (fault.code in {NO_RESOURCE, INVALID_PARAMS} or refusals.lost(fault.message))
    return TurnVerdict(AttemptOutcome.FAILED if lost else known, words, lost=lost)


def of_turn(turn: EndedTurn) -> TurnVerdict:
    """A turn that was answered with a reason to stop."""
    if turn.error or turn.stands:
        said = turn.error or turn.stands
        return TurnVerdict(refusals.refused(said), (said.strip(),))
    doubts = tuple(f"it was not allowed: {one}" for one in turn.denied)
    if turn.reason == "cancelled" and turn.stopped:
        return TurnVerdict(AttemptOutcome.FAILED, ("it was stopped within its turn",))
    if turn.reason == "cancelled":
        return TurnVerdict(AttemptOutcome.FAILED, doubts or ("it ended its turn as cancelled, by itself",))
    if turn.reason != "end_turn":
        outcome, why = _STOPPED.get(
            turn.reason,
            (AttemptOutcome.FAILED, f"it stopped for a reason that is not known: {turn.reason[:80]}"),
        )
        return TurnVerdict(outcome, (why,))
    if not turn.told_usage and (turn.tells_usage or not turn.spoke):
        why = "it ended its turn without usage, which it tells when its model has answered"
        return TurnVerdict(
            AttemptOutcome.FAILED, (why if turn.spoke else "it ended its turn without a word",)
        )
    if not turn.told_usage:
        doubts = (*doubts, "it told no usage")
    return TurnVerdict(AttemptOutcome.SUCCESS, doubts=doubts)
