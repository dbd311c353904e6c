"""Why an entry is where it is: a closed list, each reason with its words and the one next step. Pure.

The words take `{…}` from the entry's evidence and record (see `explain.why`). A reason that is not here is no reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from gitfleet.base import advice
from gitfleet.codec import Choice

Reason = Literal[
    "next", "behind", "testing", "narrowing",
    "dependency", "stack", "conflict-ahead",
    "paused", "frozen", "no-gate", "indeterminate", "host",
    "hold", "approval", "dependency-dropped",
    "host-differs",
    "gate-failed", "host-refused", "conflict", "stale", "branch-gone",
    "landed", "landed-elsewhere", "dropped", "expired",
]  # fmt: skip
REASONS: tuple[Reason, ...] = get_args(Reason)
REASON = Choice[Reason | Literal[""]](*REASONS, "")


class Told(NamedTuple):
    """How a reason is told: the sentence, the step that comes next ("": there is none), and what that is done to."""

    words: str
    step: str = ""
    of: Literal["", "entry", "other", "branch"] = ""


TOLD: Mapping[Reason, Told] = {
    "next": Told("Nothing is in its way: the next round takes it.", advice.QUEUE_PROCESS),
    "behind": Told("{ahead} before it.", advice.QUEUE),
    "testing": Told("Node {node} runs the gate on it.", advice.QUEUE_SHOW, "entry"),
    "narrowing": Told(
        "A candidate with it failed its gate, and is being narrowed down.", advice.QUEUE_SHOW, "entry"
    ),
    "dependency": Told("It comes after {other}, which has not landed.", advice.QUEUE_WHY, "other"),
    "stack": Told("It is stacked on {other}, which has not landed.", advice.QUEUE_WHY, "other"),
    "conflict-ahead": Told(
        "It conflicts with {other}, which is ahead of it: {paths}.", advice.QUEUE_WHY, "other"
    ),
    "paused": Told("The queue is paused below {floor}: {pause}.", advice.QUEUE_RESUME),
    "frozen": Told(
        "The queue is frozen below {floor}: it may be tested, and does not land: {pause}.",
        advice.QUEUE_RESUME,
    ),
    "no-gate": Told(
        "No gate is configured, so nothing lands. gitfleet.yaml must name one, or say `gate: none`.",
        advice.SYNC,
    ),
    "indeterminate": Told(
        "The gate could not be run to its end: {words}. It is tried again.", advice.QUEUE_PROCESS
    ),
    "host": Told("It was handed to the host, whose answer is awaited: {words}.", advice.QUEUE_PROCESS),
    "hold": Told("{by} holds it: {words}.", advice.QUEUE_UNHOLD, "entry"),
    "approval": Told("It needs an approval: {words}.", advice.QUEUE_APPROVE, "entry"),
    "dependency-dropped": Told(
        "What it is built upon is gone from the queue: {words}.", advice.QUEUE_UNHOLD, "entry"
    ),
    "host-differs": Told(
        "The host has put it onto {target}, though not as it was tested: {words}. Letting it go on calls it landed.",
        advice.QUEUE_UNHOLD,
        "entry",
    ),
    "host-refused": Told("The host refuses it: {words}.", advice.QUEUE_ADD, "branch"),
    "gate-failed": Told("It fails its gate: {words}.", advice.QUEUE_ADD, "branch"),
    "conflict": Told("It conflicts with {target}: {paths}.", advice.QUEUE_ADD, "branch"),
    "stale": Told("Its branch is no longer at {head}.", advice.QUEUE_ADD, "branch"),
    "branch-gone": Told("Its branch is gone from the hub.", advice.QUEUE_DROP, "entry"),
    "landed": Told("It has landed on {target} as {landed}."),
    "landed-elsewhere": Told("{target} had it already, as {landed}."),
    "dropped": Told("{by} dropped it{because}.", advice.QUEUE_ADD, "branch"),
    "expired": Told("It was not repaired in time.", advice.QUEUE_ADD, "branch"),
}
